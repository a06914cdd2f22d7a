"""When a message that was not taken is sent again, and when it is given up. Pure.

The schedule is for a message that fails while others are taken. As long as the receiver takes nobody's, a failure moves
nobody along it: an outage of a weekend must not make dead letters of a weekend's leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

JITTER = 0.2


class Trouble(NamedTuple):
    """A message that was not taken: how often that counted, why it failed last, when it is due again (wall ms)."""

    failures: int
    code: str
    since: int
    due: int


def again(
    before: Trouble | None,
    code: str,
    *,
    now: int,
    schedule: Sequence[float],
    others_served: bool,
    asked_s: float,
    luck: float,
) -> Trouble | None:
    """What follows from a failure at `now` (wall ms); None when it is to be given up. `asked_s` is for how long the
    receiver wants to be left alone, `luck` from 0 to 1 spreads what failed together.

    >>> first = again(None, "server_error", now=0, schedule=[5, 30], others_served=False, asked_s=0, luck=0.0)
    >>> first
    Trouble(failures=1, code='server_error', since=0, due=5000)
    >>> again(first, "server_error", now=5000, schedule=[5, 30], others_served=True, asked_s=0, luck=1.0)
    Trouble(failures=2, code='server_error', since=0, due=41000)
    """
    counted = 1 if before is None else before.failures + others_served
    if counted > len(schedule):
        return None
    pause_s = max(schedule[counted - 1] * (1 + JITTER * luck), asked_s)
    return Trouble(counted, code, now if before is None else before.since, now + round(pause_s * 1000))
