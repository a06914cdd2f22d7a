"""Finds the records of a few keys without unpacking those of everybody else.

A person is a few dozen records of a partition that holds millions. Kafka can't be asked for a key; but a batch that is
not compressed shows its keys as plain bytes, so one look at the bytes tells whether it can be passed over. What was
sent in a transaction that was given up was never said.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords

from services.runtime.errors import Transient, UserError
from services.runtime.kafka.connection import broker_name, connection
from services.runtime.kafka.reader import COMMITTED, EARLIEST, LATEST, Fetched, LogReader
from services.runtime.partitioner import partition_of
from services.runtime.record import LogRecord
from services.runtime.settings import Settings

_PATIENCE_S = 20.0
_LENGTH = struct.Struct(">i")
_LENGTH_AT, _REST_AT = 8, 12  # of a batch: its first offset, how many bytes follow, those bytes
_UNCOMPRESSED = 0

Advance = Callable[[int, int], None]
"""Is told how many records (by offset) have been looked through, of how many so far known."""


class KeySearch:
    """An async context manager. Topics are named as in the catalogue. Raises UserError when there is no such topic or
    no cluster, Transient when it does not answer."""

    def __init__(self, settings: Settings, advance: Advance | None = None) -> None:
        self._settings = settings
        self._advance = advance
        self._done = self._total = 0
        self._reader = LogReader(
            connection(settings), client_id="baton-search", patience_s=_PATIENCE_S, isolation=COMMITTED
        )

    async def __aenter__(self) -> Self:
        try:
            await self._reader.start()
        except KafkaConnectionError as error:
            await self._reader.stop()
            raise UserError(f"no Kafka answers at {self._settings.kafka}", fix="check BATON_KAFKA") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._reader.stop()
        if isinstance(error, KafkaError):
            raise Transient(f"Kafka at {self._settings.kafka}: {error}") from error

    async def of_keys(self, topic: str, keys: Collection[bytes]) -> list[LogRecord]:
        """All records of `keys`, each looked for in its own partition only; oldest first."""
        count = len(await self._partitions(topic))
        by_partition: dict[int, list[bytes]] = {}
        for key in keys:
            by_partition.setdefault(partition_of(key, count), []).append(key)
        found = [
            record
            for partition, wanted in by_partition.items()
            async for record in self._matching(topic, partition, wanted)
            if record.key is not None and record.key in wanted
        ]
        return sorted(found, key=lambda record: (record.timestamp, record.partition, record.offset))

    async def holding(self, topic: str, text: bytes) -> AsyncIterator[LogRecord]:
        """All records of all partitions in whose value `text` occurs."""
        for partition in await self._partitions(topic):
            async for record in self._matching(topic, partition, (text,)):
                if record.value is not None and text in record.value:
                    yield record

    async def whole(self, topic: str, key: bytes | None = None) -> AsyncIterator[LogRecord]:
        """Every record of the partition of `key`, or of all, in order within a partition."""
        partitions = await self._partitions(topic)
        if key is not None:
            partitions = [partition_of(key, len(partitions))]
        for partition in partitions:
            async for record in self._matching(topic, partition, ()):
                yield record

    async def partition_of(self, topic: str, key: bytes) -> int:
        """The partition in which records of `key` lie."""
        return partition_of(key, len(await self._partitions(topic)))

    async def _partitions(self, topic: str) -> list[int]:
        name = broker_name(self._settings, topic)
        known = await self._reader.partitions(name)
        if not known:
            raise UserError(f"{name}: no such topic on {self._settings.kafka}", fix="baton topics apply")
        return known

    async def _matching(self, topic: str, partition: int, needles: Sequence[bytes]) -> AsyncIterator[LogRecord]:
        """The records of batches in which one of `needles` may occur."""
        tp = TopicPartition(broker_name(self._settings, topic), partition)
        (start,) = (await self._reader.offsets([tp], EARLIEST)).values()
        (end,) = (await self._reader.offsets([tp], LATEST)).values()
        self._total += end - start
        position = start
        while position < end:
            fetched = await self._reader.fetch(tp, position)
            following = position
            for records, next_offset in _batches(fetched, needles):
                following = next_offset
                for record in records:
                    if position <= record.offset < end:
                        yield LogRecord(
                            topic, partition, record.offset, record.timestamp, record.key, record.value,
                            tuple(record.headers),
                        )  # fmt: skip
            if following == position:  # nothing left between here and the end
                following = end
            self._done += min(following, end) - position
            position = following
            if self._advance is not None:
                self._advance(self._done, self._total)
            await asyncio.sleep(0)


def _batches(fetched: Fetched, needles: Sequence[bytes]) -> Iterator[tuple[Sequence[Any], int]]:
    """Batch by batch: its records, none where no needle can be in it, and the offset that follows it."""
    data, batches, at = fetched.data, MemoryRecords(fetched.data), 0
    begun = sorted(fetched.aborted, key=lambda each: each[1])
    given_up: set[int] = set()
    while batches.has_next():
        batch = batches.next_batch()
        start, at = at, at + _REST_AT + _LENGTH.unpack_from(data, at + _LENGTH_AT)[0]
        while begun and begun[0][1] <= batch.base_offset:
            given_up.add(begun.pop(0)[0])
        if batch.is_control_batch:
            if ControlRecord.parse(next(batch).key) == ABORT_MARKER:
                given_up.discard(batch.producer_id)
        elif not (batch.is_transactional and batch.producer_id in given_up) and _may_hold(
            batch, data, start, at, needles
        ):
            yield list(batch), batch.next_offset
            continue
        yield (), batch.next_offset


def _may_hold(batch: Any, data: bytes, start: int, end: int, needles: Sequence[bytes]) -> bool:
    if not needles or batch.compression_type != _UNCOMPRESSED:
        return True
    return any(data.find(needle, start, end) >= 0 for needle in needles)
