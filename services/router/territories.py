"""Which territory takes a lead: the most specific one that matches, in an order that the document states.

Two territories that can match one lead always differ in which conditions they have (`conflicts` proves it when a set is
applied), so the winner never depends on the order of lines in a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from baton_schemas.documents.territories import Dimension, Territories, Territory
from services.router.places import ELSEWHERE, country_code, region_code, regions_of

MOST_HOLES = 5
_ANOTHER = "any other industry"


@dataclass(frozen=True, slots=True)
class Profile:
    """What decides on the territory, in one spelling; None is not known."""

    country: str | None = None
    region: str | None = None
    employees: int | None = None
    industry: str | None = None

    def __str__(self) -> str:
        parts = [
            f"{name} {'not known' if value is None else value}"
            for name, value in (
                ("country", self.country),
                ("region", self.region),
                ("employees", self.employees),
                ("industry", self.industry),
            )
        ]
        return ", ".join(parts)


def profile(country: str | None, region: str | None, employees: int | None, industry: str | None) -> Profile:
    """A lead's profile from what is known of it, however it is spelled."""
    code = country_code(country)
    spelled = industry.strip().casefold() if industry else None
    return Profile(code, region_code(code, region), employees, spelled or None)


@dataclass(frozen=True, slots=True)
class Match:
    """The territory that took a lead, on which conditions, and the less specific ones that would have."""

    territory: Territory
    matched_on: tuple[Dimension, ...]
    passed_over: tuple[str, ...]


class TerritoryMap:
    """Territories sorted by specificity: `match` is one walk over them. Those that sell are a map of their own."""

    __slots__ = ("_by_name", "_industries", "_order", "_selling", "_sorted")

    def __init__(self, document: Territories) -> None:
        self._order = tuple(document.order)
        self._by_name = {territory.name: territory for territory in document.territories}
        ranked = sorted(document.territories, key=self._rank)
        self._sorted = [territory for territory in ranked if territory.stage != "sell"]
        self._selling = [territory for territory in ranked if territory.stage == "sell"]
        self._industries = {t.name: {name.strip().casefold() for name in t.industries} for t in document.territories}

    def get(self, name: str) -> Territory | None:
        """The territory of that name."""
        return self._by_name.get(name)

    @property
    def selling(self) -> Sequence[Territory]:
        """The territories that take what others have qualified; empty where there is one stage."""
        return self._selling

    def match(self, lead: Profile, *, sell: bool = False) -> Match | None:
        """The most specific territory that takes the lead, of those that sell when `sell`. None: nobody takes it; of
        the others, that is a hole that the document declares."""
        among = self._selling if sell else self._sorted
        found = [territory for territory in among if self.takes(territory, lead)]
        if not found:
            return None
        first, *others = found
        return Match(first, self.conditions(first), tuple(other.name for other in others))

    def takes(self, territory: Territory, lead: Profile) -> bool:
        """Whether the lead meets every condition; what is not known meets none."""
        if territory.countries and lead.country not in territory.countries:
            return False
        if territory.regions and lead.region not in territory.regions:
            return False
        if territory.employees is not None:
            size = territory.employees
            if lead.employees is None or lead.employees < size.from_:
                return False
            if size.below is not None and lead.employees >= size.below:
                return False
        return not territory.industries or lead.industry in self._industries[territory.name]

    def conditions(self, territory: Territory) -> tuple[Dimension, ...]:
        """The conditions that a territory has, the most specific first."""
        present: dict[Dimension, bool] = {
            "industry": bool(territory.industries),
            "employees": territory.employees is not None,
            "region": bool(territory.regions),
            "country": bool(territory.countries),
        }
        return tuple(dimension for dimension in self._order if present[dimension])

    def _rank(self, territory: Territory) -> tuple[bool, ...]:
        conditions = self.conditions(territory)
        return tuple(dimension not in conditions for dimension in self._order)


def conflicts(document: Territories) -> list[str]:
    """Pairs of territories that both claim a lead with equally specific conditions, each with an example lead."""
    atlas = TerritoryMap(document)
    problems = []
    for one, other in combinations(document.territories, 2):
        if (one.stage == "sell") != (other.stage == "sell") or atlas.conditions(one) != atlas.conditions(other):
            continue
        example = next(
            (lead for lead in _leads([one, other]) if atlas.takes(one, lead) and atlas.takes(other, lead)), None
        )
        if example is not None:
            problems.append(
                f"territories {one.name!r} and {other.name!r} overlap: a lead with {example} belongs to both"
                " - make one of them more specific, or take the value out of one"
            )
    return problems


def holes(document: Territories) -> list[str]:
    """Leads that no territory takes, as examples, each with the territories that come nearest. At most five."""
    atlas = TerritoryMap(document)
    first = [territory for territory in document.territories if territory.stage != "sell"]
    if any(territory.catch_all for territory in first):
        return []
    named_only = document.elsewhere == "unrouted"
    problems: list[str] = []
    for lead in _leads(first, named_only=named_only):
        if atlas.match(lead) is not None:
            continue
        near = [t.name for t in first if not t.countries or lead.country in t.countries]
        beside = f" (beside {', '.join(map(repr, near))})" if near else ""
        fix = "add a territory with `catch_all: true`" + ("" if named_only else ", or say `elsewhere: unrouted`")
        problems.append(f"territories: nobody takes a lead with {lead}{beside} - {fix}")
        if len(problems) == MOST_HOLES:
            break
    return problems


def unsold(document: Territories) -> list[str]:
    """Leads that a territory qualifies and none sells, as examples. At most five."""
    atlas = TerritoryMap(document)
    if not atlas.selling or any(territory.catch_all for territory in document.territories if territory.stage == "sell"):
        return []
    problems: list[str] = []
    for lead in _leads(document.territories):
        match = atlas.match(lead)
        if match is None or match.territory.stage != "qualify" or atlas.match(lead, sell=True) is not None:
            continue
        problems.append(
            f"territories: {match.territory.name!r} qualifies a lead with {lead}, and nobody sells to it"
            " - add a territory with `stage: sell` that takes it, or one with `catch_all: true`"
        )
        if len(problems) == MOST_HOLES:
            break
    return problems


def unknown_places(document: Territories) -> list[str]:
    """Countries and regions that ISO 3166 does not know."""
    problems = []
    for territory in document.territories:
        for code in territory.countries:
            if country_code(code) != code:
                fix = " - write GB" if code == "UK" else " - use its ISO 3166-1 alpha-2 code"
                problems.append(f"territories[{territory.name}].countries: {code!r} is no country{fix}")
        if len(territory.countries) == 1:
            known = set(regions_of(territory.countries[0]).values())
            problems.extend(
                f"territories[{territory.name}].regions: {code!r} is no part of {territory.countries[0]}"
                " - use its ISO 3166-2 code without the country"
                for code in territory.regions
                if code not in known
            )
    return problems


def _leads(territories: Sequence[Territory], *, named_only: bool = False) -> Iterator[Profile]:
    """One lead for every way in which these territories can tell leads apart; what nobody asks for is left unknown."""
    sizes = _sizes(territories)
    industries = _industries(territories)
    for country in _country_values(territories, named_only=named_only):
        regions = _region_values(country, territories)
        for region, size, industry in product(regions, sizes, industries):
            yield Profile(country, region, size, industry)


def _country_values(territories: Sequence[Territory], *, named_only: bool) -> list[str | None]:
    named = _distinct(country for territory in territories for country in territory.countries)
    if not named:
        return [None]
    if named_only:
        return [*named]
    return [*named, next(code for code in (*ELSEWHERE, "??") if code not in named), None]


def _region_values(country: str | None, territories: Sequence[Territory]) -> list[str | None]:
    if country is None:
        return [None]
    named = _distinct(r for territory in territories if country in territory.countries for r in territory.regions)
    if not named:
        return [None]
    others = sorted(set(regions_of(country).values()) - set(named))
    return [*named, *others[:1], None]


def _sizes(territories: Sequence[Territory]) -> list[int | None]:
    ranges = [territory.employees for territory in territories if territory.employees is not None]
    if not ranges:
        return [None]
    edges = sorted({1} | {r.from_ for r in ranges} | {r.below for r in ranges if r.below is not None})
    return [*sorted({value for edge in edges for value in (edge - 1, edge) if value >= 0}), None]


def _industries(territories: Sequence[Territory]) -> list[str | None]:
    named = _distinct(name.strip().casefold() for territory in territories for name in territory.industries)
    return [*named, _ANOTHER, None] if named else [None]


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
