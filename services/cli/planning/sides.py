"""One side of a plan: what past traffic would have come to under one configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from baton_schemas.contract import parse_time
from baton_schemas.leads import LeadQualified
from services.cli.planning.replaying import Replay
from services.runtime.clock import TimeScale
from services.runtime.effects import Send
from services.runtime.record import LogRecord
from services.scorer.criteria import GroupRule
from services.scorer.identity import Keyring
from services.scorer.scope import Definitions
from services.scorer.turn import profiles_of

_TYPE = LeadQualified.TYPE.encode()


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


class _Contact(msgspec.Struct):
    country: str | None = None
    region: str | None = None
    employees: int | None = None
    industry: str | None = None


class _Qualified(msgspec.Struct):
    lead: str
    handoff: str
    grade: str
    tier: str
    at: str
    contact: _Contact


def played(
    definitions: Definitions,
    keyring: Keyring,
    scale: TimeScale,
    records: Sequence[LogRecord],
    *,
    end: int,
    tables: Mapping[str, Mapping[bytes, bytes]],
    done: Callable[[int], None] = lambda _: None,
) -> Side:
    """Plays the records, lets time pass to `end` (Baton ms), and reads everybody then."""
    leads: list[Lead] = []

    def told(send: Send) -> None:
        if dict(send.headers)["ce_type"] == _TYPE:
            leads.append(_lead(send.value or b""))

    replay = Replay(definitions, keyring, scale, tables=tables, told=told)
    replay.run(records, done)
    replay.advance(end)
    people = {}
    for key, one in replay.people():
        if one.root is not None or not one.lead.judged:
            continue
        judgement = definitions.judge(profiles_of(one), max(end, one.lead.judged_at))
        lines = {line.id: line.points for line in judgement.fit_lines}
        lines |= {
            each.rule.id: each.points for each in judgement.readings if each.points or isinstance(each.rule, GroupRule)
        }
        people[key] = Standing(judgement.grade, judgement.score, lines)
    return Side(people, leads)


def _lead(value: bytes) -> Lead:
    found = _DECODE(value)
    contact = found.contact
    return Lead(
        found.lead,
        found.handoff,
        parse_time(found.at),
        found.grade,
        found.tier,
        contact.country,
        contact.region,
        contact.employees,
        contact.industry,
    )


_DECODE = msgspec.json.Decoder(_Qualified).decode
