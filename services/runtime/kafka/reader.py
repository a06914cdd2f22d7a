"""Raw reads of one partition, from an offset to an offset: for journals, which are read whole and handed to nobody.

A group consumer turns each record into an object of its own and resets positions by rules that suit a subscription;
restore needs neither. Here a position is only what was asked for, and a record is what the batch decoder yields.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, LeaderNotAvailableError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords

from services.runtime.errors import Transient
from services.runtime.kafka.reconnect import pace

EARLIEST, LATEST = -2, -1
EVERYTHING, COMMITTED = 0, 1
"""What is read where senders use transactions: all that was written, or only what is true."""
_BACKOFF_S = 0.05


class Slice(NamedTuple):
    """Records in offset order, and the offset that follows them in the log (compaction leaves holes)."""

    records: Sequence[Any]
    next_offset: int


class Fetched(NamedTuple):
    """What one fetch brought: batches as the broker keeps them, its end of the log, and (producer, first offset) of
    the transactions in it that were given up."""

    data: bytes
    highwater: int
    aborted: Sequence[tuple[int, int]]


class LogReader:
    """Reads partitions without a group. Start it before use; calls share one connection per broker.

    Every call retries what the client calls retriable for `patience_s`, then raises Transient. `isolation` COMMITTED
    lets `fetch` and `offsets` end where a transaction is still open.
    """

    def __init__(
        self,
        parameters: dict[str, Any],
        *,
        client_id: str,
        patience_s: float,
        fetch_bytes: int = 4 << 20,
        isolation: int = EVERYTHING,
    ):
        timeout_ms = int(patience_s * 1000)
        self._client = AIOKafkaClient(client_id=client_id, request_timeout_ms=timeout_ms, **parameters)
        pace(self._client)
        self._patience_s = patience_s
        self._fetch_bytes = fetch_bytes
        self._isolation = isolation

    async def start(self) -> None:
        """Connects. Raises KafkaConnectionError when no broker answers."""
        await self._client.bootstrap()

    async def stop(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def offsets(self, partitions: Sequence[TopicPartition], which: int) -> dict[TopicPartition, int]:
        """The EARLIEST offsets, or the LATEST (the next to be written), of `partitions`."""
        found: dict[TopicPartition, int] = {}
        deadline = _now() + self._patience_s
        while missing := [tp for tp in partitions if tp not in found]:
            try:
                for node, topics in (await self._by_leader(missing, which)).items():
                    response = await self._client.send(node, OffsetRequest(-1, self._isolation, list(topics.items())))
                    for topic, answers in response.topics:
                        for partition, code, *rest in answers:
                            _raise_for(code)
                            found[TopicPartition(topic, partition)] = rest[-1]
            except KafkaError as error:
                await self._pause(error, deadline)
        return found

    async def read(self, tp: TopicPartition, start: int, end: int) -> AsyncIterator[Slice]:
        """Everything from `start` up to `end` (exclusive) that is still in the log, a fetch at a time."""
        position = start
        while position < end:
            data, highwater, _ = await self.fetch(tp, position)
            batches = MemoryRecords(data)
            first = position
            while batches.has_next():
                batch = batches.next_batch()
                following = batch.next_offset
                if not batch.is_control_batch:
                    records = list(batch)
                    if batch.base_offset < first or following > end:
                        records = [record for record in records if first <= record.offset < end]
                    yield Slice(records, min(following, end))
                position = following
            if position == first:  # nothing left between here and the end of the log
                position = max(highwater, end)

    async def fetch(self, tp: TopicPartition, position: int) -> Fetched:
        """The batches from the one that holds `position` on; none when there are none."""
        deadline = _now() + self._patience_s
        while True:
            try:
                leader = await self._leader(tp)
                wanted = [(tp.topic, [(tp.partition, position, self._fetch_bytes)])]
                request = FetchRequest(100, 1, self._fetch_bytes, self._isolation, wanted)
                response = await self._client.send(leader, request)
                ((_, ((_, code, highwater, *rest),)),) = response.topics
                _raise_for(code)
                aborted = next((each for each in rest[:-1] if isinstance(each, list)), ())  # null when there are none
                return Fetched(rest[-1], highwater, aborted)
            except OffsetOutOfRangeError:
                (begin,) = (await self.offsets([tp], EARLIEST)).values()
                if begin <= position:
                    raise
                position = begin
            except KafkaError as error:
                await self._pause(error, deadline)

    async def partitions(self, topic: str) -> list[int]:
        """The partitions of a broker topic, in order; none when it is not there."""
        cluster = self._client.cluster
        if not cluster.partitions_for_topic(topic):
            cluster = await self._client.fetch_all_metadata()
        return sorted(cluster.partitions_for_topic(topic) or ())

    async def _by_leader(self, partitions: Sequence[TopicPartition], which: int) -> dict[int, dict[str, list[Any]]]:
        nodes: dict[int, dict[str, list[Any]]] = {}
        for tp in partitions:
            nodes.setdefault(await self._leader(tp), {}).setdefault(tp.topic, []).append((tp.partition, which))
        return nodes

    async def _leader(self, tp: TopicPartition) -> int:
        await self._client._wait_on_metadata(tp.topic)
        leader: int | None = self._client.cluster.leader_for_partition(tp)
        if leader is None or leader < 0:
            raise LeaderNotAvailableError
        return leader

    async def _pause(self, error: KafkaError, deadline: float) -> None:
        if not error.retriable:
            raise error
        if _now() > deadline:
            raise Transient(f"the broker does not answer: {error}") from error
        if error.invalid_metadata:
            await self._client.force_metadata_update()
        await asyncio.sleep(_BACKOFF_S)


def _raise_for(code: int) -> None:
    if code:
        raise for_code(code)


def _now() -> float:
    return asyncio.get_running_loop().time()
