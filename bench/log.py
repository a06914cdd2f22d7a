"""The log as the bench sees it: topics made, filled, watched and read from outside, never by asking a contender."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from baton_schemas.catalogue import Topic
from services.runtime.errors import UserError
from services.runtime.kafka import admin
from services.runtime.kafka.connection import connection
from services.runtime.kafka.reader import EARLIEST, LATEST, LogReader, Slice
from services.runtime.partitioner import partition_of
from services.runtime.processor import Processor
from services.runtime.settings import Settings, load

PARTITIONS = 8
SECRET = "a bench keeps nothing"  # noqa: S105  keys of people who do not exist
_POLL_S = 0.2
_BATCH_BYTES = 200_000

Keyed = tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]
"""Key, value, headers of a record to write."""


def bench_settings(bootstrap: str, *, engine: str = "faust", prefix: str = "", session_ms: int = 12_000) -> Settings:
    """Settings as in production, but for the partitions: 8."""
    return load(
        kafka=bootstrap,
        engine=engine,
        partitions=PARTITIONS,
        topic_prefix=prefix,
        session_timeout_ms=session_ms,
        heartbeat_ms=session_ms // 4,
        person_key_secret=SECRET,
    )


def catalogue(*names: str) -> dict[str, Topic]:
    """Topics of the bench's own, keyed by person."""
    return {name: Topic(name, "person", ()) for name in names}


def signals_topic(number: int) -> str:
    """Where a run of the bare comparison tells that somebody crossed the threshold."""
    return f"bench.signals.{number}"


async def create(
    settings: Settings,
    *names: str,
    processors: Sequence[Processor] = (),
    journals: Sequence[str] = (),
) -> None:
    """Makes topics, the journals of `processors`, and `journals` that are made in the same way for others."""
    plans = admin.plan(settings, catalogue(*names), processors)
    like = admin._journal_configs(settings)
    plans += [admin.TopicPlan(name, settings.partitions, like) for name in journals]
    await admin.apply(settings, plans)


async def fill(settings: Settings, topic: str, records: Iterable[Keyed], batch_bytes: int = _BATCH_BYTES) -> int:
    """Writes records by their keys, acks=all, as fast as it goes, in batches of at most so many bytes; returns how
    many."""
    producer = AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        max_batch_size=batch_bytes,
        max_request_size=8 << 20,
        **connection(settings),
    )
    await producer.start()
    try:
        batches: dict[int, Any] = {}
        under_way: list[asyncio.Future[Any]] = []
        count = 0
        for key, value, headers in records:
            count += 1
            partition = partition_of(key, settings.partitions)
            arguments = {"timestamp": None, "key": key, "value": value, "headers": list(headers)}
            batch = batches.get(partition)
            if batch is None or batch.append(**arguments) is None:
                if batch is not None:
                    under_way.append(await producer.send_batch(batch, topic, partition=partition))
                batches[partition] = batch = producer.create_batch()
                batch.append(**arguments)
        for partition, batch in batches.items():
            under_way.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*under_way)
        return count
    finally:
        await producer.stop()


class Watcher:
    """Asks the broker how far a group is, and how far the log. An async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = AIOKafkaAdminClient(client_id="bench", **connection(settings))
        self.reader = LogReader(connection(settings), client_id="bench", patience_s=10)

    async def __aenter__(self) -> Watcher:
        await self._admin.start()
        await self.reader.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.reader.stop()
        await self._admin.close()

    def partitions(self, topic: str) -> list[TopicPartition]:
        """All partitions of a broker topic."""
        return [TopicPartition(topic, number) for number in range(self._settings.partitions)]

    async def ends(self, *topics: str) -> dict[TopicPartition, int]:
        """The next offset of every partition."""
        return await self.reader.offsets([tp for topic in topics for tp in self.partitions(topic)], LATEST)

    async def behind(self, group: str, *topics: str) -> int:
        """Records between what the group has committed and the end of the log."""
        ends = await self.ends(*topics)
        try:
            committed = await self._admin.list_consumer_group_offsets(group)
        except KafkaError:  # the group is not known yet, or its coordinator is being found
            committed = {}
        return sum(end - max(committed[tp].offset, 0) if tp in committed else end for tp, end in ends.items())

    async def until_done(self, group: str, *topics: str, alive: Any, patience_s: float) -> None:
        """Returns when the group has committed everything, twice in a row. Raises when its process ends or is stuck."""
        left, still, since = -1, 0, time.monotonic()
        while still < 2:
            now_left = await self.behind(group, *topics)
            if now_left != left:
                left, since = now_left, time.monotonic()
            still = still + 1 if left == 0 else 0
            if alive() is not None:
                raise UserError(f"{group}: the process ended with {alive()} while {left} records were left")
            if time.monotonic() - since > patience_s:
                raise UserError(f"{group}: {left} records were left and nothing moved for {patience_s:g} s")
            await asyncio.sleep(_POLL_S)

    async def slices(self, topic: str) -> AsyncIterator[tuple[TopicPartition, Slice]]:
        """Everything in a broker topic, partition by partition."""
        begins = await self.reader.offsets(self.partitions(topic), EARLIEST)
        ends = await self.ends(topic)
        for tp, begin in begins.items():
            async for part in self.reader.read(tp, begin, ends[tp]):
                yield tp, part
