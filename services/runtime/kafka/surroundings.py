"""What a lane stands in: limits, the clock, the log, and what it tells of itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import TopicPartition

from services.runtime.clock import Clock
from services.runtime.decide import Limits
from services.runtime.effects import Observation
from services.runtime.errors import BatonError
from services.runtime.kafka.bulk_gate import BulkGate
from services.runtime.kafka.floor import Floor
from services.runtime.kafka.globals_reader import GlobalsReader
from services.runtime.kafka.reader import LogReader
from services.runtime.tracebacks import message


class ProcessorFailed(BatonError):
    """A processor failed on one record or timer; all that came before it is committed."""

    @classmethod
    def at(cls, processor: str, where: str, cause: BaseException | None) -> ProcessorFailed:
        """Says where and why, but not what the cause quotes of the record (L8)."""
        failure = cls(f"{processor}: {where}: {'' if cause is None else message(cause)}")
        failure.__cause__ = cause
        return failure


class Feed(Protocol):
    """What a lane asks of the consumer. `bulk` says when it may take a bulk batch."""

    bulk: BulkGate

    def begin(self, positions: Mapping[TopicPartition, int]) -> None:
        """Reads these partitions from these offsets on, whatever was read or committed before."""
        ...

    def hold(self, tp: TopicPartition) -> None:
        """Fetches no more of a partition until `resume`."""
        ...

    def resume(self, tp: TopicPartition) -> None: ...

    def position(self, tp: TopicPartition) -> int:
        """The next offset that the consumer will deliver; holes at the end of a log are behind it."""
        ...

    def done(self, tp: TopicPartition, offset: int) -> None:
        """Everything below `offset` is journalled and told: it may be committed."""
        ...


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How much goes into one batch and one group, and how long a lane has patience.

    `group_s` is processor time spent on deciding: a few batches of a backlog become one group, as if they had been one.
    """

    batch: int
    batch_bytes: int
    group_batches: int = 8
    group_s: float = 0.1
    queue: int = 4
    hold_s: float = 60.0
    patience_s: float = 6.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all lanes of a worker share. `name` turns catalogue topics into the broker's, `partitions` counts them,
    `bulk` are those that give way to others.

    `cpu_s` is what the loop's thread has spent: the time of decisions is measured by it. On a machine that is busy with
    other things the time of day would say that they are slow, and ever smaller batches would make them slower.
    """

    clock: Clock
    reader: LogReader
    globals: GlobalsReader
    limits: LaneLimits
    sizes: Limits
    name: Callable[[str], str]
    partitions: Callable[[str], int]
    bulk: Collection[str]
    observe: Callable[[Sequence[Observation]], None]
    floor: Floor
    cpu_s: Callable[[], float] = time.thread_time


@dataclass(slots=True)
class Tally:
    """What a lane has done, for progress and health."""

    restored: bool = False
    records: int = 0
    timers: int = 0
    groups: int = 0
    last_progress: float = 0.0
    restore_s: float = 0.0
    positions: dict[str, int] = field(default_factory=dict)
