"""The default engine: a Faust app per group, with Baton's transport beneath and Baton's lanes beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import faust
from faust.app.base import BootStrategy

from services.runtime.kafka.aiokafka_engine import group_consumer
from services.runtime.kafka.core import Core
from services.runtime.kafka.faust_transport import NoTables
from services.runtime.kafka.intake import COMMIT_EVERY_S, Intake
from services.runtime.kafka.lanes import Lanes
from services.runtime.processor import Processor


class FaustMember:
    """One Faust app: one group, one subscription, one agent per processor."""

    def __init__(self, core: Core, group: str, processors: Sequence[Processor], lanes: Lanes) -> None:
        self.lanes = lanes
        self.intake = Intake(lambda: self._app.consumer.kafka, lanes, core.bulk, core.clock.wall, core.observe)
        self._core = core
        self._app = _app(core, group)
        self._app.baton = self
        self._starting: asyncio.Task[None] | None = None
        for processor in processors:
            topics = [core.name(topic) for topic in processor.inputs]
            channel = self._app.topic(*topics, key_type=bytes, value_type=bytes, value_serializer="raw")
            self._app.agent(channel, name=processor.name, concurrency=1)(_hold)

    async def start(self) -> None:
        self._starting = asyncio.create_task(self.guard(self._app.start()))

    async def stop(self) -> None:
        await self.lanes.end()
        await self._app.stop()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])

    async def guard(self, work: Awaitable[Any]) -> None:
        """Awaits `work`; what it raises ends the worker."""
        try:
            await work
        except Exception as error:  # noqa: BLE001  Faust and aiokafka would log it and go on
            self._core.fail(error)

    def new_consumer(self, group: str) -> Any:
        """What the transport reads from."""
        return group_consumer(self._core.settings, group, self._core.bulk)


class _Boot(BootStrategy):  # type: ignore[misc]
    """Consumer, agents and conductor: Baton has its own producer, and its own port for people and probes."""

    enable_kafka_producer = False
    enable_web = False


class _App(faust.App):  # type: ignore[misc]
    """A Faust app that keeps no files and says so when it crashes."""

    BootStrategy = _Boot
    baton: FaustMember

    def _create_directories(self) -> None:
        """Nothing: no table, no file."""

    async def crash(self, reason: BaseException) -> None:
        self.baton._core.fail(reason)
        await super().crash(reason)


async def _hold(stream: Any) -> None:
    """The agent: it holds the subscription. Its stream stays empty, records go from the transport to the lanes."""
    async for _ in stream:
        pass


def _app(core: Core, group: str) -> _App:
    settings = core.settings
    return _App(
        group,
        broker=[f"baton://{host}" for host in settings.kafka.split(",")],
        loop=asyncio.get_running_loop(),
        autodiscover=False,
        datadir=Path(settings.data_dir),
        web_enabled=False,
        TableManager=NoTables,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        broker_commit_interval=COMMIT_EVERY_S,
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_request_timeout=max(settings.session_timeout_ms * 2, 10_000) / 1000,
    )
