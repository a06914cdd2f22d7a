"""One lane: everything of one partition of one processor, in order, by one task (L5).

Restore, then for ever: take what waits, decide, commit; or, when a timer is due and the partition has been read up to
it, let it fire. Batches that wait while a group is being written become one group together, so a busy key is written
once and acknowledgements are shared; when little arrives, a group is one small batch and waits for nothing. A batch is
as large as its time allows (`pace.py`), and between two batches of any lane the loop goes round (`floor.py`). Bulk
inputs come last, by small batches, when the worker may (`bulk_gate.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition

from services.runtime.decide import Decision, decide_batch, decide_timer
from services.runtime.effects import Effects, Observation
from services.runtime.errors import Transient, UserError
from services.runtime.kafka import faults
from services.runtime.kafka.commit_step import CommitStep
from services.runtime.kafka.group import Group, Outgoing
from services.runtime.kafka.inbox import Inbox
from services.runtime.kafka.reader import EARLIEST, LATEST
from services.runtime.kafka.restore import Restored
from services.runtime.kafka.surroundings import Feed, ProcessorFailed, Surroundings, Tally
from services.runtime.levels import Levels
from services.runtime.pace import AIM_S, Pace
from services.runtime.partitioner import partition_of
from services.runtime.processor import Context, Processor
from services.runtime.record import Batch, Record
from services.runtime.timers import Timer, Timers

log = structlog.get_logger(__name__)

_POLL_S = 0.01
_TIMERS_PER_GROUP = 500
_FIRST_RETRY_S = 0.02


class _Closed(Exception):
    """The lane was closed while it retried: what it had in hand is dropped, the next owner decides it."""


@dataclass(slots=True)
class _Hold:
    """Timers due up to `instant` wait until every input is read to its end as it was seen then."""

    instant: int
    ends: dict[str, int]
    deadline: float


class Lane:
    """`open`, then `work` until `close`. Fenced, Transient, UserError or ProcessorFailed out of them end the worker."""

    def __init__(
        self, processor: Processor, partition: int, generation: int, step: CommitStep, feed: Feed, around: Surroundings
    ) -> None:
        self.processor = processor
        self.partition = partition
        self.generation = generation
        self.tally = Tally()
        self.state: dict[bytes, bytes] = {}
        self.timers = Timers()
        self.inputs = {topic: TopicPartition(around.name(topic), partition) for topic in processor.inputs}
        self._labels = {tp.topic: topic for topic, tp in self.inputs.items()}
        self._live = {topic: tp for topic, tp in self.inputs.items() if topic not in around.bulk}
        self._inbox = Inbox(processor.inputs, around.limits.queue, around.bulk)
        self._step = step
        self._feed = feed
        self._around = around
        self.idle = False
        self._wake = asyncio.Event()
        self._closing = False
        self._read_to = 0
        self._levels = Levels()
        self._paces = {topic: Pace(around.limits.batch) for topic in processor.inputs}
        self._timer_pace = Pace(_TIMERS_PER_GROUP)
        self._held: set[str] = set()  # inputs that were told to wait
        self._hold: _Hold | None = None

    def close(self) -> None:
        """Lets the lane end after the group it is at; what waits is dropped, the next owner reads it again."""
        self._closing = True
        self._wake.set()

    def poke(self) -> None:
        """Makes an idle lane look again (the clock may have moved)."""
        self._wake.set()

    def offer(self, topic: str, records: Sequence[Record]) -> None:
        """Takes a chunk of this lane's generation, or asks for it again when something is missing before it."""
        if self._closing or not self.tally.restored:
            return
        verdict = self._inbox.offer(topic, records)
        if verdict == "refused":
            expected = self._inbox.expected(topic)
            log.warning("chunk refused", topic=topic, partition=self.partition, expected=expected)
            self._inbox.expect({topic: expected})
            self._feed.begin({self.inputs[topic]: expected})
        elif not self._inbox.has_room(topic):
            self._held.add(topic)
            self._feed.hold(self.inputs[topic])
        self._wake.set()

    def live(self) -> list[tuple[TopicPartition, int | None, int | None]] | None:
        """Of each input but bulk ones: the times (wall ms) of the oldest record that waits and of the newest delivered.
        None while the lane restores."""
        if not self.tally.restored:
            return None
        return [(tp, self._inbox.oldest(topic), self._inbox.newest(topic)) for topic, tp in self._live.items()]

    async def work(self) -> None:
        """Works until closed; `open` comes first."""
        self._around.observe(self._levels.shown())
        try:
            with contextlib.suppress(_Closed):
                while not self._closing:
                    worked = bool(self._inbox)
                    if worked:
                        await self._take()
                    if self._hold is not None or self.is_due():
                        worked = await self._ring() or worked
                    if not worked and (bulk := self._inbox.waiting_bulk()) is not None:
                        worked = await self._take_bulk(bulk)
                    if not worked:
                        await self._sleep()
        finally:
            self._around.observe(self._levels.taken_back())

    async def open(self) -> None:
        """Restores and positions the inputs; what was told last is told again."""
        started = _now()
        restored = await self._step.open()
        self.state, self._read_to, self._levels = restored.state, restored.read_to, Levels(restored.levels)
        for (key, name), due in restored.timers.items():
            self.timers.set(key, name, due)
        if restored.outbox_lost:
            log.error("outbox incomplete", processor=self.processor.name, lost=restored.outbox_lost)
        await self._around.globals.at_least(restored.globals)
        self.tally.positions = await self._start(restored)
        self.tally.restore_s, self.tally.last_progress = _now() - started, _now()
        if self._closing:
            return
        self._inbox.expect(self.tally.positions)
        self.tally.restored = True
        self._feed.begin({self.inputs[topic]: position for topic, position in self.tally.positions.items()})
        for topic in (
            self.inputs.keys() & restored.positions.keys()
        ):  # the group may know less than the journal, or more
            self._feed.done(self.inputs[topic], restored.positions[topic])
        self._around.observe(
            [
                Observation("baton_restore_seconds", self.tally.restore_s),
                Observation("baton_restored_keys_total", len(self.state)),
            ]
        )

    async def _start(self, restored: Restored) -> dict[str, int]:
        """The journal's positions are the truth; without one an input is read from its beginning."""
        partitions = list(self.inputs.values())
        begins = await self._around.reader.offsets(partitions, EARLIEST)
        ends = await self._around.reader.offsets(partitions, LATEST)
        positions = {}
        for topic, tp in self.inputs.items():
            position = restored.positions.get(topic, begins[tp])
            if position > ends[tp]:
                raise UserError(
                    f"{tp.topic}/{tp.partition}: ends at {ends[tp]}, but the journal has read it to {position}",
                    fix="the topic was made anew: use a new topic prefix, or delete the journal with it",
                )
            if position < begins[tp]:
                lost = begins[tp] - position
                log.error("input lost to retention", topic=topic, partition=self.partition, records=lost)
            positions[topic] = max(position, begins[tp])
        return positions

    async def _take(self) -> None:
        """Decides on what waits, within the bounds of a group, and commits it.

        An input that was emptied waits for the next group: what trickles in behind a backlog is decided in few calls.
        """
        limits, group, effects = self._around.limits, self._new_group(), Effects()
        failure: Exception | None = None
        count, spent, since_turn = 0, 0.0, AIM_S
        emptied: set[str] = set()
        for _ in range(limits.group_batches):
            for topic in [topic for topic in self._inbox.waiting() if topic not in emptied]:
                if since_turn >= AIM_S / 2:
                    await self._around.floor.turn()
                    since_turn = 0.0
                if self._closing:
                    break
                consumed, took, failure = await self._decide_into(group, effects, topic, self._paces[topic])
                count, spent, since_turn = count + consumed, spent + took, since_turn + took
                if failure is not None:
                    break
                if self._inbox.is_empty(topic):
                    emptied.add(topic)
            self._let_in()
            if failure is not None or self._closing or spent > limits.group_s or not self._has_more(emptied):
                break
        if count:
            await self._commit(group, effects)
            self.tally.records += count
        if failure is not None:
            raise failure

    async def _take_bulk(self, topic: str) -> bool:
        """Decides on one small batch of a bulk input and commits it, if it is this lane's turn."""
        gate = self._feed.bulk
        if not gate.take(self):
            return False
        started = _now()
        try:
            await self._around.floor.turn()
            if self._closing or self._inbox:
                return True  # something live came in
            group, effects = self._new_group(), Effects()
            consumed, _, failure = await self._decide_into(group, effects, topic, gate.pace)
            self._let_in()
            if consumed:
                await self._commit(group, effects)
                self.tally.records += consumed
            if failure is not None:
                raise failure
        finally:
            gate.done(_now() - started)
        return True

    async def _decide_into(
        self, group: Group, effects: Effects, topic: str, pace: Pace
    ) -> tuple[int, float, Exception | None]:
        """Cuts as many as fit into a call, decides on them and adds it to the group: how many records that were, how
        much processor time (seconds) it took, and why no more can be decided on."""
        around = self._around
        records = self._inbox.cut(topic, pace.size, around.limits.batch_bytes)
        started = around.cpu_s()
        decision = await self._decide_batch(topic, records)
        took = around.cpu_s() - started
        pace.took(decision.consumed, took)
        around.floor.spent(took)
        self._absorb(decision, group, effects)
        if decision.consumed:
            group.positions[topic] = records[decision.consumed - 1].offset + 1
            effects.observations.append(Observation("baton_records_total", decision.consumed, (topic,)))
        failed = decision.failure is not None
        where = f"{topic}/{self.partition}/{records[decision.consumed].offset}" if failed else ""
        return decision.consumed, took, self._failed(decision, where) if failed else None

    def _has_more(self, emptied: Set[str]) -> bool:
        return any(topic not in emptied for topic in self._inbox.waiting())

    def _let_in(self) -> None:
        for topic in [topic for topic in self._held if self._inbox.wants(topic)]:
            self._held.discard(topic)
            self._feed.resume(self.inputs[topic])

    async def _decide_batch(self, topic: str, records: Sequence[Record]) -> Decision:
        faults.point("in_batch", str(self.partition))
        batch = Batch(topic, self.partition, records)
        return await self._patiently(
            lambda: decide_batch(self.processor, batch, self.state, self._context(), self._around.sizes)
        )

    async def _ring(self) -> bool:
        """Lets due timers fire if the inputs are read up; True when something was committed."""
        if self._hold is None:
            if not self.is_due():
                return False
            instant = self._around.clock.now()
            ends = await self._around.reader.offsets(list(self._live.values()), LATEST)
            seen = {topic: ends[tp] for topic, tp in self._live.items()}
            self._hold = _Hold(instant, seen, _now() + self._around.limits.hold_s)
        if not self._may_fire(self._hold):
            return False
        await self._around.floor.turn()
        if self._closing or not self._may_fire(self._hold):
            return False
        self._read_to, started, most = self._hold.instant, self._around.cpu_s(), self._timer_pace.size
        group, effects, fired, late_ms = self._new_group(), Effects(), 0, 0
        failure: Exception | None = None
        while fired < most and (timer := self.timers.first_due(self._hold.instant)) is not None:
            if not fired:  # the first is the latest: they come in order of their due times
                late_ms = self._around.clock.now() - timer.due
            decision = await self._decide_timer(timer)
            if decision.failure is not None:
                failure = self._failed(decision, f"timer {timer.name} in partition {self.partition}")
                break
            self._absorb(decision, group, effects)
            fired += 1
        if fired < most:
            self._hold = None
        took = self._around.cpu_s() - started
        self._timer_pace.took(fired, took)
        self._around.floor.spent(took)
        faults.point("in_timer", str(self.partition))
        if fired:
            effects.observations.append(Observation("baton_timers_fired_total", fired))
            effects.observations.append(Observation("baton_timer_late_seconds", late_ms / 1000))
            await self._commit(group, effects)
            self.tally.timers += fired
        if failure is not None:
            raise failure
        return bool(fired)

    async def _decide_timer(self, timer: Timer) -> Decision:
        return await self._patiently(
            lambda: decide_timer(self.processor, timer, self.state, self._context(), self._around.sizes)
        )

    def _may_fire(self, hold: _Hold) -> bool:
        return self._is_read_up(hold) or _now() >= hold.deadline

    def _is_read_up(self, hold: _Hold) -> bool:
        positions = self.tally.positions
        return all(
            positions[topic] >= end or (self._inbox.is_empty(topic) and self._feed.position(self.inputs[topic]) >= end)
            for topic, end in hold.ends.items()
        )

    async def _commit(self, group: Group, effects: Effects) -> None:
        group.globals.update(self._around.globals.snapshot.offsets)  # at least those of every decision in it
        levels = Levels(self._levels.share())
        levels.take(effects.observations)
        group.levels = levels.share()
        started = _now()
        await self._step.commit(group, self.state, self.timers.due_of)
        effects.observations.append(Observation("baton_commit_seconds", _now() - started))
        for topic, sent in Counter(record.topic for record in group.outbox).items():
            effects.observations.append(Observation("baton_outputs_total", sent, (topic,)))
        self._levels = levels
        self.tally.positions = group.positions
        self.tally.groups += 1
        self.tally.last_progress = _now()
        for topic, position in group.positions.items():
            self._feed.done(self.inputs[topic], position)
        for letter in effects.dead_letters:
            topic = self._labels.get(letter.record.topic, letter.record.topic)
            effects.observations.append(Observation("baton_dead_letters_total", 1.0, (topic, letter.code)))
        self._around.observe(effects.observations)

    def _absorb(self, decision: Decision, group: Group, effects: Effects) -> None:
        """Applies a decision to the lane's state, and adds it to the group: later ones of the group build on it."""
        found = decision.effects
        state = self.state
        for key, value in found.states.items():
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        self.timers.apply(found.timers)
        group.states.update(found.states)
        group.timers.update(found.timers)
        partitions = self._around.partitions
        for topic, key, content, headers in decision.outgoing:
            group.outbox.append(Outgoing(topic, partition_of(key, partitions(topic)), key, content, headers))
        effects.observations.extend(found.observations)
        effects.dead_letters.extend(found.dead_letters)

    async def _patiently(self, decide: Callable[[], Decision]) -> Decision:
        """Calls again while a Transient passes, for half a session at most, each time with what the globals say then;
        then the worker ends."""
        deadline, pause = _now() + self._around.limits.patience_s, _FIRST_RETRY_S
        while True:
            try:
                return decide()
            except Transient:
                if self._closing:
                    raise _Closed from None
                if _now() + pause > deadline:
                    raise
                self._around.observe([Observation("baton_retries_total")])
                await asyncio.sleep(pause)
                pause = min(pause * 2, 1.0)

    def _failed(self, decision: Decision, where: str) -> ProcessorFailed:
        return ProcessorFailed.at(self.processor.name, where, decision.failure)

    def _new_group(self) -> Group:
        return Group(positions=dict(self.tally.positions), read_to=self._read_to)

    def _context(self) -> Context:
        around = self._around
        partitions = around.partitions(self.processor.inputs[0])
        return Context(self.partition, partitions, around.globals.snapshot, around.clock.scale, self._read_to)

    def is_due(self) -> bool:
        """Whether a timer is due."""
        due = self.timers.next_due()
        return due is not None and due <= self._around.clock.now()

    async def _sleep(self) -> None:
        """Until something comes in or the next timer is due."""
        self._wake.clear()
        if self._inbox or self._closing:
            return
        self.idle = self._hold is None
        timeout: float | None = None
        if self._hold is not None:
            timeout = _POLL_S
        elif (due := self.timers.next_due()) is not None:
            clock = self._around.clock
            timeout = max(0.0, (clock.scale.wall(due) - clock.wall()) / 1000) + 0.001
        handle = None if timeout is None else asyncio.get_running_loop().call_later(timeout, self._wake.set)
        await self._wake.wait()
        self.idle = False
        if handle is not None:
            handle.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()
