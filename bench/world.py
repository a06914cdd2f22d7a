"""The events of simulated people, as many as are asked for: the simulator's day, and the same people on later days."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

import msgspec

from baton_schemas.contract import format_time, parse_time
from baton_schemas.engagement import Identifiers
from bench.log import SECRET, Keyed
from services.cli.publishing.records import KeyMaker
from services.simulator.world import build

_DAY_MS = 86_400_000
_HOURS_MS = 12 * 3_600_000
_KEYS = KeyMaker(SECRET.encode(), "k1")


class _Carrier(msgspec.Struct):
    person: dict[str, str | None]


def days(*, events: int, people: int, start: int) -> list[Keyed]:
    """`events` records of `people`, the first day from `start` (Baton ms) on, each keyed as Baton keys its person."""
    world = build(seed=7, people=people, start=start, length_ms=_HOURS_MS, key_of=_KEYS.person)
    first = [(_own_key(send.value) or send.key, send.value or b"", send.headers) for _, send in world.emissions]
    return list(islice(_repeated(first), events))


def foreign(records: list[Keyed]) -> Iterator[Keyed]:
    """The same under keys of the publisher's own: one per session of a few events, as a web tracker would have it."""
    for number, (_, value, headers) in enumerate(records):
        yield b"session-%08x" % (number * 2654435761 % (1 << 32)), value, headers


def _repeated(first: list[Keyed]) -> Iterator[Keyed]:
    for day in count():
        for key, value, headers in first:
            yield key, value, headers if not day else tuple(_later(headers, day))


def _later(headers: tuple[tuple[str, bytes], ...], day: int) -> Iterator[tuple[str, bytes]]:
    for name, text in headers:
        if name == "ce_id":
            yield name, b"d%d-%b" % (day, text)
        elif name == "ce_time":
            yield name, _shifted(text, day)
        else:
            yield name, text


def _shifted(text: bytes, day: int) -> bytes:
    try:
        return format_time(parse_time(text.decode()) + day * _DAY_MS).encode()
    except ValueError:  # poison stays poison
        return text


def _own_key(value: bytes | None) -> bytes | None:
    try:
        named = {kind: text for kind, text in msgspec.json.decode(value or b"", type=_Carrier).person.items() if text}
        return _KEYS.person(Identifiers(**named)).encode()
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None
