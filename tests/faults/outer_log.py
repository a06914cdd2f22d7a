"""The log as a stranger sees it: topics, offsets and groups through librdkafka, which no engine uses.

What the fault suite knows of a run it knows from here, so an engine can't talk itself out of anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from baton_schemas.catalogue import MIB
from services.runtime.kafka import admin
from services.runtime.partitioner import partition_of
from services.runtime.record import LogRecord
from services.runtime.settings import load
from tests.contract import toy
from tests.contract.expected import READERS
from tests.faults.journal_view import fold
from tests.faults.patience import ASK_S, done, patiently
from tests.faults.waiting import PATIENCE_S, until

INPUTS = toy.Toy.inputs
JOURNAL = admin.journal_topic(toy.Toy())
DEAD = tuple(f"{topic}.dead" for topic in INPUTS)
TOLD = (toy.INTERNAL, toy.DECIDED, toy.HEARD, toy.RANG, *DEAD)
JOURNAL_CONFIGS = {"segment.bytes": str(MIB), "segment.ms": "100", "min.compaction.lag.ms": "3600000"}
"""A segment is closed by the first write a tenth of a second after it began; nothing is compacted until a test says."""
EAGER_CLEANER = {"min.compaction.lag.ms": "0", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0"}

Offsets = dict[tuple[str, int], int]
"""By catalogue topic and partition."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that topics and groups say at one moment. Inputs are read last, committed offsets first."""

    topics: Mapping[str, Sequence[LogRecord]]
    journal: Mapping[int, Sequence[LogRecord]]
    committed: Mapping[tuple[str, int], int]
    partitions: int


class OuterLog:
    """The toy's topics under a prefix of their own."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int = 4) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.partitions = partitions
        self._servers = servers = {"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 500}
        self._admin = AdminClient(servers)
        self._producer = Producer({**servers, "acks": "all", "linger.ms": 2, "message.max.bytes": 4 * MIB})
        self._reader = Consumer(
            {
                **servers,
                "group.id": f"{prefix}reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
            }
        )
        self._members: dict[str, Any] = {}  # one client per group that is asked about; none ever joins
        self._names: list[str] = []

    def create(self) -> None:
        """Makes all topics as the product plans them; only the journal gets small segments."""
        settings = load(kafka=self.bootstrap, topic_prefix=self.prefix, partitions=self.partitions)
        topics = [
            NewTopic(
                plan.name,
                plan.partitions,
                1,
                config={**plan.configs, **(JOURNAL_CONFIGS if plan.name.endswith(JOURNAL) else {})},
            )
            for plan in admin.plan(settings, toy.TOPICS, [toy.Toy()])
        ]
        done(self._admin.create_topics(topics))
        self._names = [topic.topic for topic in topics]
        self.configure("first")

    def close(self) -> None:
        for consumer in (self._reader, *self._members.values()):
            consumer.close()
        done(self._admin.delete_topics(self._names))

    def put(self, topic: str, key: bytes, value: bytes | None, partition: int | None = None) -> None:
        """Puts a record on its way; `flush` waits until the log has it."""
        target = partition_of(key, self.partitions) if partition is None else partition
        self._producer.produce(self.prefix + topic, value, key, target)

    def flush(self) -> None:
        assert self._producer.flush(PATIENCE_S) == 0

    def publish(self, topic: str, key: bytes, *values: bytes | None, partition: int | None = None) -> None:
        """Puts records on an input and waits until the log has them."""
        for value in values:
            self.put(topic, key, value, partition)
        self.flush()

    def configure(self, label: str) -> None:
        """Changes the configuration: a decision taken from now on differs from one taken before."""
        self.put(toy.CONFIG, b"label", label.encode(), 0)
        self.flush()

    def read(self, topics: Iterable[str]) -> dict[str, list[LogRecord]]:
        """All records of the topics (catalogue names), each partition in order."""
        counts = {topic: 1 if topic == toy.CONFIG else self.partitions for topic in topics}
        wanted = [
            TopicPartition(self.prefix + topic, number, OFFSET_BEGINNING)
            for topic, count in counts.items()
            for number in range(count)
        ]
        found: dict[str, list[LogRecord]] = {topic: [] for topic in counts}
        self._reader.assign(wanted)
        left = len(wanted)
        while left:
            message = self._reader.poll(PATIENCE_S)
            assert message is not None, f"no answer from {self.bootstrap}"
            if message.error() is None:
                topic = message.topic().removeprefix(self.prefix)
                found[topic].append(_plain(topic, message))
            else:
                assert message.error().name() == "_PARTITION_EOF", message.error()
                left -= 1
        self._reader.unassign()
        for records in found.values():
            records.sort(key=lambda each: (each.partition, each.offset))
        return found

    def journal(self) -> dict[int, list[LogRecord]]:
        """The journal, by partition."""
        return self._by_partition(self.read([JOURNAL])[JOURNAL])

    def _by_partition(self, records: Sequence[LogRecord]) -> dict[int, list[LogRecord]]:
        return {number: [each for each in records if each.partition == number] for number in range(self.partitions)}

    def observe(self, *groups: str) -> Observed:
        """Everything, in an order in which nothing can look ahead of what it follows from."""
        committed: Offsets = {}
        for group in groups:
            for where, offset in self.committed(group).items():
                committed[where] = max(offset, committed.get(where, 0))
        inputs = (toy.CONFIG, *READERS)
        topics = self.read([JOURNAL, *TOLD, *inputs])
        journal = self._by_partition(topics.pop(JOURNAL))
        return Observed(topics | self.read(inputs), journal, committed, self.partitions)

    def committed(self, group: str = "toy") -> Offsets:
        """The group's committed offsets."""
        if group not in self._members:
            self._members[group] = Consumer({**self._servers, "group.id": self.prefix + group})
        known = patiently(lambda: self._members[group].committed(self._inputs(), timeout=ASK_S))
        return {(tp.topic.removeprefix(self.prefix), tp.partition): tp.offset for tp in known if tp.offset >= 0}

    def set_committed(self, offsets: Offsets, group: str = "toy") -> None:
        """Sets committed offsets of a group without members."""
        wanted = [TopicPartition(self.prefix + topic, number, offset) for (topic, number), offset in offsets.items()]
        asked = ConsumerGroupTopicPartitions(self.prefix + group, wanted)
        done(self._admin.alter_consumer_group_offsets([asked]))

    def ends(self) -> Offsets:
        """The next offset of every partition of the inputs."""
        return {
            (tp.topic.removeprefix(self.prefix), tp.partition): patiently(
                lambda tp=tp: self._reader.get_watermark_offsets(tp, timeout=ASK_S)[1]  # type: ignore[misc]
            )
            for tp in self._inputs()
        }

    def _inputs(self) -> list[Any]:
        return [TopicPartition(self.prefix + topic, number) for topic in INPUTS for number in range(self.partitions)]

    def lag(self, group: str = "toy") -> int:
        """Records that are not journalled or not committed yet. The ends are read last, so 0 means that all is quiet:
        outputs, which may be inputs again, are on the log before their group's offset is committed."""
        committed = self.committed(group)
        journalled = self.positions()
        return sum(
            end - min(committed.get(where, 0), journalled.get(where, 0), end) for where, end in self.ends().items()
        )

    def positions(self) -> Offsets:
        """How far the journal has read the inputs."""
        folded = {number: fold(records) for number, records in self.journal().items()}
        return {
            (topic, number): position for number, view in folded.items() for topic, position in view.positions.items()
        }

    def members(self, group: str = "toy") -> dict[str, frozenset[tuple[str, int]]]:
        """The partitions of each member of a group that is stable; empty while it is not."""
        (described,) = patiently(
            lambda: done(self._admin.describe_consumer_groups([self.prefix + group], request_timeout=ASK_S))
        )
        if described.state.name != "STABLE":
            return {}
        return {
            member.member_id: frozenset(
                (tp.topic.removeprefix(self.prefix), tp.partition) for tp in member.assignment.topic_partitions
            )
            for member in described.members
        }

    def compact(self, *, keep_tombstones: bool = False) -> int:
        """Compacts the journal now; returns how many records went. Afterwards nothing is compacted any more.

        Only closed segments are compacted: something must have been written a moment ago.
        """
        before = self.journal()
        kept = {"delete.retention.ms": "3600000"} if keep_tombstones else {}
        self._alter({**EAGER_CLEANER, **kept})
        until(lambda: self._gone(before) > 0, "compacted")
        self._alter(JOURNAL_CONFIGS)
        return self._gone(before)

    def _gone(self, before: Mapping[int, Sequence[LogRecord]]) -> int:
        now = self.journal()
        return sum(
            len({each.offset for each in records} - {each.offset for each in now[number]})
            for number, records in before.items()
        )

    def _alter(self, configs: Mapping[str, str]) -> None:
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in configs.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, self.prefix + JOURNAL, incremental_configs=entries)
        done(self._admin.incremental_alter_configs([resource]))


def _plain(topic: str, message: Any) -> LogRecord:
    headers = tuple(message.headers() or ())
    place = (message.partition(), message.offset(), message.timestamp()[1])
    return LogRecord(topic, *place, message.key(), message.value(), headers)
