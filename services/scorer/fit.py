"""Fit: points for who the person is. It looks at traits alone and does not decay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from baton_schemas.documents.condition import Condition
from services.scorer.conditions import MOST_REMEMBERED, Values, compile_each


@dataclass(frozen=True, slots=True)
class FitRule:
    """A fit criterion. `points` in tenths."""

    id: str
    label: str
    points: int
    when: Condition


class Met(NamedTuple):
    """The criteria that somebody's traits meet, in the definition's order, and the sum of their points (tenths)."""

    lines: Sequence[FitRule]
    points: int


class Fit:
    """All fit criteria of a definition, compiled together. What was met before is put together once."""

    __slots__ = ("_holding", "_met", "rules")

    def __init__(self, rules: Sequence[FitRule]) -> None:
        self.rules = rules
        self._holding = compile_each([rule.when for rule in rules])
        self._met: dict[int, Met] = {}

    def of(self, traits: Values) -> Met:
        """What the traits meet."""
        holding = self._holding(traits)
        met = self._met.get(holding)
        if met is None:
            if len(self._met) >= MOST_REMEMBERED:
                self._met.clear()
            lines = tuple(rule for place, rule in enumerate(self.rules) if holding >> place & 1)
            met = self._met[holding] = Met(lines, sum(rule.points for rule in lines))
        return met
