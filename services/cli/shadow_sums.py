"""A comparison in sum: first touch, owner, what one side missed, and what became of each group. Pure.

Every number counts lines, so it can be checked against them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median_low
from typing import get_args

import msgspec

from services.cli.shadow_comparison import Entry, Owner, Standing, Touch


class Became(msgspec.Struct, frozen=True):
    """What became of a group's deals. `rate` is won of all that ended, None where none has."""

    deals: int
    won: int
    lost: int
    rejected: int
    open: int

    @property
    def rate(self) -> float | None:
        """Won of those that ended."""
        ended = self.won + self.lost + self.rejected
        return self.won / ended if ended else None


class Sums(msgspec.Struct, frozen=True):
    """Counts of lines. Medians in ms, None where there is nothing to take one of; `allowed` over the lines that have a
    `delay`."""

    qualified: int
    standing: dict[str, int]
    unknown: int
    touch: dict[str, int]
    median_delay: int | None
    median_allowed: int | None
    owner: dict[str, int]
    became: dict[str, Became]

    @property
    def in_time(self) -> float | None:
        """Share of first touches in time, of those whose time is over or that were made and noted."""
        judged = sum(self.touch.values()) - self.touch["open"] - self.touch["not_noted"]
        return self.touch["in_time"] / judged if judged else None

    @property
    def same_owner(self) -> float | None:
        """Share of deals that the rep had whom Baton gives the lead to."""
        judged = sum(self.owner.values())
        return self.owner["same"] / judged if judged else None


def sums_of(entries: Sequence[Entry]) -> Sums:
    """The sums of these lines."""
    delayed = [each for each in entries if each.delay is not None]
    groups = {
        "both": [each for each in entries if each.standing == "both"],
        "only_crm": [each for each in entries if each.standing == "only_crm"],
    }
    return Sums(
        qualified=sum(each.decided is not None for each in entries),
        standing=_counted((each.standing for each in entries), get_args(Standing)),
        unknown=sum(each.differences[0].kind == "unknown" for each in entries if each.standing == "only_crm"),
        touch=_counted((each.touch for each in entries if each.touch), get_args(Touch)),
        median_delay=median_low(each.delay or 0 for each in delayed) if delayed else None,
        median_allowed=median_low(each.allowed or 0 for each in delayed) if delayed else None,
        owner=_counted((each.owner for each in entries if each.owner), get_args(Owner)),
        became={name: _became(group) for name, group in groups.items()},
    )


def _counted(words: Iterable[str], every: Sequence[str]) -> dict[str, int]:
    found = Counter(words)
    return {word: found[word] for word in every}


def _became(entries: Iterable[Entry]) -> Became:
    """By the first deal of each line."""
    stages = Counter(each.deal.stage for each in entries if each.deal is not None)
    ended = {name: stages[name] for name in ("won", "lost", "rejected")}
    return Became(deals=stages.total(), open=stages.total() - sum(ended.values()), **ended)
