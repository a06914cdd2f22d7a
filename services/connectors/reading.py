"""Records of Baton's topics as values: a CloudEvent whose data keeps its contract. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import ValidationError

from baton_schemas.contract import Contract
from baton_schemas.envelope import EnvelopeError, Event, from_record
from services.runtime.errors import Permanent
from services.runtime.record import LogRecord


class Read(NamedTuple):
    """An event, and its data as its contract says."""

    event: Event
    data: Contract


def read(record: LogRecord, models: Mapping[str, type[Contract]]) -> Read | None:
    """What a record says; None for a type that is not in `models`. Raises Permanent when it can't be read."""
    try:
        event = from_record(record.headers, record.value)
        model = models.get(event.type)
        return None if model is None else Read(event, model.model_validate_json(event.data or b""))
    except EnvelopeError as error:
        raise Permanent("not_cloudevent", field=error.field, fix=error.fix) from None
    except ValidationError as error:
        field = str(error.errors(include_input=False, include_url=False)[0]["loc"][:1])
        raise Permanent("invalid_field", field=field, fix="see the JSON Schema of the type") from None
