"""Intake: from a record to its envelope and its checked content.

The envelope gives identity and time. A time more than five minutes ahead of the log's own is set back to the log's;
one more than 30 days before it is too late to be told from a repeat, and refused. An event without time happened when
the log took it in.
"""

from __future__ import annotations

from typing import NamedTuple

from pydantic import ValidationError

from baton_schemas.contract import Contract, parse_time
from baton_schemas.engagement import EngagementRecorded
from baton_schemas.envelope import JSON_TYPE, EnvelopeError, from_record
from services.runtime.errors import Permanent
from services.runtime.record import Record
from services.scorer import hot
from services.scorer.ledger import HOUR_MS
from services.scorer.profile import event_id

MAX_VALUE_BYTES = 256 * 1024
HORIZON_MS = 30 * 24 * HOUR_MS
AHEAD_MS = 5 * 60_000


class Envelope(NamedTuple):
    """A record's CloudEvents attributes; `time` in ms or None, `plain` when its headers are in binary mode."""

    id: str
    source: str
    type: str
    time: int | None
    data: bytes
    plain: bool


def open_envelope(record: Record) -> Envelope:
    """The envelope of a record. Raises Permanent: null_value, value_too_large, key_not_utf8, not_cloudevent."""
    value = record.value
    if value is None:
        raise Permanent("null_value", field="value", fix="send a CloudEvent")
    if len(value) > MAX_VALUE_BYTES:
        raise Permanent("value_too_large", field="value", fix=f"send at most {MAX_VALUE_BYTES} bytes")
    if (key := record.key) is not None and not key.isascii():
        try:
            key.decode()
        except UnicodeDecodeError:
            raise Permanent("key_not_utf8", field="key", fix="send UTF-8, or no key at all") from None
    try:
        plain = _binary(record, value)
        if plain is not None:
            return plain
        event = from_record(record.headers, value)
    except EnvelopeError as error:
        raise Permanent("not_cloudevent", field=error.field, fix=error.fix) from None
    if event.data is None:
        raise Permanent("null_value", field="data", fix="send the event's data")
    return Envelope(event.id, event.source, event.type, event.time, event.data, plain=False)


def read_event(models: dict[str, type[Contract]], envelope: Envelope) -> Contract | hot.Act:
    """The event's data, checked. Raises Permanent: unknown_type, invalid_json, no_identifier, invalid_field."""
    model = models.get(envelope.type)
    if model is EngagementRecorded and (act := hot.read_act(envelope.data)) is not None:
        return act
    if model is None:
        raise Permanent("unknown_type", field="ce_type", fix="send " + ", ".join(models))
    try:
        return model.model_validate_json(envelope.data)
    except ValidationError as error:
        raise _refusal(error) from None


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


def _binary(record: Record, value: bytes) -> Envelope | None:
    """The envelope of the usual form: binary mode, lower-case names, each attribute once. None for all else."""
    headers = record.headers
    found = dict(headers)
    if len(found) != len(headers) or found.get("content-type") != JSON_TYPE or found.get("ce_specversion") != b"1.0":
        return None
    try:
        time = found.get("ce_time")
        at = None if time is None else parse_time(time.decode())
        read = Envelope(
            found["ce_id"].decode(), found["ce_source"].decode(), found["ce_type"].decode(), at, value, plain=True
        )
    except (ValueError, KeyError):
        return None
    return read if read.id and read.source else None


def _refusal(error: ValidationError) -> Permanent:
    """What is wrong, without a word of the content: names of properties may be personal, too."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    if first["type"] == "json_invalid":
        return Permanent("invalid_json", field="value", fix="send JSON in UTF-8")
    path = [str(part) for part in first["loc"]]
    message = first["msg"].removeprefix("Value error, ")
    if path in (["person"], ["previous"]):
        return Permanent("no_identifier", field=".".join(path), fix="one of email, user_id, anonymous_id is required")
    shown = path[:1] if path[:1] in (["properties"], ["traits"]) else path[:3]
    return Permanent("invalid_field", field=".".join(shown), fix=message)
