"""Baton's time: the wall clock, or a faster one for demonstrations and tests, through one and the same path (H7).

All times are integer milliseconds since 1970 UTC. Brokers stamp records with wall time, so the scale also turns a
record's stamp into Baton's time; processes that share anchor and rate agree on it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Baton time = anchor + (wall - anchor) * rate: they agree at the anchor, then Baton's runs `rate` times as fast.

    >>> TimeScale(anchor=1000, rate=60.0).at(1010)
    1600
    >>> TimeScale().at(1010)
    1010
    """

    anchor: int = 0
    rate: float = 1.0

    def at(self, wall: int) -> int:
        """Baton's time at a wall time (both ms)."""
        if self.rate == 1.0:
            return wall
        return self.anchor + round((wall - self.anchor) * self.rate)

    def wall(self, moment: int) -> int:
        """The wall time (ms) at which Baton's clock shows `moment`."""
        if self.rate == 1.0:
            return moment
        return self.anchor + round((moment - self.anchor) / self.rate)


class Clock(Protocol):
    """Where engines get the time from; processors never do (L4)."""

    @property
    def scale(self) -> TimeScale: ...

    def wall(self) -> int:
        """Wall milliseconds."""
        ...

    def now(self) -> int:
        """Baton's milliseconds: `scale.at(wall())`."""
        ...


class SystemClock:
    """The machine's clock, seen through a scale."""

    def __init__(self, scale: TimeScale | None = None) -> None:
        self.scale = scale or TimeScale()

    def wall(self) -> int:
        return time.time_ns() // 1_000_000

    def now(self) -> int:
        return self.scale.at(self.wall())


class ManualClock:
    """A clock that moves only when told: for the memory engine, replays and tests."""

    def __init__(self, wall: int, scale: TimeScale | None = None) -> None:
        self.scale = scale or TimeScale()
        self._wall = wall

    def wall(self) -> int:
        return self._wall

    def now(self) -> int:
        return self.scale.at(self._wall)

    def advance(self, milliseconds: int) -> None:
        """Moves wall time forward; time never goes back."""
        if milliseconds < 0:
            raise ValueError("time does not go back")
        self._wall += milliseconds
