"""Values on Tryton's wire: JSON with a class name where JSON has no type. Times are in UTC and carry no zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def wire_time(microseconds: int) -> dict[str, Any]:
    """An instant (microseconds since 1970 UTC) as Tryton reads it."""
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return {"__class__": "datetime", **{part: getattr(moment, part) for part in _PARTS}}


def wire_date(milliseconds: int) -> dict[str, Any]:
    """The UTC day of an instant (ms)."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return {"__class__": "date", "year": moment.year, "month": moment.month, "day": moment.day}


def microseconds(value: Any) -> int:
    """The instant in a value that `plain` returned (microseconds since 1970 UTC)."""
    if not isinstance(value, datetime):
        raise ValueError("not a time")
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def plain(found: dict[str, Any]) -> Any:
    """An object of the wire as a Python value; for json's `object_hook`."""
    match found.get("__class__"):
        case "datetime":
            return datetime(**{part: found.get(part, 0) for part in _PARTS}, tzinfo=UTC)
        case "date":
            return (found["year"], found["month"], found["day"])
        case "Decimal":
            return Decimal(found["decimal"])
        case _:
            return found
