"""A lead definition in words, for people who never open the YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from baton_schemas.contract import format_time
from baton_schemas.documents.definition import LeadDefinition
from services.runtime.agreement import Standing

Section = tuple[str, list[str]]


def sections(definition: LeadDefinition) -> Iterator[Section]:
    """Headings with their lines, in the order in which people read them."""
    said = definition.model_dump(mode="json", by_alias=True, exclude_none=True)
    yield "whom it is for", [] if definition.applies_to is None else [plainly(said["applies_to"])]
    yield "who the person is (fit)", [_criterion(each) for each in said["fit"]]
    yield "what the person does (engagement)", [_criterion(each) for each in said["engagement"]]
    labels = {each.id: each.label for each in definition.engagement}
    yield (
        "required besides points",
        [
            f"{each.label}: {' or '.join(labels[name] for name in each.any_of)}, within {each.within_days} days"
            for each in definition.required
        ],
    )
    yield "never a lead", [f"{each.label} ({each.reason})" for each in definition.disqualifiers]
    yield "thresholds", list(_thresholds(definition))
    yield "when owners of accounts are told", list(_alerts(definition))
    yield "whom to ask", list(_liaisons(definition))


def signatures(standing: Standing) -> Iterator[str]:
    """Who signed and who has not, a line each."""
    for each in standing.approvals:
        yield f"{each.team}: {each.by}, {day(each.at)}, {each.key}"
    yield from (f"{team}: has not signed" for team in standing.missing)
    yield from (f"{team}: signed other content, so this is not signed" for team in standing.stale)
    yield from (f"void: {why}" for _, why in standing.refused)


def file_state(standing: Standing) -> str:
    """How far a file is: a topic alone knows of proposed, active and retired."""
    teams = [each.team for each in standing.approvals]
    if len(teams) == 2:
        return "signed by both teams"
    return f"draft, signed by {teams[0]}" if teams else "draft"


def points(value: float) -> str:
    """Points with their sign.

    >>> points(12.0), points(-2.5)
    ('+12', '-2.5')
    """
    return f"{value:+g}"


def plainly(value: Any) -> str:
    """A value as it would stand in the document, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {plainly(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(plainly(each) for each in value) + "]"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def day(at: int) -> str:
    """The day of a time (UTC)."""
    return format_time(at)[:10]


def _criterion(said: dict[str, Any]) -> str:
    """One line: points, what for, and how they fade; conditions as they stand in the document."""
    line = f"{points(said.pop('points')):>6}  {said.pop('label')}"
    identity = said.pop("id")
    parts = list(_fading(said))
    parts += [f"{name} {plainly(value)}" for name, value in said.items()]
    return f"{line} [{identity}]" + "".join(f"; {part}" for part in parts)


def _fading(said: dict[str, Any]) -> Iterable[str]:
    if (half_life := said.pop("half_life_days", None)) is not None:
        yield f"halves every {half_life:g} days"
    if (cap := said.pop("cap", None)) is not None:
        yield f"all together at {'least' if cap < 0 else 'most'} {points(cap)}"


def _thresholds(definition: LeadDefinition) -> Iterator[str]:
    yield f"a lead from {definition.thresholds.enter:g} points on, until below {definition.thresholds.exit:g}"
    yield f"{definition.points_to_double_odds:g} points double the odds"
    fit, engagement = definition.grades.fit, definition.grades.engagement
    yield f"fit: A from {fit.A:g}, B from {fit.B:g}, C from {fit.C:g}"
    yield f"engagement: 1 from {engagement.one:g}, 2 from {engagement.two:g}, 3 from {engagement.three:g}"
    tiers = [f"{tier.name} {', '.join(tier.grades) or '(all others)'}" for tier in definition.tiers]
    yield "tiers: " + "; ".join(tiers)
    learning = definition.learning
    yield (
        f"sales' answers move a criterion by {learning.max_step:g} points at a time, {learning.max_drift:g} in all, "
        f"on {learning.min_sample} answers"
    )


def _alerts(definition: LeadDefinition) -> Iterator[str]:
    alerts = definition.alerts
    if alerts is None:
        return
    if alerts.account_points is not None:
        yield f"an account's people reach {alerts.account_points:g} points in {alerts.within_days} days"
    if alerts.grades:
        yield f"somebody rises to {', '.join(alerts.grades)}"
    yield f"once for an account in {alerts.cool_down_days} days"


def _liaisons(definition: LeadDefinition) -> Iterator[str]:
    if definition.liaisons is not None:
        yield f"marketing: {definition.liaisons.marketing.name}, {definition.liaisons.marketing.reach}"
        yield f"sales: {definition.liaisons.sales.name}, {definition.liaisons.sales.reach}"
