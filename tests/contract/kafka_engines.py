"""The Kafka engines behind the suite's interface: a worker on a thread of its own, over the tests' real Kafka."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from services.runtime.kafka import admin
from services.runtime.kafka.core import Core
from services.runtime.kafka.reader import EARLIEST, LATEST, LogReader
from services.runtime.partitioner import partition_of
from services.runtime.record import Headers, LogRecord, Record
from services.runtime.settings import Settings, load
from services.runtime.worker import start_engine
from tests.contract import toy

T = TypeVar("T")
PATIENCE_S = 30.0
POLL_S = 0.02


class LoopThread:
    """An event loop on a thread of its own, to be called from outside."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` to its end and returns its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def close(self) -> None:
        self.run(_left())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class KafkaUnderTest:
    """`settings.engine` says which of the two it is. A kill drops the lanes where they stand."""

    slack_ms = 100

    def __init__(self, settings: Settings) -> None:
        self.partitions = settings.partitions
        self._settings = settings
        self._thread = LoopThread()
        self._toy = toy.Toy()
        self._core: Core | None = None
        self._thread.run(self._set_up())

    def publish(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> tuple[int, int]:
        return self._thread.run(self._publish(topic, key, value, headers, partition))

    def start(self) -> None:
        if self._core is None:
            self._core = self._thread.run(start_engine("toy", [self._toy], self._settings, topics=toy.TOPICS))

    def drain(self) -> None:
        self._wait(self._is_drained, "drained")

    def wait_for_failure(self) -> str:
        core = self._running()
        self._wait(self._has_failed, "failed")
        error = core.error
        self.stop()
        assert error is not None
        return str(error)

    def advance(self, milliseconds: int) -> None:
        self.pass_time(milliseconds)
        self.drain()

    def pass_time(self, milliseconds: int) -> None:
        time.sleep(milliseconds / 1000)

    def kill(self) -> None:
        core, self._core = self._core, None
        if core is not None:
            self._thread.run(_kill(core))

    def stop(self) -> None:
        core, self._core = self._core, None
        if core is not None:
            self._thread.run(core.stop())

    def records(self, topic: str) -> Sequence[Record]:
        return self._thread.run(self._records(topic))

    def close(self) -> None:
        self.kill()
        self._thread.run(self._tear_down())
        self._thread.close()

    def _running(self) -> Core:
        assert self._core is not None
        return self._core

    def _wait(self, condition: Callable[[], Coroutine[Any, Any, bool]], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self._thread.run(condition()):
            assert time.monotonic() < deadline, f"not {what}: {self._running().progress()}"
            time.sleep(POLL_S)

    async def _has_failed(self) -> bool:
        return self._running().stopped.is_set()

    async def _is_drained(self) -> bool:
        core = self._running()
        if core.error is not None:
            raise core.error
        progress = core.progress()
        if not progress.ready or progress.lanes != self.partitions:
            return False
        return core.is_idle() and not any((await core.lag()).values()) and core.is_idle()

    async def _set_up(self) -> None:
        plans = admin.plan(self._settings, toy.TOPICS, [self._toy])
        await admin.apply(self._settings, plans)
        parameters = {"bootstrap_servers": self._settings.kafka}
        self._producer = AIOKafkaProducer(acks="all", max_request_size=4 << 20, **parameters)
        self._reader = LogReader(parameters, client_id="contract", patience_s=PATIENCE_S)
        await self._producer.start()
        await self._reader.start()
        self._topics = [plan.name for plan in plans]

    async def _tear_down(self) -> None:
        await self._producer.stop()
        await self._reader.stop()
        await admin.delete(self._settings, self._topics)

    async def _publish(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, partition: int | None
    ) -> tuple[int, int]:
        if partition is None:
            declared = toy.TOPICS[topic].partitions
            partition = partition_of(key or b"", declared or self.partitions)
        name = self._settings.topic_prefix + topic
        if key is None and value is None:
            key = b""  # the client can't write a record that has neither
        sent = await self._producer.send_and_wait(name, value, key, partition, headers=list(headers))
        return sent.partition, sent.offset

    async def _records(self, topic: str) -> list[Record]:
        count = admin.partitions_of(admin.all_topics(toy.TOPICS)[topic], self._settings)
        partitions = [TopicPartition(self._settings.topic_prefix + topic, number) for number in range(count)]
        begins = await self._reader.offsets(partitions, EARLIEST)
        ends = await self._reader.offsets(partitions, LATEST)
        found: list[Record] = []
        for tp in partitions:
            async for part in self._reader.read(tp, begins[tp], ends[tp]):
                found += [
                    LogRecord(
                        topic, tp.partition, each.offset, each.timestamp, each.key, each.value, tuple(each.headers)
                    )
                    for each in part.records
                ]
        return found


async def _left() -> None:
    """Ends what a killed worker left on the loop: Faust's tasks may survive their cancellation."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=1)


async def _kill(core: Core) -> None:
    core.drop()
    await core.stop()


def build(engine: str) -> Callable[[pytest.FixtureRequest, Any], KafkaUnderTest]:
    """A builder of `engine` for the suite."""

    def make(request: pytest.FixtureRequest, options: Any) -> KafkaUnderTest:
        broker = request.getfixturevalue("kafka")
        unique = request.getfixturevalue("unique")
        return KafkaUnderTest(
            load(
                engine=engine,
                kafka=broker.bootstrap,
                topic_prefix=unique(""),
                partitions=options.partitions,
                max_batch=options.max_batch,
                session_timeout_ms=3000,
                heartbeat_ms=500,
            )
        )

    return make
