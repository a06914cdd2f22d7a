"""CloudEvents 1.0 on Kafka: binary mode out; binary and structured mode in.

Binary: the value is the data, each attribute a header `ce_<name>` in UTF-8, `content-type` the data's type.
Structured: the value is the whole event as JSON, `content-type: application/cloudevents+json`.
Times are milliseconds since 1970 UTC; `time` is optional in the specification and None here when absent.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from baton_schemas.contract import Contract, format_time, parse_time

STRUCTURED = b"application/cloudevents+json"
BATCH = b"application/cloudevents-batch+json"
JSON_TYPE = b"application/json"
_CORE = {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema"}


class EnvelopeError(ValueError):
    """Not a CloudEvent. `field` is the attribute at fault, `fix` what its sender should do; no content is quoted."""

    def __init__(self, field: str, fix: str) -> None:
        super().__init__(f"{field}: {fix}")
        self.field = field
        self.fix = fix


class Event(NamedTuple):
    """A CloudEvent. `source` and `id` together identify it; `data` is the JSON value as bytes, or None.
    `extensions` are sorted by name."""

    id: str
    source: str
    type: str
    time: int | None
    data: bytes | None
    subject: str | None = None
    extensions: tuple[tuple[str, str], ...] = ()
    datacontenttype: str | None = None


def to_headers(
    *,
    id: str,
    source: str,
    type: str,
    time: int,
    extensions: tuple[tuple[str, str], ...] = (),
) -> tuple[tuple[str, bytes], ...]:
    """The headers of a binary-mode record, always in the same order."""
    return (
        ("content-type", JSON_TYPE),
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type.encode()),
        ("ce_time", format_time(time).encode()),
        *((f"ce_{name}", value.encode()) for name, value in extensions),
    )


def envelop(data: Contract, *, id: str, source: str, time: int) -> tuple[tuple[tuple[str, bytes], ...], bytes]:
    """Headers and value of a binary-mode record that carries a contract."""
    return to_headers(id=id, source=source, type=data.TYPE, time=time), data.to_json()


def from_record(headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> Event:
    """Reads either mode. Raises EnvelopeError naming the attribute; never for an unknown type or bad data.

    When a header is repeated the first counts; header names are matched without regard to case.
    """
    found: dict[str, bytes] = {}
    for name, content in headers:
        lowered = name.lower()
        if content is not None and lowered not in found:
            found[lowered] = content
    content_type = found.get("content-type", b"").lower()
    if content_type.startswith(BATCH):
        raise EnvelopeError("content-type", "batched mode is not defined for Kafka; send one event a record")
    if content_type.startswith(STRUCTURED):
        return _structured(value)
    if "ce_specversion" not in found:
        raise EnvelopeError("ce_specversion", "send a CloudEvents 1.0 record in binary or structured mode")
    return _binary(found, value)


def _binary(found: dict[str, bytes], value: bytes | None) -> Event:
    try:
        attributes = {name[3:]: content.decode() for name, content in found.items() if name.startswith("ce_")}
    except UnicodeDecodeError:
        raise EnvelopeError("ce_ headers", "must be UTF-8") from None
    if "content-type" in found:
        attributes["datacontenttype"] = found["content-type"].decode("latin-1")
    return _event(attributes, value)


def _structured(value: bytes | None) -> Event:
    try:
        document = json.loads(value or b"")
    except (ValueError, RecursionError):
        raise EnvelopeError("value", "is not JSON, though content-type says it is a structured event") from None
    if not isinstance(document, dict):
        raise EnvelopeError("value", "a structured event is a JSON object")
    return from_document(document)


def from_document(document: Mapping[str, Any]) -> Event:
    """A structured event that is parsed already. Raises EnvelopeError naming the attribute."""
    data = _structured_data(document)
    attributes: dict[str, str] = {}
    for name, content in document.items():
        if name in ("data", "data_base64") or content is None:
            continue
        if name in _CORE and not isinstance(content, str):
            raise EnvelopeError(name, "must be a string")
        attributes[name] = content if isinstance(content, str) else json.dumps(content)
    try:
        "".join((*attributes, *attributes.values())).encode()
    except UnicodeEncodeError:
        raise EnvelopeError("value", "holds half of a surrogate pair, which is no Unicode text") from None
    return _event(attributes, data)


def _structured_data(document: Mapping[str, Any]) -> bytes | None:
    if "data_base64" in document:
        try:
            return base64.b64decode(document["data_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise EnvelopeError("data_base64", "is not base64") from None
    if document.get("data") is None:
        return None
    return json.dumps(document["data"], ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _event(attributes: dict[str, str], data: bytes | None) -> Event:
    if attributes.get("specversion") != "1.0":
        raise EnvelopeError("specversion", "must be 1.0")
    for name in ("id", "source", "type"):
        if not attributes.get(name):
            raise EnvelopeError(name, "is required and must not be empty")
    time: int | None = None
    if "time" in attributes:
        try:
            time = parse_time(attributes["time"])
        except ValueError:
            raise EnvelopeError("time", "must be RFC 3339 with a zone, such as 2026-03-02T09:30:00Z") from None
    extensions = tuple(sorted((name, text) for name, text in attributes.items() if name not in _CORE))
    return Event(
        attributes["id"],
        attributes["source"],
        attributes["type"],
        time,
        data,
        attributes.get("subject"),
        extensions,
        attributes.get("datacontenttype"),
    )
