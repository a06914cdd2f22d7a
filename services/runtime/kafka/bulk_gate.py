"""Bulk topics give way: read only while live inputs keep up, one small batch at a time, with a rest after each.

The rule is `services.runtime.bulk`; this is what it looks at and what follows. A live record shares the loop, the
journal and the broker with bulk ones, so a lane takes a bulk batch only when it has nothing live, no two lanes of a
worker take one at the same time, and after each the worker does nothing in bulk for twice as long as it took.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from aiokafka import TopicPartition

from services.runtime.bulk import Gate, Lag
from services.runtime.effects import Observation
from services.runtime.pace import Pace

LOOK_S = 0.05
AIM_S = 0.005
MOST = 200
REST = 2.0
"""How long the worker rests after a bulk batch, in times of what it took: two thirds are left to live records."""


class Watched(Protocol):
    """A lane, as far as the gate looks at it."""

    def live(self) -> Iterable[tuple[TopicPartition, int | None, int | None]] | None:
        """Of each live input: when (wall ms) the oldest record that waits came into the log, and the newest that was
        delivered. None while the lane restores."""
        ...

    def poke(self) -> None: ...


class BulkGate:
    """One for each membership. `read` gives the consumer's position in a partition and the end it has seen; `pause` and
    `resume` change what is fetched."""

    def __init__(
        self,
        lanes: Iterable[Watched],
        topics: frozenset[str],
        read: Callable[[TopicPartition], tuple[int, int | None]],
        change: Callable[[TopicPartition, bool], None],
        wall: Callable[[], int],
        observe: Callable[[list[Observation]], None],
    ) -> None:
        self.pace = Pace(MOST, AIM_S)
        self._lanes = lanes
        self._topics = topics
        self._read = read
        self._change = change
        self._wall = wall
        self._observe = observe
        self._gate = Gate()
        self._wanted: set[TopicPartition] = set()
        self._behind: dict[TopicPartition, tuple[int, int]] = {}  # since when (ms), and at which position
        self._looked_at = 0.0
        self._busy = False
        self._next: list[Watched] = []
        if topics:
            observe([Observation("baton_bulk_waits", 1.0)])

    def forget(self) -> None:
        """A new assignment: nothing of the old one counts, and nothing is known of the new one."""
        self._wanted.clear()
        self._behind.clear()
        self._next.clear()
        if self._gate.is_open:
            self._gate = Gate()
            self._observe([Observation("baton_bulk_waits", 1.0)])

    def holds(self, tp: TopicPartition, *, wanted: bool) -> bool:
        """Takes note of whether a lane wants more of a partition; answers whether it must not be fetched now."""
        if tp.topic not in self._topics:
            return False
        if wanted:
            self._wanted.add(tp)
        else:
            self._wanted.discard(tp)
        return not self._gate.is_open

    def look(self) -> None:
        """Opens or shuts, if it is time to look again."""
        now = asyncio.get_running_loop().time()
        if not self._topics or now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        was_open = self._gate.is_open
        is_open = self._gate.judge(self._lag())
        if is_open == was_open:
            return
        self._observe([Observation("baton_bulk_waits", -1.0 if is_open else 1.0)])
        for tp in self._wanted:
            self._change(tp, is_open)
        if is_open:
            for lane in self._lanes:
                lane.poke()

    def take(self, lane: Watched) -> bool:
        """Whether the lane may take a bulk batch now; if so it says `done` afterwards, else it is poked in its turn."""
        if not self._gate.is_open:
            return False  # poked when it opens
        if self._busy:
            if lane not in self._next:
                self._next.append(lane)
            return False
        self._busy = True
        return True

    def done(self, seconds: float) -> None:
        """A bulk batch is committed, or was not needed (0 s)."""
        asyncio.get_running_loop().call_later(seconds * REST, self._rested)

    def _rested(self) -> None:
        self._busy = False
        waiting, self._next = self._next, []
        for lane in waiting:  # the first one takes its turn, the others line up again
            lane.poke()

    def _lag(self) -> Lag:
        """How far behind live inputs are: by the records that wait, and by what the broker has beyond them."""
        wall, least, most, known = self._wall(), 0, 0, True
        for lane in self._lanes:
            inputs = lane.live()
            if inputs is None:
                known = False
                continue
            for tp, oldest, newest in inputs:
                position, end = self._read(tp)
                if oldest is not None:
                    least, most = max(least, wall - oldest), max(most, wall - oldest)
                if end is None:
                    known = False
                elif position < end:
                    least = max(least, wall - self._behind_since(tp, position, wall))
                    known = known and newest is not None
                    most = max(most, wall - (newest or wall))
                else:
                    self._behind.pop(tp, None)
        return Lag(least, most if known else None)

    def _behind_since(self, tp: TopicPartition, position: int, wall: int) -> int:
        """Since when (wall ms) nothing came of a partition that has something."""
        since, before = self._behind.get(tp, (wall, position))
        if position != before:
            since = wall
        self._behind[tp] = since, position
        return since
