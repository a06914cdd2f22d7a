"""How the contract suite drives an engine, whatever it runs on; each engine plugs in with one class and one entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from services.runtime.clock import ManualClock
from services.runtime.memory import MemoryEngine, Stopped
from services.runtime.record import Headers, Record
from tests.contract import kafka_engines, toy


class EngineUnderTest(Protocol):
    """One worker with one `Toy`, over a log of its own, not started yet.

    `records` gives every record of a topic (catalogue name; all partitions; each partition in order). A record's
    timestamp is wall ms; the scale is 1.
    """

    partitions: int
    slack_ms: int
    """How far the log's clock and the engine's may be apart."""

    def publish(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> tuple[int, int]:
        """Puts a record on the log as somebody outside would; returns partition and offset."""
        ...

    def start(self) -> None:
        """Starts the worker, again after `kill`, `stop` or a stop on a bug; does nothing while it runs."""
        ...

    def drain(self) -> None:
        """Waits until all inputs are read, told and committed and no timer is due."""
        ...

    def wait_for_failure(self) -> str:
        """Waits until the worker has stopped on an error, and returns what it said."""
        ...

    def advance(self, milliseconds: int) -> None:
        """Lets so much time pass (waits for it on a real clock), then drains."""
        ...

    def pass_time(self, milliseconds: int) -> None:
        """Lets so much time pass and waits for nothing else; the worker may be down."""
        ...

    def kill(self) -> None:
        """SIGKILL, or what comes nearest: nothing is written, told or committed any more."""
        ...

    def stop(self) -> None:
        """Asks the worker to end in good order."""
        ...

    def records(self, topic: str) -> Sequence[Record]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """How an engine is to cut batches."""

    max_batch: int = 1000
    seed: int = 0
    partitions: int = 4


class Memory:
    """The memory engine, behind the suite's interface."""

    slack_ms = 0

    def __init__(self, options: Options) -> None:
        self.partitions = options.partitions
        self.engine = MemoryEngine(
            [toy.Toy()],
            clock=ManualClock(1_700_000_000_000),
            partitions=options.partitions,
            topics=toy.TOPICS,
            seed=options.seed,
            max_batch=options.max_batch,
        )

    def publish(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> tuple[int, int]:
        record = self.engine.publish(topic, key, value, headers, partition=partition)
        return record.partition, record.offset

    def start(self) -> None:
        pass

    def drain(self) -> None:
        self.engine.run_until_idle()

    def wait_for_failure(self) -> str:
        with pytest.raises(Stopped) as caught:
            self.engine.run_until_idle()
        return str(caught.value)

    def advance(self, milliseconds: int) -> None:
        self.engine.advance(milliseconds)

    def pass_time(self, milliseconds: int) -> None:
        self.engine.clock.advance(milliseconds)

    def kill(self) -> None:
        self.engine.restart("toy")

    def stop(self) -> None:
        self.engine.restart("toy")

    def records(self, topic: str) -> Sequence[Record]:
        return self.engine.records(topic)

    def close(self) -> None:
        pass


Builder = Callable[..., EngineUnderTest]
"""What the fixture `build` gives: makes an engine by the fields of Options."""
Build = Callable[[pytest.FixtureRequest, Options], EngineUnderTest]

BUILDS: dict[str, tuple[Build, tuple[Any, ...]]] = {
    "memory": (lambda _, options: Memory(options), ()),
    "aiokafka": (kafka_engines.build("aiokafka"), (pytest.mark.kafka,)),
    "faust": (kafka_engines.build("faust"), (pytest.mark.kafka,)),
}
"""By name: how to build the engine, and the pytest marks of its tests."""
