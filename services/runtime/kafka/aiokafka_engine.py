"""Processors on a plain aiokafka consumer: the yardstick, and the proof that they do not depend on Faust."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from services.runtime.kafka.connection import connection
from services.runtime.kafka.core import Core
from services.runtime.kafka.fetch_session import with_fetch_sessions
from services.runtime.kafka.intake import Intake
from services.runtime.kafka.lanes import Lanes
from services.runtime.kafka.reconnect import paced
from services.runtime.processor import Processor
from services.runtime.settings import Settings

FETCH_BYTES = 1 << 20
"""A partition's share of a fetch. On a backlog a person's events of one chunk are one state in the journal: a quarter
of this meant nearly twice the journal and a fifth more work for each event."""
BULK_FETCH_BYTES = 32 << 10
"""The same of a bulk topic: what is fetched is unpacked in one go, while the loop hears nothing."""
FETCH_WAIT_MS = 100
NEVER_MS = 86_400_000
"""The watchdog judges progress; the client must not leave the group because a lane restores for long."""


class AiokafkaMember:
    """One consumer, subscribed to the inputs of processors that share a group."""

    def __init__(self, core: Core, group: str, processors: Sequence[Processor], lanes: Lanes) -> None:
        self.intake = Intake(lambda: self._consumer, lanes, core.bulk, core.clock.wall, core.observe)
        self._core = core
        self._lanes = lanes
        self._topics = [core.name(topic) for processor in processors for topic in processor.inputs]
        self._consumer = group_consumer(core.settings, group, core.bulk)
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._consumer.subscribe(topics=self._topics, listener=_Listener(self._core, self._lanes, self.intake))
        self._tasks = [asyncio.create_task(self._start_and_pump())]

    async def stop(self) -> None:
        self._stopping = True
        await self._lanes.end()
        if self._consumer.assignment():
            await self.intake.commit()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._consumer.stop()

    async def _start_and_pump(self) -> None:
        try:
            await self._consumer.start()
            self._tasks.append(asyncio.create_task(self.intake.commit_regularly()))
            await self.intake.pump(lambda: self._stopping)
        except Exception as error:  # noqa: BLE001  whatever ends the intake ends the worker
            if not self._stopping:
                self._core.fail(error)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Aiokafka logs what a listener raises and goes on: nothing may leave it."""

    def __init__(self, core: Core, lanes: Lanes, intake: Intake) -> None:
        self._core = core
        self._lanes = lanes
        self._intake = intake

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        try:
            await self._lanes.revoke()
            if revoked:
                await self._intake.commit()
        except Exception as error:  # noqa: BLE001
            self._core.fail(error)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        try:
            self._intake.assigned(list(assigned))
            self._lanes.assign(self._intake.generation(), assigned)
        except Exception as error:  # noqa: BLE001
            self._core.fail(error)


def group_consumer(settings: Settings, group: str, bulk: frozenset[str] = frozenset()) -> AIOKafkaConsumer:
    """The consumer of either engine, not yet started. Of `bulk` topics it fetches little at a time."""
    parameters: dict[str, Any] = {
        "group_id": group,
        **connection(settings),
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",  # what a sender's transaction took back was never said
        "partition_assignment_strategy": [RangePartitionAssignor],
        "session_timeout_ms": settings.session_timeout_ms,
        "heartbeat_interval_ms": settings.heartbeat_ms,
        "rebalance_timeout_ms": settings.session_timeout_ms,
        "max_poll_interval_ms": NEVER_MS,
        "max_partition_fetch_bytes": FETCH_BYTES,
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        "request_timeout_ms": max(settings.session_timeout_ms * 2, 10_000),
    }
    return with_fetch_sessions(paced(AIOKafkaConsumer(**parameters)), dict.fromkeys(bulk, BULK_FETCH_BYTES))
