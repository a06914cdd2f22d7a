"""Reading and writing topics from outside, as any tool would: no group, no journal, whole records (commands, CRM side).

Topics are named as in the catalogue; the tenant prefix is added here and taken off again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from services.runtime.effects import Send
from services.runtime.errors import Transient, UserError
from services.runtime.kafka.connection import broker_name, connection
from services.runtime.kafka.reconnect import paced
from services.runtime.partitioner import partition_of
from services.runtime.record import LogRecord
from services.runtime.settings import Settings

LARGEST_REQUEST = 8 << 20
_POLL_MS = 200
_IN_FLIGHT = 2000
_ANSWER_S = 30.0

Position = tuple[str, int]
"""A catalogue topic and a partition."""


class LogClient:
    """An async context manager. Every failure to reach the cluster is a UserError that names it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._parameters = connection(settings)
        self._producer: Any = None
        self._reader: Any = None
        self._cluster: Any = None
        self._sending: set[asyncio.Future[Any]] = set()
        self._failed: Exception | None = None
        self._making = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._reader = self._consumer()
        await self._reached(self._reader)
        await asyncio.sleep(0)  # lets its task begin: one that is cancelled before cancels whoever stops the reader
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._producer is not None:
                if kind is None:
                    await self.flush()
                await self._producer.stop()
        finally:
            await self._reader.stop()
        if isinstance(error, KafkaError):
            raise Transient(f"Kafka at {self._settings.kafka}: {error}") from error

    async def send(self, record: Send, partition: int | None = None) -> None:
        """Puts a record on its way (idempotent, acks=all), to `partition` or that of its key; waits only when very many
        are. `flush` makes sure."""
        await self._with_producer()
        while len(self._sending) >= _IN_FLIGHT:
            await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
        self._raise_failed()
        await self.partitions(record.topic)  # the producer itself would wait long for a topic that is not there
        name = broker_name(self._settings, record.topic)
        try:
            sent = await self._producer.send(
                name, key=record.key, value=record.value, headers=list(record.headers), partition=partition
            )
        except MessageSizeTooLargeError:
            raise UserError(f"{record.topic}: a record is larger than the topic takes", fix="make it smaller") from None
        except KafkaError as error:
            raise self._refused(record.topic, error) from error
        self._sending.add(sent)
        sent.add_done_callback(self._sent)

    async def write(self, record: Send, partition: int | None = None) -> None:
        """Returns when the log has `record`, in `partition` or that of its key. Raises UserError when it refuses it,
        Transient when it does not answer."""
        await self._with_producer()
        await self.partitions(record.topic)
        name, headers = broker_name(self._settings, record.topic), list(record.headers)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._producer.send_and_wait(
                    name, key=record.key, value=record.value, headers=headers, partition=partition
                )  # fmt: skip
        except MessageSizeTooLargeError:
            raise UserError(f"{record.topic}: a record is larger than the topic takes", fix="make it smaller") from None
        except UnknownTopicOrPartitionError as error:
            raise self._refused(record.topic, error) from error
        except (KafkaError, TimeoutError) as error:
            raise Transient(f"Kafka at {self._settings.kafka} did not take a record: {error}") from error

    async def flush(self) -> None:
        """Returns when the log has everything that was sent. Raises UserError when it refused something, Transient when
        it does not answer."""
        late = (await asyncio.wait(list(self._sending), timeout=_ANSWER_S))[1] if self._sending else ()
        self._raise_failed()
        if late:
            raise Transient(f"Kafka at {self._settings.kafka} did not confirm {len(late)} records in {_ANSWER_S:g} s")

    async def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic. Raises UserError when it is not there."""
        name = broker_name(self._settings, topic)
        if not self._cluster or not self._cluster.partitions_for_topic(name):
            self._cluster = await self._reader._client.fetch_all_metadata()
        known = self._cluster.partitions_for_topic(name)
        if not known:
            raise UserError(f"{name}: no such topic on {self._settings.kafka}", fix="baton topics apply")
        return sorted(known)

    async def partition_of(self, topic: str, key: bytes) -> int:
        """The partition in which records of `key` lie."""
        return partition_of(key, len(await self.partitions(topic)))

    async def ends(self, topic: str) -> dict[int, int]:
        """The next offset of every partition."""
        found = await self._reader.end_offsets(self._all(topic, await self.partitions(topic)))
        return {tp.partition: end for tp, end in found.items()}

    async def read(self, topic: str, partitions: Sequence[int] | None = None) -> AsyncIterator[LogRecord]:
        """Every record that is in the log now, partition by partition interleaved; in order within a partition."""
        wanted = partitions if partitions is not None else await self.partitions(topic)
        async for record in self.read_all([(topic, partition) for partition in wanted]):
            yield record

    async def table(self, topic: str) -> dict[bytes, bytes]:
        """The latest value by key of a topic that is read whole, but those whose latest is a tombstone."""
        latest = {record.key: record.value async for record in self.read(topic) if record.key is not None}
        return {key: value for key, value in latest.items() if value is not None}

    async def read_all(self, positions: Sequence[Position]) -> AsyncIterator[LogRecord]:
        """Every record that is in these partitions of any topics now; in order within a partition."""
        names = {TopicPartition(broker_name(self._settings, topic), number): topic for topic, number in positions}
        if not names:
            return
        consumer = self._consumer()
        await self._reached(consumer)
        try:
            ends = await consumer.end_offsets(list(names))
            begins = await consumer.beginning_offsets(list(names))
            left = {tp for tp in names if ends[tp] > begins[tp]}
            consumer.assign(list(left))
            for tp in left:
                consumer.seek(tp, begins[tp])
            while left:
                fetched = await consumer.getmany(*left, timeout_ms=_POLL_MS)
                for tp, records in fetched.items():
                    for record in records:
                        if record.offset < ends[tp]:
                            yield self._plain(names[tp], record)
                left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
        finally:
            await consumer.stop()

    async def record(self, topic: str, partition: int, offset: int) -> LogRecord:
        """The record at a position. Raises UserError when it is not (or no longer) there."""
        where = f"{topic}/{partition}/{offset}"
        if partition not in await self.partitions(topic):
            raise UserError(f"{where}: no such partition", fix=f"there are {len(await self.partitions(topic))}")
        (tp,) = self._all(topic, [partition])
        consumer = self._reader
        begin = (await consumer.beginning_offsets([tp]))[tp]
        end = (await consumer.end_offsets([tp]))[tp]
        if not begin <= offset < end:
            held = f"{begin} to {end - 1}" if end > begin else "nothing"
            raise UserError(f"{where}: not in the log, which holds {held}", fix="check the position")
        consumer.assign([tp])
        consumer.seek(tp, offset)
        while True:
            for records in (await consumer.getmany(tp, timeout_ms=_POLL_MS, max_records=1)).values():
                if records[0].offset != offset:
                    raise UserError(f"{where}: compacted away", fix="check the position")
                return self._plain(topic, records[0])

    async def follow(
        self, topics: Iterable[str], *, starts: Mapping[Position, int] | None = None
    ) -> AsyncIterator[list[LogRecord]]:
        """What arrives on `topics`, in small lists and for ever; an empty list at least every 0.2 s.

        `starts` are the offsets to begin at; without one, a partition begins at the oldest record.
        """
        names = {broker_name(self._settings, topic): topic for topic in topics}
        wanted = [tp for topic in names.values() for tp in self._all(topic, await self.partitions(topic))]
        consumer = self._consumer()
        await self._reached(consumer)
        try:
            consumer.assign(wanted)
            begins = await consumer.beginning_offsets(wanted)
            for tp in wanted:
                consumer.seek(tp, (starts or {}).get((names[tp.topic], tp.partition), begins[tp]))
            while True:
                fetched = await consumer.getmany(timeout_ms=_POLL_MS)
                yield [self._plain(names[tp.topic], record) for tp, records in fetched.items() for record in records]
        finally:
            await consumer.stop()

    def _consumer(self) -> Any:
        return paced(
            AIOKafkaConsumer(
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                enable_auto_commit=False,
                max_partition_fetch_bytes=4 << 20,
                **self._parameters,
            )
        )

    def _all(self, topic: str, partitions: Sequence[int]) -> list[Any]:
        return [TopicPartition(broker_name(self._settings, topic), partition) for partition in partitions]

    def _plain(self, topic: str, record: Any) -> LogRecord:
        return LogRecord(
            topic, record.partition, record.offset, record.timestamp, record.key, record.value, tuple(record.headers)
        )

    async def _with_producer(self) -> None:
        async with self._making:
            if self._producer is None:
                producer = paced(
                    AIOKafkaProducer(
                        enable_idempotence=True,
                        acks="all",
                        linger_ms=5,
                        max_request_size=LARGEST_REQUEST,
                        **self._parameters,
                    )
                )
                await self._reached(producer)
                self._producer = producer

    async def _reached(self, client: Any) -> None:
        try:
            await client.start()
        except KafkaConnectionError as error:
            await client.stop()
            raise UserError(f"no Kafka answers at {self._settings.kafka}", fix="check BATON_KAFKA") from error
        except asyncio.CancelledError:  # half started: nobody else will ever stop it
            await asyncio.sleep(0)
            await client.stop()
            raise

    def _sent(self, done: asyncio.Future[Any]) -> None:
        self._sending.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None and self._failed is None:
            self._failed = error if isinstance(error, Exception) else None

    def _raise_failed(self) -> None:
        if self._failed is not None:
            raise self._refused("a record", self._failed) from self._failed

    def _refused(self, what: str, error: Exception) -> UserError:
        if isinstance(error, UnknownTopicOrPartitionError):
            return UserError(f"{what}: no such topic on {self._settings.kafka}", fix="baton topics apply")
        return UserError(f"{what}: refused by Kafka: {type(error).__name__}: {error}", fix="see the broker's log")
