"""Whether two sides of a plan count the same, and then the rules by which what is counted serves both. Pure.

What somebody did is taken in once where only points, bounds, thresholds or evidence differ; each side then reads it by
its own. How many points an event may have given is taken as the most that it gives on any side: a side that is told of
too many looks once too often, and sees that nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from services.scorer.coming import counts
from services.scorer.criteria import AbsenceRule, Asked, EngagementRule, SequenceRule, StepRule
from services.scorer.definition import Rules
from services.scorer.scope import Definitions


def for_all(sides: Sequence[Definitions]) -> Rules | None:
    """The rules by which events are taken in for all sides; None where the sides do not count the same."""
    first, *others = (side.first for side in sides)
    if any(_counted(side) != _counted(sides[0]) for side in sides[1:]):
        return None
    for other in others:
        if {*other.kept} != {*first.kept} or other.stop_actions != first.stop_actions:
            return None
        asked = {action: _most(one, other.by_action[action]) for action, one in first.by_action.items()}
        by_action = {action: one for action, one in asked.items() if one is not None}
        if by_action.keys() != other.by_action.keys():
            return None
        by_id = {rule.id: rule for one in by_action.values() for rule in one.counted}
        first = replace(first, by_action=by_action, by_id=by_id)
    return first


def _counted(side: Definitions) -> dict[str, str]:
    return {name: what for rules in side.rules for name, what in counts(rules.definition).items()}


def _most(one: Asked, other: Asked) -> Asked | None:
    """What an action is looked at for, with the most points of both; None where one gives and the other takes."""
    counted = {rule.id: rule for rule in other.counted}
    steps = {step.key: rule for rule, step in other.steps}
    absences = {rule.id: rule for rule in other.absences}
    pairs: list[tuple[int, int]] = [(rule.points, counted[rule.id].points) for rule in one.counted]
    pairs += [(rule.first_time, counted[rule.id].first_time) for rule in one.counted]
    pairs += [(rule.points, steps[step.key].points) for rule, step in one.steps]
    if any(first * second < 0 for first, second in pairs):
        return None
    return Asked(
        tuple(_most_counted(rule, counted[rule.id]) for rule in one.counted),
        tuple(_most_step(rule, step, steps[step.key]) for rule, step in one.steps),
        tuple(_soonest(rule, absences[rule.id]) for rule in one.absences),
    )


def _most_counted(one: EngagementRule, other: EngagementRule) -> EngagementRule:
    return replace(
        one,
        points=max(one.points, other.points, key=abs),
        first_time=max(one.first_time, other.first_time, key=abs),
        half_life_h=min(_known(one.half_life_h, other.half_life_h), default=None),
        dated=one.dated or other.dated,
    )


def _most_step(one: SequenceRule, step: StepRule, other: SequenceRule) -> tuple[SequenceRule, StepRule]:
    return replace(one, points=max(one.points, other.points, key=abs)), step


def _soonest(one: AbsenceRule, other: AbsenceRule) -> AbsenceRule:
    return replace(one, after_h=min(one.after_h, other.after_h))


def _known(*values: float | None) -> Iterable[float]:
    return (value for value in values if value is not None)
