"""What all contracts share: one strictness, one notion of time, one registry from event type to model.

Consumers ignore what they do not know (a producer may add optional fields within a major version); a wrong type or a
missing required field is refused with the field's name. Times are RFC 3339 on the wire and integer milliseconds since
1970 UTC in Python.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_TEXTS = tuple(f"{second:02}." for second in range(60))
_FRACTION_TEXTS = tuple(f"{milliseconds:03}Z" for milliseconds in range(1000))


def parse_time(text: str) -> int:
    """Milliseconds since 1970 UTC of an RFC 3339 time. Raises ValueError without a zone or when it is no time.

    >>> parse_time("2026-03-02T09:30:00Z")
    1772443800000
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not an RFC 3339 time, such as 2026-03-02T09:30:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone, such as 2026-03-02T09:30:00Z")
    since = moment - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def format_time(milliseconds: int) -> str:
    """RFC 3339 in UTC, with milliseconds.

    >>> format_time(1772443800000)
    '2026-03-02T09:30:00.000Z'
    """
    minute, rest = divmod(milliseconds, 60_000)
    second, fraction = divmod(rest, 1000)
    return _minute(minute) + _SECOND_TEXTS[second] + _FRACTION_TEXTS[fraction]


@lru_cache(maxsize=4096)
def _minute(minutes: int) -> str:
    """So many minutes after 1970 began, up to the colon: most times that are written are of a few days."""
    days, rest = divmod(minutes, 1440)
    return f"{(_EPOCH + timedelta(days=days)).date().isoformat()}T{rest // 60:02}:{rest % 60:02}:"


def _to_milliseconds(value: Any) -> Any:
    return parse_time(value) if isinstance(value, str) else value


Time = Annotated[
    int,
    BeforeValidator(_to_milliseconds),
    Field(ge=-62_135_596_800_000, le=253_402_300_799_999),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant: RFC 3339 with zone on the wire, integer milliseconds since 1970 UTC in Python."""

Name = Annotated[str, Field(min_length=1, max_length=128)]
Text = Annotated[str, Field(max_length=10_000)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A number of things, or a version: never negative, and exact in every language that reads JSON."""

Scalar = str | Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)] | float | bool | None


class Contract(BaseModel):
    """Base of every record's data. `TYPE` is its CloudEvents type, with the major version."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    TYPE: ClassVar[str]

    def to_json(self) -> bytes:
        """Compact JSON in the model's field order; equal values give equal bytes. Nones are left out."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)


class Part(BaseModel):
    """Base of what is nested in a contract."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)
