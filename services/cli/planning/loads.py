"""Who would get the leads, and how many first touches would be late. Pure.

A territory's leads are counted exactly. A rep's are expected: those of the pool by the weight of each member; absences
and capacity are not looked at. Late is whoever would not have met the target, had sales been as quick as it was lately
with leads of the tier: the business time that each first touch took, or the clock that ran out without one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from baton_schemas.routing import SlaEvent
from services.cli.planning.sides import Lead
from services.router.rules import Rules
from services.router.territories import profile

NOWHERE = "no territory"
_NEVER = float("inf")
Touches = Mapping[str, Sequence[float]]
"""By tier: how long each first touch took (business seconds), sorted; without end where there was none."""


class Load(msgspec.Struct, frozen=True):
    """What a territory gets; `late` first touches are expected, None where no touch of these tiers is on the log."""

    territory: str
    team: str
    leads: int
    late: float | None


class Share(msgspec.Struct, frozen=True):
    """What a rep may expect."""

    rep: str
    team: str
    leads: float


def touches(steps: Iterable[SlaEvent]) -> Touches:
    """How quick sales was, from what is on `sla.events`: each handoff's first-touch clock, once."""
    ended: dict[str, tuple[str, float]] = {}
    for step in steps:
        if step.clock != "first_touch":
            continue
        if step.step == "closed" and step.reason == "touched":
            ended[step.handoff] = (step.tier, step.elapsed_s)
        elif step.step == "breached":
            ended.setdefault(step.handoff, (step.tier, _NEVER))
    found: defaultdict[str, list[float]] = defaultdict(list)
    for tier, took in ended.values():
        found[tier].append(took)
    return {tier: sorted(each) for tier, each in found.items()}


def loads(leads: Iterable[Lead], rules: Rules, known: Touches) -> tuple[list[Load], list[Share]]:
    """What each territory and each rep gets of the leads under the rules."""
    count: Counter[tuple[str, str]] = Counter()
    late: defaultdict[tuple[str, str], float | None] = defaultdict(lambda: None)
    reps: defaultdict[tuple[str, str], float] = defaultdict(float)
    for lead in leads:
        match = rules.territories.match(profile(lead.country, lead.region, lead.employees, lead.industry))
        if match is None:
            count[NOWHERE, ""] += 1
            continue
        territory = match.territory
        place = (territory.name, territory.team)
        count[place] += 1
        share = _late(known.get(lead.tier, ()), _target_s(rules, territory.policy, lead.tier))
        if share is not None:
            late[place] = (late[place] or 0.0) + share
        members = rules.crews[territory.team].pools[territory.pool]
        for rep, weight in members.items():
            reps[rep, territory.team] += weight / sum(members.values())
    by_territory = [
        Load(name, team, number, None if (found := late[name, team]) is None else round(found, 1))
        for (name, team), number in sorted(count.items())
    ]
    return by_territory, [Share(rep, team, round(number, 1)) for (rep, team), number in sorted(reps.items())]


def _target_s(rules: Rules, policy: str, tier: str) -> float:
    found = rules.policies[policy]
    return found.tiers.get(tier, found.tiers[found.otherwise]).first_touch_minutes * 60.0


def _late(took: Sequence[float], target_s: float) -> float | None:
    return 1 - bisect_right(took, target_s) / len(took) if took else None
