"""Two sides of a plan, compared: who enters, who leaves, whose grade moves, and by which criteria. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import msgspec

from services.cli.planning.sides import Lead, Side, Standing

NOBODY = "-"


class Cause(msgspec.Struct, frozen=True):
    """A criterion that weighs another number of points: for how many of those who moved, and the mean difference."""

    criterion: str
    people: int
    points: float


class Moved(msgspec.Struct, frozen=True):
    """A person for whom something changes: `enters`, `leaves`, or only the grade; by up to three criteria, each with
    the difference in points. A grade is `-` where nothing was judged."""

    person: str
    change: str
    before: str
    after: str
    points: float
    by: list[tuple[str, float]]


class Comparison(msgspec.Struct, frozen=True):
    """`grades` counts people by (before, after) where the two differ; `moved` is bounded, whoever enters first."""

    people: int
    leads_before: int
    leads_after: int
    enters: int
    leaves: int
    stays: int
    grades: list[tuple[str, str, int]]
    causes: list[Cause]
    moved: list[Moved]


def compare(old: Side, new: Side, *, most: int) -> Comparison:
    """What the new side has that the old one has not, and the other way."""
    before, after = _first(old), _first(new)
    enters, leaves = after.keys() - before.keys(), before.keys() - after.keys()
    keys = sorted(old.people.keys() | new.people.keys())
    grades: Counter[tuple[str, str]] = Counter()
    weights: defaultdict[str, list[int]] = defaultdict(list)
    moved = []
    for key in keys:
        one, other = old.people.get(key), new.people.get(key)
        grade = (NOBODY if one is None else one.grade, NOBODY if other is None else other.grade)
        if grade[0] != grade[1]:
            grades[grade] += 1
        elif key not in enters and key not in leaves:
            continue
        difference = _difference(one, other)
        for criterion, points in difference.items():
            weights[criterion].append(points)
        change = "enters" if key in enters else "leaves" if key in leaves else "grade"
        by = sorted(difference.items(), key=lambda each: (-abs(each[1]), each[0]))[:3]
        gained = ((0 if other is None else other.score) - (0 if one is None else one.score)) / 10
        moved.append(Moved(key, change, *grade, gained, [(name, weight / 10) for name, weight in by]))
    order = {"enters": 0, "leaves": 1, "grade": 2}
    moved.sort(key=lambda each: (order[each.change], -abs(each.points), each.person))
    causes = [Cause(name, len(found), round(sum(found) / len(found) / 10, 1)) for name, found in weights.items()]
    return Comparison(
        people=len(keys),
        leads_before=len(before),
        leads_after=len(after),
        enters=len(enters),
        leaves=len(leaves),
        stays=len(before.keys() & after.keys()),
        grades=[(one, other, count) for (one, other), count in sorted(grades.items())],
        causes=sorted(causes, key=lambda each: (-each.people, each.criterion)),
        moved=moved[:most],
    )


def _first(side: Side) -> Mapping[str, Lead]:
    """The first qualification of each person."""
    found: dict[str, Lead] = {}
    for lead in side.leads:
        found.setdefault(lead.person, lead)
    return found


def _difference(one: Standing | None, other: Standing | None) -> dict[str, int]:
    before, after = ({} if each is None else each.lines for each in (one, other))
    found = {name: after.get(name, 0) - before.get(name, 0) for name in sorted({*before, *after})}
    return {name: points for name, points in found.items() if points}
