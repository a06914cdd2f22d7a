"""What the broker says of a group's progress, through clients of our own: never the consumer that is watched."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as ClientPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from services.runtime.kafka.reconnect import paced
from services.runtime.progress_rule import Reading
from services.runtime.vitals import TopicPartition

_ANSWER_S = 10.0
_CONFIRM_S = 5.0


class Unreachable(Exception):
    """The broker did not answer (in time); the next read connects anew."""


class BrokerOffsets:
    """Reads committed and end offsets of a group; connects when first asked and again after each failure."""

    def __init__(self, parameters: Mapping[str, Any], group: str, *, answer_s: float = _ANSWER_S) -> None:
        self._parameters = dict(parameters)
        self._group = group
        self._answer_s = answer_s
        self._consumer: Any = None
        self._admin: Any = None

    async def read(
        self, partitions: Collection[TopicPartition] | None, topics: Collection[str]
    ) -> dict[TopicPartition, Reading]:
        """Readings of `partitions`, or of every partition of `topics` when that is None. Raises Unreachable."""
        try:
            async with asyncio.timeout(self._answer_s):
                await self._connected()
                wanted = await self._all(topics) if partitions is None else [ClientPartition(*tp) for tp in partitions]
                return await self._readings(wanted)
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    async def holds_record(self, partition: TopicPartition, offset: int) -> bool:
        """Whether a record lies at or after `offset`. What follows it may also be a transaction's marker, or nothing
        that compaction has left; then there is lag in numbers only. In doubt there is a record."""
        tp = ClientPartition(*partition)
        consumer = self._new_consumer()
        try:
            async with asyncio.timeout(_CONFIRM_S):
                await consumer.start()
                end = (await consumer.end_offsets([tp]))[tp]
                consumer.assign([tp])
                consumer.seek(tp, offset)
                while await consumer.position(tp) < end:
                    if any((await consumer.getmany(tp, timeout_ms=200, max_records=1)).values()):
                        return True
                return False
        except (KafkaError, OSError, TimeoutError):
            return True
        finally:
            await consumer.stop()

    async def close(self) -> None:
        """Closes the connections; the next read opens new ones."""
        admin, self._admin = self._admin, None
        consumer, self._consumer = self._consumer, None
        if admin is not None:
            await admin.close()
        if consumer is not None:
            await consumer.stop()

    async def _connected(self) -> None:
        if self._consumer is None:
            self._consumer = self._new_consumer()
            await self._consumer.start()
        if self._admin is None:
            timeout_ms = int(self._answer_s * 1000)
            self._admin = paced(AIOKafkaAdminClient(request_timeout_ms=timeout_ms, **self._parameters))
            await self._admin.start()

    async def _all(self, topics: Collection[str]) -> list[ClientPartition]:
        """Every partition of `topics`; a topic without any is no answer, for a watchdog must not watch nothing."""
        described = await self._admin.describe_topics(sorted(topics))
        found = {each["topic"]: [part["partition"] for part in each["partitions"]] for each in described}
        if missing := [topic for topic in topics if not found.get(topic)]:
            raise UnknownTopicOrPartitionError(f"no partitions of {', '.join(sorted(missing))}")
        return [ClientPartition(topic, number) for topic in sorted(found) for number in sorted(found[topic])]

    async def _readings(self, wanted: list[ClientPartition]) -> dict[TopicPartition, Reading]:
        committed = await self._admin.list_consumer_group_offsets(self._group, partitions=wanted)
        ends = await self._consumer.end_offsets(wanted)
        begins = await self._consumer.beginning_offsets(wanted)
        readings = {}
        for tp in wanted:
            found = committed.get(tp)
            offset = found.offset if found is not None and found.offset >= 0 else 0
            readings[TopicPartition(*tp)] = Reading(max(offset, begins[tp]), ends[tp])
        return readings

    def _new_consumer(self) -> Any:
        return paced(
            AIOKafkaConsumer(
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",  # an open transaction is nobody's lag yet
                request_timeout_ms=int(self._answer_s * 1000),
                **self._parameters,
            )
        )
