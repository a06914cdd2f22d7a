"""One lane: everything of one partition of one processor, in order (L5).

A step is one of: restore, one batch of one input, one timer. A decision is journalled as a group, then its records
are sent, then the offset is committed (L2). A timer fires only when no input has anything left to read, so `read_to`
is the present (L4). A bulk topic is read when nothing else is to be done, and while no lane is far behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from services.runtime.decide import Decision, Limits, decide_batch, decide_timer
from services.runtime.effects import Observation, Send
from services.runtime.errors import Transient
from services.runtime.memory.faults import Faults, Gap
from services.runtime.memory.journal import Commit, Entry, Kind
from services.runtime.memory.log import Log
from services.runtime.processor import Context, Globals, Processor
from services.runtime.record import Batch
from services.runtime.skips import with_skips
from services.runtime.timers import Timers


class Stopped(Exception):
    """A worker stopped on purpose: a bug (its good prefix is committed), or a Transient that did not pass."""

    def __init__(self, processor: str, partition: int, cause: Exception) -> None:
        super().__init__(f"{processor}/{partition}: {type(cause).__name__}: {cause}")
        self.processor = processor
        self.partition = partition
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all lanes of an engine share. `yields` says whether bulk topics have to wait."""

    log: Log
    limits: Limits
    random: Random
    faults: Faults | None
    max_batch: int
    attempts: int
    snapshot: Callable[[tuple[str, ...]], Globals]
    yields: Callable[[], bool]
    observe: Callable[[list[Observation]], None]


class Lane:
    """State, timers and positions of one partition, and the steps on them."""

    def __init__(self, processor: Processor, partition: int, around: Surroundings) -> None:
        self.processor = processor
        self.partition = partition
        self.queued = False
        self.state: dict[bytes, bytes] = {}
        self.timers = Timers()
        self.positions: dict[str, int] = {}
        self._fetch: dict[str, int] = {}
        self._around = around
        self._journal = around.log.journal(processor.name, processor.state_version, partition)
        self._mend: list[Entry] = []
        self._epoch = 0
        self._read_to = 0
        self._live = [topic for topic in processor.inputs if not around.log.topics[topic].bulk]
        self._bulk = [topic for topic in processor.inputs if around.log.topics[topic].bulk]

    def behind_ms(self, now: int) -> int:
        """How old (wall ms) the oldest record is that this lane has still to read, bulk topics left out."""
        waiting = [topic for topic in self._live if self._fetch.get(topic, 0) < self._end(topic)]
        firsts = (self._around.log.read(topic, self.partition, self._fetch.get(topic, 0), 1) for topic in waiting)
        return max((now - first.timestamp for (first,) in firsts), default=0)

    def step(self) -> bool:
        """Does one piece of work; False when there was none."""
        if not self._epoch:
            self._restore()
            return True
        batch = self._next_batch(self._live)
        if batch is None and self._ring():
            return True
        if batch is None and self._bulk:
            if self._waiting(self._bulk) and self._around.yields():
                return True  # later
            batch = self._next_batch(self._bulk)
        if batch is not None:
            self._work(batch)
        return batch is not None

    def _restore(self) -> None:
        restored = self._journal.restore()
        self.state = restored.states
        self.timers.apply(restored.timers)
        self.positions = dict(restored.commit.positions)
        self._read_to = restored.commit.read_to
        self._mend = restored.mended()
        self._journal.append([Entry(Kind.CLAIM, None, restored.epoch + 1)])
        self._reach(Gap.IN_RESTORE)
        self._tell(restored.outbox)
        for topic in self.processor.inputs:
            # the journal's positions are the truth, the committed offset is a hint: it may lag, never lead
            committed = self._around.log.committed.get((self.processor.name, topic, self.partition), 0)
            self._fetch[topic] = min(committed, self.positions.get(topic, 0))
        self._epoch = restored.epoch + 1

    def _waiting(self, topics: Sequence[str]) -> list[str]:
        return [topic for topic in topics if self._fetch[topic] < self._end(topic)]

    def _next_batch(self, topics: Sequence[str]) -> Batch | None:
        around = self._around
        waiting = self._waiting(topics)
        if not waiting:
            return None
        topic = waiting[0] if len(waiting) == 1 else around.random.choice(waiting)
        start = max(self._fetch[topic], self.positions.get(topic, 0))
        size = around.random.randint(1, around.max_batch)
        records = around.log.read(topic, self.partition, start, size)
        self._fetch[topic] = start + len(records)
        return Batch(topic, self.partition, records)

    def _work(self, batch: Batch) -> None:
        if not batch.records:
            return
        around = self._around
        context = self._context()
        decision = self._patiently(lambda: decide_batch(self.processor, batch, self.state, context, around.limits))
        if decision.consumed:
            positions = {**self.positions, batch.topic: batch.records[0].offset + decision.consumed}
            self._commit(decision, positions, context)
        if decision.failure is not None:
            raise Stopped(self.processor.name, self.partition, decision.failure) from decision.failure

    def _ring(self) -> bool:
        now = self._around.log.clock.now()
        timer = self.timers.first_due(now)
        if timer is None:
            return False
        self._read_to = now
        context = self._context()
        limits = self._around.limits
        decision = self._patiently(lambda: decide_timer(self.processor, timer, self.state, context, limits))
        self._reach(Gap.IN_TIMER)
        if decision.failure is not None:
            raise Stopped(self.processor.name, self.partition, decision.failure) from decision.failure
        self._commit(decision, self.positions, context)
        return True

    def _patiently(self, decide: Callable[[], Decision]) -> Decision:
        around = self._around
        for attempt in range(around.attempts):
            try:
                if around.faults is not None:
                    around.faults.disturb(attempt, around.random)
                return decide()
            except Transient as error:
                last = error
        raise Stopped(self.processor.name, self.partition, last) from last

    def _commit(self, decision: Decision, positions: dict[str, int], context: Context) -> None:
        effects = decision.effects
        self._reach(Gap.BEFORE_JOURNAL)
        group = self._mend
        group += [Entry(Kind.STATE, key, value) for key, value in effects.states.items()]
        group += [Entry(Kind.TIMER, key, due) for key, due in effects.timers.items()]
        group += [Entry(Kind.OUTBOX, (self._epoch, i), send) for i, send in enumerate(decision.outgoing)]
        self._write(group)
        self._mend = []
        self._reach(Gap.BEFORE_COMMIT_RECORD)
        offsets = context.globals.offsets
        self._journal.commit(Commit(self._epoch, positions, offsets, context.read_to, len(decision.outgoing)))
        for key, value in effects.states.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        self.timers.apply(effects.timers)
        self.positions = positions
        self._around.observe(effects.observations)
        self._reach(Gap.BEFORE_OUTPUTS)
        self._tell(decision.outgoing)
        self._reach(Gap.BEFORE_OFFSET)
        for topic, position in positions.items():
            self._around.log.committed[self.processor.name, topic, self.partition] = position

    def _write(self, group: list[Entry]) -> None:
        if self._around.faults is None or len(group) < 2:
            self._journal.append(group)
            return
        cut = self._around.random.randrange(1, len(group))
        self._journal.append(group[:cut])
        self._reach(Gap.WITHIN_GROUP)
        self._journal.append(group[cut:])

    def _tell(self, outgoing: tuple[Send, ...]) -> None:
        cut = len(outgoing) and self._around.random.randrange(len(outgoing))
        for index, (topic, key, value, headers) in enumerate(outgoing):
            if index and index == cut:
                self._reach(Gap.WITHIN_OUTPUTS)
            self._around.log.append(topic, key, value, headers)

    def _context(self) -> Context:
        around = self._around
        known = around.snapshot(with_skips(self.processor.globals, around.log.topics))
        return Context(self.partition, around.log.partitions, known, around.log.clock.scale, self._read_to)

    def _end(self, topic: str) -> int:
        return self._around.log.end(topic, self.partition)

    def _reach(self, gap: Gap) -> None:
        if self._around.faults is not None:
            self._around.faults.reach(gap, self._around.random)
