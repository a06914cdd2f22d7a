"""The criteria on what people do, compiled: points as integer tenths, decay as a table, conditions as closures."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from baton_schemas.documents.criteria import EngagementCriterion, SequenceCriterion
from baton_schemas.documents.definition import LeadDefinition
from services.scorer.conditions import EventTest, compile_event_condition

SCALE = 1 << 24
"""The weight of a fresh event; decayed weights are integers below it."""
_DAYS = {"day": 1, "week": 7}
NO_GROUP = -1


@dataclass(frozen=True, slots=True)
class EngagementRule:
    """An engagement criterion. `points`, `cap` and `first_time` in tenths; `weights[h]` is the weight of an event h
    hours old in units of 1/SCALE, an event beyond the table weighs nothing; without weights it never decays. Of
    `window_days` (from a Monday on, or a day) the newest `most` events count; 0 days: all do. `group` is a place in
    `Scorecard.groups`; of `dated` ones the hour of the newest event is kept, which a day's bucket does not know."""

    id: str
    label: str
    actions: tuple[str, ...]
    points: int
    cap: int | None
    half_life_h: float | None
    weights: array[int] | None
    test: EventTest | None
    first_time: int = 0
    window_days: int = 0
    most: int = 0
    group: int = NO_GROUP
    dated: bool = False

    def younger_by(self, events: int) -> int:
        """The most points (tenths) that `events` gain when each looks 23 hours younger; with rounding."""
        if self.points <= 0 or self.half_life_h is None or not events:
            return 0
        return int(events * self.points * (1.0 - 2.0 ** (-23 / self.half_life_h))) + 2


@dataclass(frozen=True, slots=True)
class StepRule:
    """A step of a sequence. `key` is where its times are kept."""

    key: str
    actions: tuple[str, ...]
    test: EventTest | None


@dataclass(frozen=True, slots=True)
class SequenceRule:
    """One thing after the other, within `within_ms`; `points` in tenths."""

    id: str
    label: str
    steps: tuple[StepRule, ...]
    within_ms: int
    points: int
    half_life_h: float | None
    weights: array[int] | None
    group: int = NO_GROUP
    cap: None = None


@dataclass(frozen=True, slots=True)
class AbsenceRule:
    """Nothing of it for `after_h` hours; `points` in tenths, below zero. It does not decay."""

    id: str
    label: str
    actions: tuple[str, ...]
    after_h: int
    points: int
    half_life_h: None = None
    weights: None = None
    group: int = NO_GROUP
    cap: None = None


@dataclass(frozen=True, slots=True)
class GroupRule:
    """What criteria give together, at most `most` (tenths). Its line takes away what is beyond."""

    id: str
    label: str
    most: int
    points: int = 0
    half_life_h: None = None
    weights: None = None
    cap: None = None


Rule = EngagementRule | SequenceRule | AbsenceRule | GroupRule


@dataclass(frozen=True, slots=True)
class Asked:
    """What an action is looked at for."""

    counted: tuple[EngagementRule, ...] = ()
    steps: tuple[tuple[SequenceRule, StepRule], ...] = ()
    absences: tuple[AbsenceRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Scorecard:
    """All criteria on engagement, in the definition's order."""

    counted: tuple[EngagementRule, ...]
    sequences: tuple[SequenceRule, ...] = ()
    absences: tuple[AbsenceRule, ...] = ()
    groups: tuple[GroupRule, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but counted events."""
        return not (self.sequences or self.absences or self.groups)

    def by_action(self) -> dict[str, Asked]:
        """What each action is looked at for."""
        names = {action for rule in self.counted for action in rule.actions}
        names |= {action for rule in self.absences for action in rule.actions}
        names |= {action for rule in self.sequences for step in rule.steps for action in step.actions}
        return {
            name: Asked(
                tuple(rule for rule in self.counted if name in rule.actions),
                tuple((rule, step) for rule in self.sequences for step in rule.steps if name in step.actions),
                tuple(rule for rule in self.absences if name in rule.actions),
            )
            for name in names
        }


def compile_scorecard(definition: LeadDefinition, points: Mapping[str, int]) -> Scorecard:
    """The criteria of a definition with the points (tenths) in force."""
    place = {group.id: index for index, group in enumerate(definition.groups)}
    dated = {name for evidence in definition.required for name in evidence.any_of}
    return Scorecard(
        tuple(
            _counted(each, points[each.id], place, dated=not dated or each.id in dated)
            for each in definition.engagement
        ),
        tuple(_sequence(each, points[each.id], place) for each in definition.sequences),
        tuple(
            AbsenceRule(each.id, each.label, tuple(each.actions), each.for_days * 24, points[each.id])
            for each in definition.absences
        ),
        tuple(GroupRule(each.id, each.label, tenths(each.cap)) for each in definition.groups),
    )


def tenths(points: float) -> int:
    """Points as integer tenths.

    >>> tenths(12.5)
    125
    """
    return round(points * 10)


def _counted(criterion: EngagementCriterion, points: int, place: Mapping[str, int], *, dated: bool) -> EngagementRule:
    half_life, at_most, first = criterion.half_life_days, criterion.at_most, criterion.first_time
    return EngagementRule(
        criterion.id,
        criterion.label,
        tuple(criterion.actions),
        points,
        None if criterion.cap is None else tenths(criterion.cap),
        None if half_life is None else half_life * 24,
        None if half_life is None else _weights(half_life * 24),
        None if criterion.when is None else compile_event_condition(criterion.when),
        0 if first is None or not points else tenths(first),
        0 if at_most is None else _DAYS[at_most.per],
        0 if at_most is None else at_most.times,
        NO_GROUP if criterion.group is None else place[criterion.group],
        dated,
    )


def _sequence(criterion: SequenceCriterion, points: int, place: Mapping[str, int]) -> SequenceRule:
    half_life = criterion.half_life_days
    steps = tuple(
        StepRule(
            f"{criterion.id}.{number}",
            tuple(step.actions),
            None if step.when is None else compile_event_condition(step.when),
        )
        for number, step in enumerate(criterion.steps)
    )
    return SequenceRule(
        criterion.id,
        criterion.label,
        steps,
        round(criterion.within_days * 86_400_000),
        points,
        None if half_life is None else half_life * 24,
        None if half_life is None else _weights(half_life * 24),
        NO_GROUP if criterion.group is None else place[criterion.group],
    )


@lru_cache(maxsize=64)
def _weights(half_life_h: float) -> array[int]:
    """Weights by age in whole hours: round(SCALE * 2^(-age / half-life)), until that is nothing."""
    table = array("q")
    age = 0
    while weight := round(SCALE * 2.0 ** (-age / half_life_h)):
        table.append(weight)
        age += 1
    return table
