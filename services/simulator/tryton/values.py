"""Values as Tryton's JSON-RPC writes them: what JSON has no form for is a dict with `__class__`."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any


def packed(value: object) -> object:
    """The JSON form of one value that the encoder doesn't know; for `json.dumps(default=...)`.

    A moment must name its zone; Tryton counts in UTC and writes none.
    """
    match value:
        case datetime():
            moment = value.astimezone(UTC)
            clock = {name: getattr(moment, name) for name in ("hour", "minute", "second", "microsecond")}
            return {"__class__": "datetime", **_day(moment), **clock}
        case date():
            return {"__class__": "date", **_day(value)}
        case timedelta():
            return {"__class__": "timedelta", "seconds": value.total_seconds()}
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case bytes():
            return {"__class__": "bytes", "base64": base64.b64encode(value).decode()}
    raise TypeError(f"Tryton knows no {type(value).__name__}")


def unpacked(found: dict[str, Any]) -> object:
    """The value behind a dict that came from Tryton; for `json.loads(object_hook=...)`."""
    match found.get("__class__"):
        case "datetime":
            return datetime(**{name: number for name, number in found.items() if name != "__class__"}, tzinfo=UTC)
        case "date":
            return date(found["year"], found["month"], found["day"])
        case "timedelta":
            return timedelta(seconds=found["seconds"])
        case "Decimal":
            return Decimal(found["decimal"])
        case "bytes":
            return base64.b64decode(found["base64"])
    return found


def _day(value: date) -> Mapping[str, int]:
    return {"year": value.year, "month": value.month, "day": value.day}
