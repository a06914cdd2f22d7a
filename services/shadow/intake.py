"""From a record to what it says, checked; a complaint names field and fix and quotes nobody. Pure."""

from __future__ import annotations

from pydantic import ValidationError

from baton_schemas.crm import DealFacts
from baton_schemas.envelope import EnvelopeError, from_record
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadRouted
from services.runtime.errors import Permanent
from services.runtime.record import Record

MAX_VALUE_BYTES = 1 << 20
Input = DealFacts | LeadRouted | LeadWithdrawn
CONTRACTS: dict[str, type[Input]] = {model.TYPE: model for model in (DealFacts, LeadRouted, LeadWithdrawn)}


def read(record: Record) -> tuple[str, Input]:
    """The person whom `record` is about (its key), and what it says. Raises Permanent."""
    if record.value is None:
        raise Permanent("null_value", field="value", fix="send a record with data")
    if len(record.value) > MAX_VALUE_BYTES:
        raise Permanent("value_too_large", field="value", fix=f"{MAX_VALUE_BYTES} bytes at most")
    try:
        event = from_record(record.headers, record.value)
    except EnvelopeError as error:
        raise Permanent("not_cloudevent", field=error.field, fix=error.fix) from None
    model = CONTRACTS.get(event.type)
    if model is None:
        raise Permanent("unknown_type", field="type", fix=f"known here: {', '.join(sorted(CONTRACTS))}")
    try:
        data = model.model_validate_json(event.data or b"")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "data"
        raise Permanent("invalid_field", field=field, fix="see the JSON Schema of the type") from None
    about = data.person if isinstance(data, DealFacts) else data.lead
    if (record.key or b"") != about.encode():
        raise Permanent("wrong_key", field="key", fix="use the person's key, as in the data, as the record's key")
    return about, data
