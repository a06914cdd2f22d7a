"""Runs several processors over one log, one step at a time, in an order that the seed decides.

engine = MemoryEngine([Scorer(), Router()], clock=ManualClock(0), partitions=8, seed=7)
engine.publish("engagement.events", key, value)
engine.run_until_idle()
engine.advance(4 * HOUR)
engine.records("leads.routed")
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random

from baton_schemas.catalogue import Topic
from services.runtime.bulk import SHUT_MS
from services.runtime.clock import ManualClock
from services.runtime.decide import Limits
from services.runtime.effects import Observation
from services.runtime.errors import UserError
from services.runtime.memory.faults import Crash, Faults
from services.runtime.memory.lane import Lane, Stopped, Surroundings
from services.runtime.memory.log import Log
from services.runtime.memory.tables import Tables
from services.runtime.processor import Processor
from services.runtime.record import Headers, LogRecord
from services.runtime.timers import Timer

__all__ = ["MemoryEngine", "Stopped"]

DEFAULT_MAX_STATE = 900_000


class MemoryEngine:
    """Processors, wired over a log. Equal arguments and equal calls give equal logs, byte for byte.

    `log` lets an engine take over where another one left off (a new version of a processor, a replay); without one a
    new log with `topics` (default: the catalogue) is made. `max_batch` bounds the batches that the seed cuts;
    `attempts` bounds the calls of a processor that raises Transient; `max_state` bounds a state's bytes.

    Raises UserError when a processor names a topic that is not declared, or an input that isn't partitioned.
    """

    def __init__(
        self,
        processors: Sequence[Processor],
        *,
        clock: ManualClock,
        partitions: int = 8,
        topics: Mapping[str, Topic] | None = None,
        seed: int = 0,
        faults: Faults | None = None,
        log: Log | None = None,
        max_batch: int = 1000,
        attempts: int = 10,
        max_state: int = DEFAULT_MAX_STATE,
    ) -> None:
        self.clock = clock
        self.log = log or Log(clock=clock, partitions=partitions, topics=topics, seed=seed)
        self.observed: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
        self._processors = {processor.name: processor for processor in processors}
        self._random = Random(seed)
        self._around = Surroundings(
            log=self.log,
            limits=Limits(lambda topic: self.log.topics[topic].max_message_bytes, max_state),
            random=self._random,
            faults=faults,
            max_batch=max_batch,
            attempts=attempts,
            snapshot=Tables(self.log).snapshot,
            yields=self._is_behind,
            observe=self._observe,
        )
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._ready: list[Lane] = []
        for processor in processors:
            self._check(processor)
            for topic in processor.inputs:
                for partition in range(self.log.partitions):
                    self._wake_on(topic, processor.name, partition)
            self.restart(processor.name)

    def publish(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        *,
        partition: int | None = None,
    ) -> LogRecord:
        """Puts a record on the log, as somebody outside would. Nothing is processed yet."""
        return self.log.append(topic, key, value, headers, partition)

    def run_until_idle(self, most_steps: int = 10_000_000) -> int:
        """Works until nothing is left to read and no timer is due; returns the number of steps.

        Raises Stopped when a worker stops (bug, or Transient to the end); a later call starts it again. Raises
        RuntimeError after `most_steps`: processors that keep each other busy for ever.
        """
        self._wake_due()
        for steps in range(most_steps):
            if not self._ready:
                return steps
            self._step()
        raise RuntimeError(f"not idle after {most_steps} steps")

    def advance(self, milliseconds: int) -> None:
        """Lets Baton's time pass: stops at each due time on the way, in order, and works until idle there."""
        self.run_until_idle()
        target = self.clock.now() + milliseconds
        while (due := self._next_due()) is not None and due <= target:
            self._set_clock(due)
            self.run_until_idle()
        self._set_clock(target)

    def restart(self, processor: str) -> None:
        """Kills the processor's worker and starts another: its lanes restore from their journals."""
        for partition in range(self.log.partitions):
            self._lanes[processor, partition] = Lane(self._processors[processor], partition, self._around)
        self._ready = [lane for lane in self._ready if lane.processor.name != processor]
        for partition in range(self.log.partitions):
            self._wake(self._lanes[processor, partition])

    def records(self, topic: str) -> list[LogRecord]:
        """All records of `topic`, in the order in which they came in."""
        return self.log.arrivals(topic)

    def state(self, processor: str, partition: int | None = None) -> dict[bytes, bytes]:
        """The state of one lane, or of all lanes together. Complete after `run_until_idle`."""
        lanes = [lane for (name, number), lane in self._lanes.items() if name == processor]
        return {
            key: value
            for lane in lanes
            if partition is None or lane.partition == partition
            for key, value in lane.state.items()
        }

    def timers(self, processor: str) -> list[Timer]:
        """All timers that are set, in the order in which they would fire."""
        return sorted(timer for (name, _), lane in self._lanes.items() if name == processor for timer in lane.timers)

    def _check(self, processor: Processor) -> None:
        for topic in (*processor.inputs, *processor.outputs, *processor.globals):
            if topic not in self.log.topics:
                raise UserError(f"{processor.name}: topic {topic}: not in the catalogue", fix="declare it")
        for topic in processor.inputs:
            if self.log.topics[topic].partitions is not None:
                raise UserError(f"{processor.name}: input {topic}: not partitioned", fix="name it in globals")

    def _wake_on(self, topic: str, processor: str, partition: int) -> None:
        self.log.watch(topic, partition, lambda: self._wake(self._lanes[processor, partition]))

    def _wake(self, lane: Lane) -> None:
        if not lane.queued:
            lane.queued = True
            self._ready.append(lane)

    def _wake_due(self) -> None:
        now = self.clock.now()
        for lane in self._lanes.values():
            if (due := lane.timers.next_due()) is not None and due <= now:
                self._wake(lane)

    def _step(self) -> None:
        index = self._random.randrange(len(self._ready))
        lane = self._ready[index]
        try:
            worked = lane.step()
        except Crash:
            self.restart(lane.processor.name)
            return
        except (Stopped, UserError):
            self.restart(lane.processor.name)
            raise
        if not worked:
            # a step wakes others only at the end of the list, so the index still holds
            self._ready[index] = self._ready[-1]
            self._ready.pop()
            lane.queued = False

    def _is_behind(self) -> bool:
        """Whether any lane has something to read that is too old for bulk topics to go on."""
        now = self.clock.wall()
        return any(lane.behind_ms(now) >= SHUT_MS for lane in self._lanes.values())

    def _next_due(self) -> int | None:
        return min((due for lane in self._lanes.values() if (due := lane.timers.next_due()) is not None), default=None)

    def _set_clock(self, moment: int) -> None:
        if moment > self.clock.now():
            wall = self.clock.scale.wall(moment)
            while self.clock.scale.at(wall) < moment:
                wall += 1
            self.clock.advance(wall - self.clock.wall())

    def _observe(self, observations: list[Observation]) -> None:
        for metric, value, labels in observations:
            self.observed[metric, labels] += value
