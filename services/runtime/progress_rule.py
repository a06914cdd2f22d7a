"""The rule that finds a worker which looks alive and does nothing, from offsets that a separate client read.

A consumer can stop fetching and still answer heartbeats; its own counters then say what it believes. So the rule sees
only what the broker says: there is lag, and the committed offset has not moved for too long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from services.runtime.vitals import TopicPartition


class Reading(NamedTuple):
    """One partition at the broker: the next offset to be committed work, and the end of the log."""

    committed: int
    end: int

    @property
    def lag(self) -> int:
        """Records between the two; a committed offset ahead of a shortened log counts as none."""
        return max(0, self.end - self.committed)


class Verdict(NamedTuple):
    """What a round of readings comes to. `seconds` is how long it has been so, `partition` the slowest one."""

    state: Literal["moving", "stuck", "unreachable"]
    seconds: float
    partition: TopicPartition | None = None
    reading: Reading | None = None


@dataclass(slots=True)
class _Mark:
    committed: int
    lagged: bool
    moved_at: float


class ProgressRule:
    """Judges round after round; `patience_s` without progress, or without an answer, is too long.

    Time during which the broker did not answer, or this process did not run (it was frozen), is nobody's fault: after
    such a gap every partition gets its full patience again.
    """

    def __init__(self, *, patience_s: float) -> None:
        self._patience_s = patience_s
        self._marks: dict[TopicPartition, _Mark] = {}
        self._last_round: float | None = None
        self._silent_since: float | None = None

    def judge(self, now: float, readings: Mapping[TopicPartition, Reading] | None) -> Verdict:
        """The verdict at `now` (monotonic seconds) on `readings`; None says that the broker did not answer."""
        frozen = self._last_round is not None and now - self._last_round > self._patience_s / 2
        self._last_round = now
        if readings is None:
            return self._unreachable(now, frozen=frozen)
        if frozen or self._silent_since is not None:
            self._marks.clear()
        self._silent_since = None
        self._marks = {tp: self._mark(tp, reading, now) for tp, reading in readings.items()}
        lagging = [tp for tp, reading in readings.items() if reading.lag]
        if not lagging:
            return Verdict("moving", 0.0)
        slowest = min(lagging, key=lambda tp: self._marks[tp].moved_at)
        seconds = now - self._marks[slowest].moved_at
        return Verdict("stuck" if seconds >= self._patience_s else "moving", seconds, slowest, readings[slowest])

    def excuse(self, partition: TopicPartition, now: float) -> None:
        """Gives a partition its full patience again: what lies there is no record (a transaction's marker)."""
        if partition in self._marks:
            self._marks[partition].moved_at = now

    def _mark(self, tp: TopicPartition, reading: Reading, now: float) -> _Mark:
        mark = self._marks.get(tp)
        lagging = reading.lag > 0
        if mark is not None and mark.lagged and lagging and mark.committed == reading.committed:
            return mark
        return _Mark(reading.committed, lagging, now)

    def _unreachable(self, now: float, *, frozen: bool) -> Verdict:
        if self._silent_since is None or frozen:
            self._silent_since = now
        seconds = now - self._silent_since
        return Verdict("unreachable" if seconds >= self._patience_s else "moving", seconds)
