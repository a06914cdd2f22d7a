"""What must hold between the routing documents of a set before `baton apply` may publish it."""

from __future__ import annotations

from functools import partial

from baton_schemas.configuration import ConfigKind
from baton_schemas.documents.calendars import week_of
from services.router.calendars import compile_calendar
from services.router.rules import Documented, Documents, Rules, collect, compile_rules, read
from services.router.territories import conflicts, holes, unknown_places, unsold
from services.runtime.errors import UserError

MOST_WEEKS = 52
"""A target that takes longer than so many weeks of the calendar's hours is a mistake."""


def check(documents: Documents) -> list[str]:
    """Every problem of the routing documents, one sentence each with field and fix; empty when they may be applied."""
    try:
        documented = read(documents)
    except UserError as error:
        return str(error).splitlines()
    file_of = {kind: f"{name}.yaml" for kind, name in documents}
    return [f"{file_of[kind]}: {problem}" for kind, problem in problems_of(documented)]


def rules_of(documents: Documents, set_id: str) -> Rules:
    """The compiled rules of a set that passes. Raises UserError with every problem, one a line."""
    problems = check(documents)
    if problems:
        raise UserError("\n".join(problems))
    return compile_rules(read(documents), set_id)


def problems_of(documented: Documented) -> list[tuple[ConfigKind, str]]:
    """The problems between documents that are right each by itself, with the kind of document to change."""
    by_kind: dict[ConfigKind, list[str]] = {
        "calendars": collect(partial(compile_calendar, hours) for hours in documented.calendars.calendars),
        "teams": _teams(documented),
        "territories": [
            *_territories(documented),
            *unknown_places(documented.territories),
            *conflicts(documented.territories),
            *holes(documented.territories),
            *unsold(documented.territories),
            *_too_slow(documented),
        ],
    }
    return [(kind, problem) for kind, problems in by_kind.items() for problem in problems]


def _teams(documented: Documented) -> list[str]:
    calendars = {calendar.name for calendar in documented.calendars.calendars}
    problems = []
    team_of: dict[str, str] = {}
    for team in documented.teams.teams:
        if team.calendar not in calendars:
            problems.append(_unknown(f"teams[{team.name}].calendar", team.calendar, "calendar", calendars))
        for rep in team.reps:
            other = team_of.setdefault(rep.id, team.name)
            if other != team.name:
                problems.append(
                    f"teams[{team.name}].reps: {rep.id!r} is also in team {other!r} - a rep belongs to one team"
                )
        for pool in team.pools:
            reps = {rep.id: rep for rep in team.reps}
            if not any(reps[member.rep].capacity for member in pool.members):
                problems.append(
                    f"teams[{team.name}].pools[{pool.name}]: no member has capacity - give one a capacity above 0"
                )
    return problems


def _territories(documented: Documented) -> list[str]:
    teams = {team.name: {pool.name for pool in team.pools} for team in documented.teams.teams}
    calendars = {calendar.name for calendar in documented.calendars.calendars}
    policies = {policy.name for policy in documented.sla.policies}
    problems = []
    for territory in documented.territories.territories:
        where = f"territories[{territory.name}]"
        if territory.team not in teams:
            problems.append(_unknown(f"{where}.team", territory.team, "team", teams))
        elif territory.pool not in teams[territory.team]:
            kind = f"pool of team {territory.team!r}"
            problems.append(_unknown(f"{where}.pool", territory.pool, kind, teams[territory.team]))
        if territory.policy not in policies:
            problems.append(_unknown(f"{where}.policy", territory.policy, "SLA policy", policies))
        if territory.calendar is not None and territory.calendar not in calendars:
            problems.append(_unknown(f"{where}.calendar", territory.calendar, "calendar", calendars))
    return problems


def _too_slow(documented: Documented) -> list[str]:
    """Targets that the calendar's few hours would stretch over years."""
    hours = {calendar.name: calendar for calendar in documented.calendars.calendars}
    policies = {policy.name: policy for policy in documented.sla.policies}
    teams = {team.name: team.calendar for team in documented.teams.teams}
    problems = []
    for territory in documented.territories.territories:
        name = territory.calendar or teams.get(territory.team, "")
        if name not in hours or territory.policy not in policies:
            continue
        week = week_of(hours[name].hours)
        a_week = sum(end - start for day in week for start, end in day)
        targets = policies[territory.policy].tiers.values()
        longest = max(
            max(target.first_touch_minutes + target.reassign_after_minutes, target.disposition_minutes or 0)
            for target in targets
        )
        if longest > MOST_WEEKS * a_week:
            problems.append(
                f"territories[{territory.name}].policy: {longest} business minutes are over a year in calendar {name!r}"
                " - shorten the target, or give the calendar more hours"
            )
    return problems


def _unknown(where: str, name: str, kind: str, known: object) -> str:
    names = ", ".join(sorted(known)) if isinstance(known, (set, dict)) else ""
    return f"{where}: {name!r} is no {kind} - use one of {names}"
