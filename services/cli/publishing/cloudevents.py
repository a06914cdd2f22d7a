"""CloudEvents 1.0 in structured JSON, one a line: what may be published by anybody outside, checked by its contract."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError

from baton_schemas.catalogue import TOPICS
from baton_schemas.contract import Contract
from baton_schemas.envelope import EnvelopeError, from_document
from services.cli.publishing.draft import Draft, Refused, refusal

OPEN_TOPICS = ("engagement.events", "feedback.events", "crm.facts")
"""Topics that people and their tools write to; on all others only a service speaks."""

TOPIC_OF: dict[str, str] = {model.TYPE: name for name in OPEN_TOPICS for model in TOPICS[name].records}
_MODELS: dict[str, type[Contract]] = {model.TYPE: model for name in OPEN_TOPICS for model in TOPICS[name].records}


def is_cloud_event(document: dict[str, Any]) -> bool:
    """Whether `document` says of itself that it is a CloudEvent."""
    return "specversion" in document


def parse_cloud_event(document: dict[str, Any]) -> Draft:
    """The draft in a structured CloudEvent. Raises Refused naming the attribute, or `data.` and the field."""
    try:
        event = from_document(document)
        if event.data is not None and "data_base64" not in document:
            event.data.decode()
    except EnvelopeError as error:
        raise Refused(error.field, error.fix) from None
    except UnicodeError:
        raise Refused("", "holds half of a surrogate pair, which is no text") from None
    model = _MODELS.get(event.type)
    if model is None:
        near = difflib.get_close_matches(event.type, _MODELS, n=1)
        raise Refused("type", f"not one that can be published{f', did you mean {near[0]}?' if near else ''}")
    if event.data is None:
        raise Refused("data", "is required")
    try:
        data = model.model_validate_json(event.data)
    except ValidationError as error:
        inner = refusal(error)
        raise Refused(f"data.{inner.field}".rstrip("."), inner.reason) from None
    return Draft(data, event.id, event.source, event.time, event.extensions)
