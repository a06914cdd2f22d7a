"""The routing rules in force: the documents of one set, compiled once, looked up by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from baton_schemas.configuration import ConfigKind
from baton_schemas.documents.calendars import Calendars
from baton_schemas.documents.document import Document
from baton_schemas.documents.sla import ContactPressure, SlaPolicies, SlaPolicy
from baton_schemas.documents.teams import Rep, Team, Teams
from baton_schemas.documents.territories import Territories, Territory
from services.router.calendars import ALWAYS, Calendar, Interval, compile_calendar
from services.router.territories import TerritoryMap
from services.runtime.documents import parse
from services.runtime.errors import UserError

D = TypeVar("D", bound=Document)
Documents = Mapping[tuple[ConfigKind, str], str]


@dataclass(frozen=True, slots=True)
class Crew:
    """A team, with its reps' absences as instants and its pools by name."""

    team: Team
    calendar: Calendar
    reps: Mapping[str, Rep]
    absences: Mapping[str, tuple[Interval, ...]]
    pools: Mapping[str, Mapping[str, int]]

    def away_until(self, rep: str, at: int) -> int | None:
        """When a rep who is away at `at` comes back, or None when he is there."""
        return next((end for start, end in self.absences[rep] if start <= at < end), None)


@dataclass(frozen=True, slots=True)
class Documented:
    """The four documents that routing needs, parsed."""

    territories: Territories
    teams: Teams
    calendars: Calendars
    sla: SlaPolicies


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything routing looks up. `set_id` travels with every decision; `alerts`: owners of accounts are alerted."""

    set_id: str
    territories: TerritoryMap
    crews: Mapping[str, Crew]
    crew_of: Mapping[str, Crew]
    calendars: Mapping[str, Calendar]
    policies: Mapping[str, SlaPolicy]
    pressure: ContactPressure | None = None
    alerts: bool = False

    def calendar(self, name: str) -> Calendar:
        """The calendar; one that counts every minute when it is gone from the configuration."""
        return self.calendars.get(name, ALWAYS)

    def calendar_of(self, territory: Territory) -> Calendar:
        """The hours in which a territory's clocks run."""
        return self.calendars[territory.calendar or self.crews[territory.team].team.calendar]

    def pool_of(self, rep: str) -> str:
        """The pool in which a rep's turns are counted when a person gave him a lead: his first."""
        pools = self.crew_of[rep].pools
        return next((name for name, members in pools.items() if rep in members), next(iter(pools)))

    def manager(self, team: str) -> str | None:
        """Who is told when a clock of the team escalates."""
        crew = self.crews.get(team)
        return None if crew is None else crew.team.manager


def read(documents: Documents) -> Documented:
    """Parses the routing documents of a set. Raises UserError with every problem of every document, one a line."""
    problems: list[str] = []
    parsed = (
        _one(documents, "territories", Territories, problems),
        _one(documents, "teams", Teams, problems),
        _one(documents, "calendars", Calendars, problems),
        _one(documents, "sla", SlaPolicies, problems),
    )
    territories, teams, calendars, sla = parsed
    if territories is None or teams is None or calendars is None or sla is None:
        raise UserError("\n".join(problems))
    return Documented(territories, teams, calendars, sla)


def compile_rules(documented: Documented, set_id: str) -> Rules:
    """The rules of documents that `checks` has passed. Raises UserError for a calendar that can't work."""
    calendars = {hours.name: compile_calendar(hours) for hours in documented.calendars.calendars}
    crews = {team.name: _crew(team, calendars[team.calendar]) for team in documented.teams.teams}
    return Rules(
        set_id,
        TerritoryMap(documented.territories),
        crews,
        {rep: crew for crew in crews.values() for rep in crew.reps},
        calendars,
        {policy.name: policy for policy in documented.sla.policies},
        documented.sla.contact_pressure,
    )


def collect(attempts: Iterable[Callable[[], object]]) -> list[str]:
    """The problems that attempts raise, one a line."""
    problems: list[str] = []
    for attempt in attempts:
        try:
            attempt()
        except UserError as error:
            problems.extend(str(error).splitlines())
    return problems


def _crew(team: Team, calendar: Calendar) -> Crew:
    absences = {
        rep.id: tuple(
            (calendar.midnight(absence.from_), calendar.midnight(absence.until + timedelta(days=1)))
            for absence in sorted(rep.absences, key=lambda absence: absence.from_)
        )
        for rep in team.reps
    }
    pools = {pool.name: {member.rep: member.weight for member in pool.members} for pool in team.pools}
    return Crew(team, calendar, {rep.id: rep for rep in team.reps}, absences, pools)


def _one(documents: Documents, kind: ConfigKind, model: type[D], problems: list[str]) -> D | None:
    found = [(name, text) for (each, name), text in sorted(documents.items()) if each == kind]
    if len(found) != 1:
        names = ", ".join(name for name, _ in found) or "none"
        problems.append(f"{kind}: {names} - a set has exactly one document of this kind")
        return None
    name, text = found[0]
    try:
        return parse(model, text, f"{name}.yaml")
    except UserError as error:
        problems.extend(str(error).splitlines())
        return None
