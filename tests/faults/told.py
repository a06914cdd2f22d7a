"""What the toy tells, taken apart: the id of a record, what it says, its bytes; whether told or only promised."""

from __future__ import annotations

import json
from collections.abc import Callable

from services.runtime.record import LogRecord
from tests.contract import toy
from tests.faults.journal_view import Promise

Told = LogRecord | Promise


def name_of(record: Told) -> str:
    """The id under which it is told; a repeat has the same."""
    return _NAMES.get(record.topic, _letter_name)(record)


def content_of(record: Told) -> object:
    """What it says, however written."""
    if record.topic in (toy.DECIDED, toy.RANG):
        return json.loads(record.value or b"")
    return record.key, record.value


def bytes_of(record: Told) -> tuple[object, ...]:
    """All of it."""
    return record.partition, record.key, record.value, tuple(record.headers)


def split_letter(letter: Told) -> tuple[list[tuple[str, bytes]], dict[str, str]]:
    """A dead letter's original headers, and its own without their prefix."""
    headers = list(letter.headers)
    start = max(index for index, (name, _) in enumerate(headers) if name == "baton-dead-code")
    return headers[:start], {name.removeprefix("baton-dead-"): value.decode() for name, value in headers[start:]}


def counted(packed: bytes) -> tuple[int, list[int]] | None:
    """Count and last offsets of a state; None when the toy never packed such a thing."""
    try:
        tally = toy.unpack(packed)
    except (ValueError, TypeError):
        return None
    return tally.n, tally.last


def _letter_name(letter: Told) -> str:
    theirs, ours = split_letter(letter)
    place = "/".join(ours[part] for part in ("topic", "partition", "offset"))
    return f"{place} {letter.key!r} {theirs}" if ours["offset"] == "-1" else place


_NAMES: dict[str, Callable[[Told], str]] = {
    toy.DECIDED: lambda record: dict(record.headers)["toy-id"].decode(),
    toy.INTERNAL: lambda record: (record.value or b"").decode(),
    toy.HEARD: lambda record: (record.value or b"").decode(),
    toy.RANG: lambda record: str(json.loads(record.value or b"")["id"]),
}
