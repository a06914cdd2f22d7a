"""How many records a lane decides on in one go: as many as take about `AIM_S`, by what the last ones took.

A decision is plain synchronous code. While it runs the worker's loop hears nothing: heartbeats, fetches, and the
acknowledgements that other lanes wait for. How records are cut into batches never changes what is decided, so the cut
may follow the time.
"""

from __future__ import annotations

AIM_S = 0.025
_FIRST = 100


class Pace:
    """One kind of work of one lane. Measures nothing itself: it is told the processor time (seconds) of each call."""

    __slots__ = ("_aim_s", "_most", "size")

    def __init__(self, most: int, aim_s: float = AIM_S) -> None:
        self._most = most
        self._aim_s = aim_s
        self.size = min(_FIRST, most)

    def took(self, records: int, seconds: float) -> None:
        """Learns what a call over `records` took. It grows by doubling at most, and only by what filled its size: few
        records say little of many, and one fast call less than it seems."""
        if records < 1:
            return
        if seconds > self._aim_s:
            self.size = min(self.size, max(1, int(records * self._aim_s / seconds)))
        elif records >= self.size:
            fitting = int(records * self._aim_s / seconds) if seconds > 0 else self._most
            self.size = min(self._most, 2 * self.size, max(self.size, fitting))
