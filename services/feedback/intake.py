"""From a record to what it says: envelope, type and fields checked, every complaint named without quoting anybody."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from baton_schemas.contract import Contract
from baton_schemas.envelope import EnvelopeError, Event, from_record
from services.runtime.errors import Permanent
from services.runtime.record import Record

MAX_VALUE_BYTES = 256 * 1024
_LONGEST_CAUSE = 128
_LONGEST_FIX = 300

C = TypeVar("C", bound=Contract)


class Arrival(NamedTuple, Generic[C]):
    """An input, read. `cause` names it in everything it leads to; `ref` is the digest by which a repeat is known."""

    data: C
    key: str
    cause: str
    ref: bytes


def read(record: Record, contracts: Mapping[str, type[C]], most_bytes: int = MAX_VALUE_BYTES) -> Arrival[C]:
    """What `record` says. Raises Permanent with code, field and fix."""
    key = _key(record.key)
    if record.value is None:
        raise Permanent("null_value", field="value", fix="send a record with data; this topic knows no deletions")
    if len(record.value) > most_bytes:
        raise Permanent("value_too_large", field="value", fix=f"{most_bytes} bytes at most")
    try:
        event = from_record(record.headers, record.value)
    except EnvelopeError as error:
        raise Permanent("not_cloudevent", field=error.field, fix=error.fix) from None
    model = contracts.get(event.type)
    if model is None:
        raise Permanent("unknown_type", field="type", fix=f"known here: {', '.join(sorted(contracts))}")
    return Arrival(_data(event, model), key, cause_of(event), ref_of(event))


def cause_of(event: Event) -> str:
    """`<source>#<id>`, or a digest of it where that is longer than a cause may be.

    >>> cause_of(Event("7", "/crm", "x", None, None))
    '/crm#7'
    """
    cause = f"{event.source}#{event.id}"
    return cause if len(cause) <= _LONGEST_CAUSE else "#" + ref_of(event, 16).hex()


def ref_of(event: Event, size: int = 10) -> bytes:
    """A digest of source and id, which together identify an event."""
    return blake2b(f"{len(event.source)}:{event.source}#{event.id}".encode(), digest_size=size).digest()


def _key(key: bytes | None) -> str:
    if not key:
        raise Permanent("invalid_field", field="key", fix="the record's key is the lead, as in leads.routed")
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise Permanent("key_not_utf8", field="key", fix="keys are UTF-8 text") from None


def _data(event: Event, model: type[C]) -> C:
    if event.data is None:
        raise Permanent("null_value", field="data", fix="send the data of the event")
    try:
        return model.model_validate_json(event.data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            raise Permanent("invalid_json", field="value", fix="send JSON in UTF-8") from None
        # only the head of the path: further down stand keys that the sender chose
        field = str(first["loc"][0]) if first["loc"] else "data"
        message = "is not valid" if first["type"] == "value_error" else first["msg"]
        raise Permanent("invalid_field", field=field, fix=message[:_LONGEST_FIX]) from None
