"""Topics as they have to be: created by `baton topics apply`, checked before a worker starts, never auto-created."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from baton_schemas.catalogue import MIB, TOPICS, Topic, dead_topic
from services.runtime.errors import Transient, UserError
from services.runtime.kafka.connection import broker_name, connection
from services.runtime.kafka.reconnect import paced
from services.runtime.processor import Processor
from services.runtime.settings import Settings

JOURNAL_PREFIX = "journal."
_ALREADY_EXISTS = 36
_CREATION_S = 30
_POLL_S = 0.05
_FOR_EVER = -1
_JOURNAL_SEGMENT_BYTES = 64 * MIB
_JOURNAL_MESSAGE_BYTES = 16 * MIB


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic as the broker should have it. `configs` are Kafka's own names and values. What is not `ours` is made when
    it is missing, and else left as it is."""

    name: str
    partitions: int
    configs: Mapping[str, str]
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which the broker's topic is not as planned; `what` is "missing", "partitions" or a config's name."""

    topic: str
    what: str
    wanted: str
    found: str

    def __str__(self) -> str:
        if self.what == "missing":
            return f"{self.topic}: missing"
        return f"{self.topic}: {self.what}: is {self.found}, should be {self.wanted}"


def journal_topic(processor: Processor) -> str:
    """The catalogue name of a processor's journal: one per version of its state."""
    return f"{JOURNAL_PREFIX}{processor.name}.v{processor.state_version}"


def all_topics(topics: Mapping[str, Topic] = TOPICS) -> dict[str, Topic]:
    """`topics` and the dead-letter topic of each."""
    return {**topics, **{each.dead: dead_topic(each) for each in topics.values()}}


def partitions_of(topic: Topic, settings: Settings) -> int:
    """How many partitions a topic has in this system."""
    return topic.partitions or settings.partitions


def plan(
    settings: Settings, topics: Mapping[str, Topic] = TOPICS, processors: Iterable[Processor] = ()
) -> list[TopicPlan]:
    """Every topic of the system: `topics`, their dead-letter topics, and a journal per processor."""
    plans = [
        TopicPlan(
            broker_name(settings, topic.name),
            partitions_of(topic, settings),
            _configs(topic, settings),
            ours=not (settings.shadow and topic.outside),
        )
        for topic in all_topics(topics).values()
        if settings.shadow or not topic.shadow_only
    ]
    for processor in processors:
        name = broker_name(settings, journal_topic(processor))
        plans.append(TopicPlan(name, settings.partitions, _journal_configs(settings)))
    return plans


async def apply(settings: Settings, plans: Sequence[TopicPlan]) -> list[str]:
    """Creates what is missing, and sets configs that differ; returns the names of what it touched.

    Raises UserError when a topic exists with another number of partitions: that can't be changed in place.
    """
    async with _Admin(settings) as admin:
        differences = await _differences(admin, plans)
        wrong = [each for each in differences if each.what == "partitions"]
        if wrong:
            raise UserError("\n".join(map(str, wrong)), fix=_other_partitions(wrong, plans))
        missing = {each.topic for each in differences if each.what == "missing"}
        changed = {each.topic for each in differences} - missing
        await _create(admin, [each for each in plans if each.name in missing], settings.replication)
        for each in plans:
            if each.name in changed:
                resource = ConfigResource(ConfigResourceType.TOPIC, each.name, configs=dict(each.configs))
                for response in await admin.alter_configs([resource]):
                    for code, message, *_ in response.resources:
                        _raise_for(code, f"{each.name}: {message}")
        return sorted(missing | changed)


async def check(settings: Settings, plans: Sequence[TopicPlan]) -> list[Difference]:
    """How the broker's topics differ from the plan."""
    async with _Admin(settings) as admin:
        return await _differences(admin, plans)


async def require(settings: Settings, plans: Sequence[TopicPlan]) -> None:
    """Raises UserError when a topic is missing or has another number of partitions: a worker can't start."""
    found = [each for each in await check(settings, plans) if each.what in ("missing", "partitions")]
    if found:
        raise UserError("\n".join(map(str, found)), fix="baton topics apply")


async def delete(settings: Settings, names: Sequence[str]) -> None:
    """Deletes topics; those that are not there are no error."""
    async with _Admin(settings) as admin:
        await admin.delete_topics(list(names))


def _other_partitions(wrong: Sequence[Difference], plans: Sequence[TopicPlan]) -> str:
    given = {each.name for each in plans if not each.ours}
    found = next((each.found for each in wrong if each.topic in given), None)
    if found is not None:  # somebody else's topic, and all inputs have the same number
        return f"set BATON_PARTITIONS={found} for what runs in shadow"
    return "use a new topic prefix: partitions are part of the state"


def _configs(topic: Topic, settings: Settings) -> dict[str, str]:
    configs = {
        "cleanup.policy": topic.cleanup,
        "max.message.bytes": str(topic.max_message_bytes),
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(_FOR_EVER if topic.retention_ms is None else topic.retention_ms),
    }
    return _durable(configs, settings)


def _journal_configs(settings: Settings) -> dict[str, str]:
    configs = {
        "cleanup.policy": "compact",
        "max.message.bytes": str(_JOURNAL_MESSAGE_BYTES),
        "message.timestamp.type": "LogAppendTime",
        "min.compaction.lag.ms": str(settings.journal_compaction_lag_ms),
        "retention.ms": str(_FOR_EVER),
        "segment.bytes": str(_JOURNAL_SEGMENT_BYTES),  # only closed segments are compacted
    }
    return _durable(configs, settings)


def _durable(configs: dict[str, str], settings: Settings) -> dict[str, str]:
    return {**configs, "min.insync.replicas": str(2 if settings.replication >= 3 else 1)}


async def _create(admin: Any, plans: Sequence[TopicPlan], replication: int) -> None:
    if not plans:
        return
    topics = [NewTopic(each.name, each.partitions, replication, topic_configs=dict(each.configs)) for each in plans]
    response = await admin.create_topics(topics, timeout_ms=30_000)
    for name, code, *rest in response.topic_errors:
        if code != _ALREADY_EXISTS:
            _raise_for(code, f"{name}: {rest[0] if rest else ''}")
    await _seen(admin, {each.name for each in plans})


async def _seen(admin: Any, names: set[str]) -> None:
    """Returns when the broker knows the topics and who leads each partition: creation is not done when it is answered.

    Raises Transient when that takes longer than half a minute.
    """
    try:
        async with asyncio.timeout(_CREATION_S):
            while True:
                known = await admin.describe_topics()
                led = {each["topic"] for each in known if all(part["leader"] >= 0 for part in each["partitions"])}
                if names <= led:
                    return
                await asyncio.sleep(_POLL_S)
    except TimeoutError as error:
        raise Transient(f"the broker does not show its new topics after {_CREATION_S} s") from error


async def _differences(admin: Any, plans: Sequence[TopicPlan]) -> list[Difference]:
    known = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
    found: list[Difference] = []
    present = [each for each in plans if each.name in known]
    configs = await _describe(admin, present)
    for each in plans:
        if each.name not in known:
            found.append(Difference(each.name, "missing", "", ""))
            continue
        if known[each.name] != each.partitions:
            found.append(Difference(each.name, "partitions", str(each.partitions), str(known[each.name])))
        for name, wanted in each.configs.items() if each.ours else ():
            actual = configs[each.name].get(name, "")
            if actual != wanted:
                found.append(Difference(each.name, name, wanted, actual))
    return found


async def _describe(admin: Any, plans: Sequence[TopicPlan]) -> dict[str, dict[str, str]]:
    if not plans:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, each.name) for each in plans]
    configs: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for code, message, _, name, entries in response.resources:
            _raise_for(code, f"{name}: {message}")
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return configs


def _raise_for(code: int, message: str) -> None:
    if code:
        error = for_code(code)
        raise UserError(f"{message or error.__name__}", fix="see the broker's log")


class _Admin:
    """An admin client that says in one line when the broker can't be reached."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    async def __aenter__(self) -> Any:
        self._client = paced(AIOKafkaAdminClient(client_id="baton-admin", **connection(self._settings)))
        try:
            await self._client.start()
        except KafkaError as error:
            await self._client.close()
            raise Transient(f"no broker at {self._settings.kafka}: {error}") from error
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
