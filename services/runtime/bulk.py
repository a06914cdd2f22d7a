"""When bulk topics are read: only while everything else is less than a second behind. Pure: readings in, answer out.

Millions of records of the past may wait on a bulk topic while a person asks for a demo now. So the gate is shut when
the live inputs of a worker are a second behind, and opens again only when they have surely caught up, so it does not
flutter at the bound. Until everything is known to be read up it stays shut: a worker that starts with a backlog works
that off first.
"""

from __future__ import annotations

from dataclasses import dataclass

SHUT_MS = 1000
OPEN_MS = 500


@dataclass(frozen=True, slots=True)
class Lag:
    """How far live inputs are behind, in ms: `least` for certain, `most` at worst (None: nobody knows)."""

    least: int
    most: int | None


class Gate:
    """Open or shut; shut to begin with."""

    def __init__(self) -> None:
        self.is_open = False

    def judge(self, lag: Lag) -> bool:
        """Takes a reading in; answers whether the gate is open.

        >>> gate = Gate()
        >>> [gate.judge(Lag(a, b)) for a, b in ((0, None), (0, 400), (0, 999), (1000, 1000), (700, 700), (0, 0))]
        [False, True, True, False, False, True]
        """
        if self.is_open:
            self.is_open = lag.least < SHUT_MS
        else:
            self.is_open = lag.most is not None and lag.most < OPEN_MS
        return self.is_open
