"""The usual line of a file of past events, read fast: a CloudEvent of what somebody did or is, nothing unusual in it.

A fast reading answers only where the scorer's own (`hot.py`) would take the very same values as the contract; the bytes
stay as they are in the file. Whatever else comes is None, and is read as `baton publish` reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from baton_schemas.contract import format_time, parse_time
from baton_schemas.engagement import Identifiers
from baton_schemas.envelope import JSON_TYPE
from services.cli.publishing.records import MAX_VALUE_BYTES, KeyMaker
from services.runtime.record import Headers
from services.scorer.hot import Act, Company, Traits, Who, decoded, read_act, read_company, read_traits

EVENTS = "engagement.events"
_SURELY_SMALL = MAX_VALUE_BYTES // 2
"""What the contract writes of it is less than twice as long."""
_Given = Annotated[str, Meta(min_length=1)]
_READERS: dict[str, Callable[[bytes], Act | Traits | Company | None]] = {
    Act.TYPE: read_act,
    Traits.TYPE: read_traits,
    Company.TYPE: read_company,
}


class Told(NamedTuple):
    """A line's record: what `baton publish` would send, and when it happened (Baton ms)."""

    at: int
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    specversion: Literal["1.0"]
    id: _Given
    source: _Given
    type: _Given
    time: str
    data: msgspec.Raw
    datacontenttype: Literal["application/json"] | None = None


class UsualLines:
    """Reads usual lines, with the keys of their people."""

    def __init__(self, keys: KeyMaker) -> None:
        self._keys = keys
        self._key = lru_cache(maxsize=1 << 16)(self._key_of)

    def read(self, text: bytes) -> Told | None:
        """The record in a line, or None: then it must be read in peace."""
        line = decoded(_DECODE, text)
        if line is None or len(line.data) > _SURELY_SMALL or (reader := _READERS.get(line.type)) is None:
            return None
        value = bytes(line.data)
        event = reader(value)
        if event is None:
            return None
        try:
            at, key = parse_time(line.time), self._key(event.person)
        except ValueError:
            return None
        headers = (
            ("content-type", JSON_TYPE),
            ("ce_specversion", b"1.0"),
            ("ce_id", line.id.encode()),
            ("ce_source", line.source.encode()),
            ("ce_type", line.type.encode()),
            ("ce_time", format_time(at).encode()),
        )
        return Told(at, EVENTS, key, value, headers)

    def _key_of(self, who: Who) -> bytes:
        named = Identifiers(email=who.email, user_id=who.user_id, anonymous_id=who.anonymous_id)
        return self._keys.person(named).encode()


_DECODE = msgspec.json.Decoder(_Line).decode
