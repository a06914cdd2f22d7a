"""Where the time of a lead goes: the broker's stamps of its records, from topic to topic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import msgspec

from baton_schemas.contract import parse_time
from baton_schemas.leads import LeadQualified
from baton_schemas.routing import AssignRequest, LeadRouted, RoutingReply, SlaEvent
from bench.log import Watcher
from bench.stories import SOURCE

T = TypeVar("T")
HOPS = ("event to qualified", "to the team", "to the answer", "to routed")


@dataclass(slots=True)
class Hops:
    """Milliseconds, a list for each hop; `routing` is from qualified to routed, `late` what warnings were late."""

    each: tuple[list[float], ...] = field(default_factory=lambda: tuple([] for _ in HOPS))
    routing: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


class _Qualified(msgspec.Struct):
    handoff: str
    cause: str
    event_at: str


class _Named(msgspec.Struct):
    handoff: str
    version: int


class _Step(msgspec.Struct):
    step: str
    at: str


async def read_hops(
    watcher: Watcher,
    *,
    since: int,
    until: int = 1 << 62,
    persons: Container[int],
    length: int,
) -> Hops:
    """Reads the topics back: leads of `persons` that qualified between two moments (ms), warnings due between them."""
    hops = Hops()
    stamps: dict[str, list[int]] = {}
    async for at, lead in _records(watcher, "leads.qualified", LeadQualified.TYPE, _Qualified):
        person, _, step = lead.cause.removeprefix(f"{SOURCE}#").partition("-")
        if since <= at <= until and step == str(length - 1) and int(person) in persons:
            stamps[lead.handoff] = [parse_time(lead.event_at), at]
    for topic, wanted in (
        ("routing.requests", AssignRequest.TYPE),
        ("routing.replies", RoutingReply.TYPE),
        ("leads.routed", LeadRouted.TYPE),
    ):
        async for at, named in _records(watcher, topic, wanted, _Named):
            if named.version == 1 and named.handoff in stamps:
                stamps[named.handoff].append(at)
    for found in stamps.values():
        if len(found) == len(HOPS) + 1:
            for hop, (begin, end) in zip(hops.each, pairwise(found), strict=True):
                hop.append(end - begin)
            hops.routing.append(found[-1] - found[1])
    async for at, told in _records(watcher, "sla.events", SlaEvent.TYPE, _Step):
        if told.step == "warned" and since <= parse_time(told.at) <= until:
            hops.late.append(at - parse_time(told.at))
    return hops


async def _records(watcher: Watcher, topic: str, wanted: str, model: type[T]) -> AsyncIterator[tuple[int, T]]:
    """Append time and content of all records of a type."""
    async for _, part in watcher.slices(topic):
        for record in part.records:
            if record.value is not None and dict(record.headers).get("ce_type") == wanted.encode():
                yield record.timestamp, msgspec.json.decode(record.value, type=model)
