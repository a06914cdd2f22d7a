"""Intake: from a record to its envelope, and why a record is refused.

The envelope gives identity and time. A time more than five minutes ahead of the log's own is set back to the log's;
one more than 30 days before it is too late to be told from a repeat, and refused. An event without time happened when
the log took it in.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from pydantic import ValidationError

from baton_schemas.contract import parse_time
from baton_schemas.envelope import JSON_TYPE, EnvelopeError, from_record, to_headers
from services.runtime.errors import Permanent
from services.runtime.origin import ORIGIN_HEADER
from services.runtime.record import Headers, Record
from services.scorer.ledger import HOUR_MS
from services.scorer.profile import event_id

MAX_VALUE_BYTES = 256 * 1024
HORIZON_MS = 30 * 24 * HOUR_MS
AHEAD_MS = 5 * 60_000
RECORDED_HEADER = "baton-recorded"
"""When the log took a re-keyed event in first (Baton ms): latency is counted from there."""
_WRITTEN = tuple(name for name, _ in to_headers(id="", source="", type="", time=0))
"""The order in which Baton writes an envelope."""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A record's CloudEvents attributes; `time` in ms or None. A struct, since one is made for each record."""

    id: str
    source: str
    type: str
    time: int | None
    data: bytes


def open_envelope(record: Record) -> Envelope:
    """The envelope of a record. Raises Permanent: null_value, value_too_large, key_not_utf8, not_cloudevent."""
    value, headers = record.value, record.headers
    if value is None:
        raise Permanent("null_value", field="value", fix="send a CloudEvent")
    if len(value) > MAX_VALUE_BYTES:
        raise Permanent("value_too_large", field="value", fix=f"send at most {MAX_VALUE_BYTES} bytes")
    if (key := record.key) is not None and not key.isascii():
        try:
            key.decode()
        except UnicodeDecodeError:
            raise Permanent("key_not_utf8", field="key", fix="send UTF-8, or no key at all") from None
    sent_on = len(headers) == 8 and headers[6][0] == ORIGIN_HEADER and headers[7][0] == RECORDED_HEADER
    try:
        (a, form), (b, version), (c, name), (d, source), (e, kind), (f, time) = headers[:6] if sent_on else headers
        if (a, b, c, d, e, f) == _WRITTEN and form == JSON_TYPE and version == b"1.0" and name and source and kind:
            return Envelope(name.decode(), source.decode(), kind.decode(), parse_time(time.decode()), value)
    except (ValueError, AttributeError):
        pass  # another number of headers, one that is null or no text: what it is, is found out in peace
    return _in_any_order(headers, value) or _read(headers, value)


def _in_any_order(headers: Headers, value: bytes) -> Envelope | None:
    """The usual form, as other libraries write it: binary mode, lower-case names, each attribute once, or no time."""
    found = dict(headers)
    try:
        once = len(found) == len(headers) and "".join(found).islower()
        if once and found["content-type"] == JSON_TYPE and found["ce_specversion"] == b"1.0":
            time = found.get("ce_time")
            at = None if time is None else parse_time(time.decode())
            read = Envelope(found["ce_id"].decode(), found["ce_source"].decode(), found["ce_type"].decode(), at, value)
            return read if read.id and read.source and read.type else None
    except (KeyError, ValueError, AttributeError):
        pass
    return None


def _read(headers: Headers, value: bytes) -> Envelope:
    try:
        event = from_record(headers, value)
    except EnvelopeError as error:
        raise Permanent("not_cloudevent", field=error.field, fix=error.fix) from None
    if event.data is None:
        raise Permanent("null_value", field="data", fix="send the event's data")
    return Envelope(event.id, event.source, event.type, event.time, event.data)


def unknown_type(known: Iterable[str]) -> Permanent:
    """What to send instead."""
    return Permanent("unknown_type", field="ce_type", fix="send " + ", ".join(known))


def clamp(envelope: Envelope, recorded: int) -> tuple[int, bool]:
    """The event's time within what is possible, and whether it was set back. Raises Permanent: too_late."""
    at = envelope.time
    if at is None:
        return recorded, False
    if at > recorded + AHEAD_MS:
        return recorded, True
    if at < recorded - HORIZON_MS:
        raise Permanent("too_late", field="time", fix="publish within 30 days of the event, or without a time")
    return at, False


def tie_of(envelope: Envelope) -> bytes:
    """The event's id in state."""
    return event_id(envelope.source, envelope.id)


def refusal(error: ValidationError) -> Permanent:
    """What is wrong with the content (invalid_json, no_identifier, invalid_field), without a word of it: names of
    properties may be personal, too."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    if first["type"] == "json_invalid":
        return Permanent("invalid_json", field="value", fix="send JSON in UTF-8")
    path = [str(part) for part in first["loc"]]
    message = first["msg"].removeprefix("Value error, ")
    if path in (["person"], ["previous"]):
        return Permanent("no_identifier", field=".".join(path), fix="one of email, user_id, anonymous_id is required")
    shown = path[:1] if path[:1] in (["properties"], ["traits"]) else path[:3]
    return Permanent("invalid_field", field=".".join(shown), fix=message)
