"""Faults at every step of the memory engine, by probability from a seed or exactly at the n-th visit.

`Crash` is what a SIGKILL is to a worker: all lanes of the processor are gone, the log and its journals stay. It is no
`Exception`, so nothing that handles errors can mistake it for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from enum import StrEnum
from random import Random

from services.runtime.errors import Transient


class Gap(StrEnum):
    """A step after which a worker may die. Every one of them leaves another trace in the log."""

    IN_RESTORE = "in-restore"
    BEFORE_JOURNAL = "before-journal"
    WITHIN_GROUP = "within-group"
    BEFORE_COMMIT_RECORD = "before-commit-record"
    BEFORE_OUTPUTS = "before-outputs"
    WITHIN_OUTPUTS = "within-outputs"
    BEFORE_OFFSET = "before-offset"
    IN_TIMER = "in-timer"


class Crash(BaseException):
    """The worker dies here."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(gap.value)
        self.gap = gap


class Faults:
    """Which faults happen. `hits` counts, so that a test can tell that each gap was really hit.

    `crash` is a probability for all gaps or one for each; `at` names visits (0 is the first) at which a gap kills for
    certain; `transient` is the probability that a call meets `transient_times` Transient errors in a row before it
    gets through. After `most` crashes nothing happens any more, so a run always ends.
    """

    def __init__(
        self,
        crash: float | Mapping[Gap, float] = 0.0,
        *,
        at: Mapping[Gap, Collection[int]] | None = None,
        transient: float = 0.0,
        transient_times: int = 1,
        most: int = 100,
    ) -> None:
        self.hits: Counter[Gap] = Counter()
        self.transients = 0
        self._crash = crash if isinstance(crash, Mapping) else dict.fromkeys(Gap, crash)
        self._at = at or {}
        self._transient = transient
        self._times = transient_times
        self._most = most
        self._visits: Counter[Gap] = Counter()

    def reach(self, gap: Gap, random: Random) -> None:
        """Raises Crash when the worker dies at this visit of `gap`."""
        visit = self._visits[gap]
        self._visits[gap] += 1
        by_chance = random.random() < self._crash.get(gap, 0.0) and self.hits.total() < self._most
        if by_chance or visit in self._at.get(gap, ()):
            self.hits[gap] += 1
            raise Crash(gap)

    def disturb(self, attempt: int, random: Random) -> None:
        """Raises Transient when the call's `attempt` (0 is the first) fails for a while."""
        if attempt == 0 and random.random() >= self._transient:
            return
        if attempt < self._times:
            self.transients += 1
            raise Transient("injected")
