"""One side of a plan: what past traffic would have come to under one configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from services.cli.planning.judging import Qualified
from services.cli.planning.replaying import Replay
from services.runtime.clock import TimeScale
from services.runtime.record import LogRecord
from services.scorer.criteria import GroupRule
from services.scorer.dossier import contact_of
from services.scorer.identity import Keyring
from services.scorer.person import Person
from services.scorer.qualification import Judgement, letter, number, tier_of
from services.scorer.scope import Definitions
from services.scorer.turn import profiles_of


class Lead(msgspec.Struct, frozen=True):
    """A qualification: the person's key, when (Baton ms), and what decides on territory and clock."""

    person: str
    handoff: str
    at: int
    grade: str
    tier: str
    country: str | None
    region: str | None
    employees: int | None
    industry: str | None


class Standing(msgspec.Struct, frozen=True):
    """A person at the end: grade, points in all, and points (tenths) by criterion."""

    grade: str
    score: int
    lines: dict[str, int]


class Side(msgspec.Struct, frozen=True):
    """Everybody's standing at the end, by key, and every qualification on the way."""

    people: dict[str, Standing]
    leads: list[Lead]


def played(
    sides: Sequence[Definitions],
    keyring: Keyring,
    scale: TimeScale,
    records: Sequence[LogRecord],
    *,
    end: int,
    tables: Mapping[str, Mapping[bytes, bytes]],
    done: Callable[[int], None] = lambda _: None,
) -> list[Side]:
    """Plays the records under sides that count the same, lets time pass to `end` (Baton ms), and reads everybody then:
    a Side for each."""
    leads: list[list[Lead]] = [[] for _ in sides]
    replay = Replay(
        sides, keyring, scale, tables=tables, qualified=[_noting(*each) for each in zip(sides, leads, strict=True)]
    )
    replay.run(records, done)
    replay.advance(end)
    return [
        Side(dict(_standings(side, replay.people(number), end)), leads[number]) for number, side in enumerate(sides)
    ]


def _noting(definitions: Definitions, leads: list[Lead]) -> Qualified:
    """Notes who qualifies, with the grade that the definition as it is gives."""

    def note(key: str, judgement: Judgement, handoff: str, now: int) -> None:
        rules = definitions.by_judged[judgement.rules.judged]
        grade = letter(rules, judgement.fit) + number(rules, judgement.engagement)
        contact = msgspec.convert(contact_of(judgement.traits), _Contact)
        leads.append(
            Lead(
                key,
                handoff,
                now,
                grade,
                tier_of(rules, grade),
                contact.country,
                contact.region,
                contact.employees,
                contact.industry,
            )
        )

    return note


def _standings(
    definitions: Definitions, people: Iterable[tuple[str, Person]], end: int
) -> Iterator[tuple[str, Standing]]:
    for key, one in people:
        if one.root is not None or not one.lead.judged:
            continue
        judgement = definitions.judge(profiles_of(one), max(end, one.lead.judged_at))
        lines = {line.id: line.points for line in judgement.fit_lines}
        lines |= {
            each.rule.id: each.points for each in judgement.readings if each.points or isinstance(each.rule, GroupRule)
        }
        yield key, Standing(judgement.grade, judgement.score, lines)


class _Contact(msgspec.Struct):
    country: str | None = None
    region: str | None = None
    employees: int | None = None
    industry: str | None = None
