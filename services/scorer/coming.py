"""Counting for a definition that is not in force yet, so that nothing is missed while a look-back reads the log.

An id names what is counted. So what both definitions count is counted once, and a definition that counts something else
under a known id can't follow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from baton_schemas.documents.definition import LeadDefinition
from services.scorer.criteria import Asked, EngagementRule, compile_scorecard, tenths
from services.scorer.definition import Rules

_NOTHING = Asked()
T = TypeVar("T")


def counting_for(rules: Rules, coming: LeadDefinition) -> Rules:
    """The rules, which also count what the coming definition will ask for. They judge as before."""
    points = {name: tenths(signed) for name, signed in coming.criteria.items()}
    asked = compile_scorecard(coming, points).by_action()
    both = {
        action: _both(rules.by_action.get(action, _NOTHING), asked.get(action, _NOTHING))
        for action in sorted(rules.by_action.keys() | asked.keys())
    }
    stops = {each.action for each in coming.disqualifiers if each.action is not None}
    return replace(
        rules,
        by_action=both,
        kept=tuple(dict.fromkeys([*rules.kept, *coming.notes])),
        stop_actions=rules.stop_actions | stops,
    )


def counts(definition: LeadDefinition) -> dict[str, str]:
    """What each criterion of the log counts, by the id under which it is kept: two that are equal count the same."""
    found = {each.id: f"{sorted(each.actions)} {_when(each.when)}" for each in definition.engagement}
    for sequence in definition.sequences:
        for number, step in enumerate(sequence.steps):
            found[f"{sequence.id}.{number}"] = f"{sorted(step.actions)} {_when(step.when)}"
    found |= {each.id: f"absence {sorted(each.actions)}" for each in definition.absences}
    return found


def new_in(coming: LeadDefinition, known: Iterable[LeadDefinition]) -> list[str]:
    """The criteria of `coming` that count what none of the known ones did, by id: they know nothing of the past."""
    known = list(known)
    before = {name for each in known for name in counts(each)}
    fresh = [name for name in counts(coming) if name not in before]
    had = {each.id for definition in known for each in definition.engagement if each.first_time is not None}
    fresh += [each.id for each in coming.engagement if each.first_time is not None and each.id not in {*fresh, *had}]
    return list(dict.fromkeys(_criterion(coming, name) for name in fresh))


def changed_in(coming: LeadDefinition, known: LeadDefinition) -> list[str]:
    """The ids under which `coming` counts something else than `known`."""
    before = counts(known)
    changed = [name for name, what in counts(coming).items() if before.get(name, what) != what]
    return list(dict.fromkeys(_criterion(coming, name) for name in changed))


def _criterion(definition: LeadDefinition, key: str) -> str:
    """The id of the criterion that keeps something under `key`: of a sequence's step, the sequence's."""
    return next((each.id for each in definition.sequences if key.rpartition(".")[0] == each.id), key)


def _when(condition: object) -> str:
    dump = getattr(condition, "model_dump_json", None)
    return "" if dump is None else str(dump(exclude_defaults=True))


def _both(one: Asked, other: Asked) -> Asked:
    firsts = {rule.id: rule for rule in other.counted}
    return Asked(
        (*(_widened(rule, firsts.get(rule.id)) for rule in one.counted), *_without(other.counted, one.counted)),
        (*one.steps, *(pair for pair in other.steps if pair[1].key not in {step.key for _, step in one.steps})),
        (*one.absences, *_without(other.absences, one.absences)),
    )


def _widened(rule: EngagementRule, other: EngagementRule | None) -> EngagementRule:
    """What the other keeps of an event besides, kept too."""
    if other is None:
        return rule
    return replace(rule, first_time=rule.first_time or other.first_time, dated=rule.dated or other.dated)


def _without(rules: Iterable[T], known: Iterable[T]) -> Iterable[T]:
    ids = {getattr(rule, "id") for rule in known}  # noqa: B009
    return (rule for rule in rules if getattr(rule, "id") not in ids)  # noqa: B009
