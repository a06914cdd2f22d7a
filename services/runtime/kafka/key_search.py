"""Finds the records of a few keys in partitions that hold those of everybody: nobody else's are unpacked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from types import TracebackType
from typing import Any, Self

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from services.runtime.errors import Transient, UserError
from services.runtime.kafka.connection import broker_name, connection
from services.runtime.kafka.reader import COMMITTED, EARLIEST, LATEST, LogReader
from services.runtime.kafka.sieve import Sieve
from services.runtime.partitioner import partition_of
from services.runtime.record import LogRecord
from services.runtime.settings import Settings

_PATIENCE_S = 20.0

Advance = Callable[[int, int], None]
"""Is told how many records (by offset) have been looked through, of how many so far known."""
Keep = Callable[[Any], bool]


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
        for key in dict.fromkeys(keys):
            by_partition.setdefault(partition_of(key, count), []).append(key)
        found = [
            record
            for partition, wanted in by_partition.items()
            async for record in self._let_through(topic, partition, Sieve(wanted), _of(wanted))
        ]
        return sorted(found, key=lambda record: (record.timestamp, record.partition, record.offset))

    async def until_closed(
        self, topic: str, partition: int, keys: Collection[bytes], closes: Keep
    ) -> AsyncIterator[LogRecord]:
        """What a partition holds of `keys` and beside them, and what follows up to a record that closes it."""
        async for record in self._let_through(topic, partition, Sieve(list(keys), closes), _any):
            yield record

    async def holding(self, topic: str, text: bytes) -> AsyncIterator[LogRecord]:
        """All records of all partitions in whose value `text` occurs."""
        for partition in await self._partitions(topic):
            async for record in self._let_through(topic, partition, Sieve([text]), _with(text)):
                yield record

    async def whole(self, topic: str) -> AsyncIterator[LogRecord]:
        """Every record, in order within a partition."""
        for partition in await self._partitions(topic):
            async for record in self._let_through(topic, partition, Sieve(()), _any):
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

    async def _let_through(self, topic: str, partition: int, sieve: Sieve, keep: Keep) -> AsyncIterator[LogRecord]:
        tp = TopicPartition(broker_name(self._settings, topic), partition)
        (start,) = (await self._reader.offsets([tp], EARLIEST)).values()
        (end,) = (await self._reader.offsets([tp], LATEST)).values()
        self._total += end - start
        position = start
        while position < end:
            following = position
            for records, next_offset in sieve.batches(await self._reader.fetch(tp, position)):
                following = next_offset
                for each in records:
                    if position <= each.offset < end and keep(each):
                        headers = tuple(each.headers)
                        yield LogRecord(topic, partition, each.offset, each.timestamp, each.key, each.value, headers)
            if following == position:  # nothing left between here and the end
                following = end
            self._done += min(following, end) - position
            position = following
            if self._advance is not None:
                self._advance(self._done, self._total)
            await asyncio.sleep(0)


def _of(keys: Collection[bytes]) -> Keep:
    return lambda record: record.key is not None and bytes(record.key) in keys


def _with(text: bytes) -> Keep:
    return lambda record: record.value is not None and text in record.value


def _any(_record: Any) -> bool:
    return True
