"""Reads what comes in: one event per record, checked, or refused with field and fix; no content is quoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import ValidationError

from baton_schemas.contract import Contract
from baton_schemas.envelope import EnvelopeError, from_record
from services.router.occasion import cause_of
from services.runtime.errors import Permanent
from services.runtime.record import Record

LARGEST_VALUE = 256 * 1024
"""A qualified lead travels on whole, several times; larger ones are refused where they come in."""


class Arrived(NamedTuple):
    """A record's content, who it is about (its key), and its cause string."""

    data: Contract
    key: str
    cause: str


Accepted = Mapping[str, tuple[type[Contract], str]]
"""What a topic may carry: by event type the contract, and the field that must equal the record's key."""


def accepted(key_field: str, *models: type[Contract]) -> Accepted:
    """Contracts that are keyed by one field."""
    return {model.TYPE: (model, key_field) for model in models}


def read(record: Record, accepts: Accepted) -> Arrived:
    """The event in `record`. Raises Permanent when it can't be used, or its key is not what its field says: state
    lives where the key lies, so another key would split it."""
    if record.value is None:
        raise Permanent("null_value", field="value", fix="send an event")
    if len(record.value) > LARGEST_VALUE:
        raise Permanent("value_too_large", field="value", fix=f"send at most {LARGEST_VALUE} bytes")
    try:
        event = from_record(record.headers, record.value)
    except EnvelopeError as error:
        raise Permanent("not_cloudevent", field=error.field, fix=error.fix) from None
    found = accepts.get(event.type)
    if found is None:
        raise Permanent("unknown_type", field="type", fix=f"send one of {', '.join(sorted(accepts))}")
    model, key_field = found
    try:
        data = model.model_validate_json(event.data or b"")
    except ValidationError as error:
        raise _invalid(error) from None
    key = key_of(record)
    if getattr(data, key_field) != key:
        raise Permanent("wrong_key", field="key", fix=f"use the value of `{key_field}` as the record's key")
    return Arrived(data, key, cause_of(event.source, event.id))


def key_of(record: Record) -> str:
    """The record's key as text. Raises Permanent when it has none, or none in UTF-8."""
    try:
        return (record.key or b"").decode()
    except UnicodeDecodeError:
        raise Permanent("key_not_utf8", field="key", fix="use the lead's or person's key, in UTF-8") from None


def _invalid(error: ValidationError) -> Permanent:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return Permanent("invalid_json", field="value", fix="send JSON")
    field = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part.isidentifier())
    return Permanent("invalid_field", field=field or "value", fix=f"{first['type']}: see the JSON Schema of the type")
