"""The usual act, read fast: nine events in ten are EngagementRecorded with nothing unusual in them.

`read_act` answers only where the contract would accept the very same values; whatever else comes (an unknown field, a
float, a number or text beyond its bounds, no identifier, broken JSON) is None, and the contract itself decides, so what
is refused and how stays in one place. A property test holds the two against each other.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from baton_schemas.engagement import EngagementRecorded

_SLUG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}")
_MAX_PROPERTIES = 200
_MAX_INTEGER = 2**53 - 1

_Email = Annotated[str, Meta(min_length=3, max_length=254)]
_Identifier = Annotated[str, Meta(min_length=1, max_length=254)]
_Text = Annotated[str, Meta(max_length=10_000)]
_Property = str | int | bool | None


class Who(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An `Identifiers`, read fast."""

    email: _Email | None = None
    user_id: _Identifier | None = None
    anonymous_id: _Identifier | None = None


class From(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A `Campaign`, read fast."""

    name: _Text | None = None
    source: _Text | None = None
    medium: _Text | None = None
    content: _Text | None = None
    term: _Text | None = None


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An `EngagementRecorded`, read fast: the same fields with the same values."""

    TYPE: ClassVar[str] = EngagementRecorded.TYPE

    person: Who
    action: str
    properties: dict[str, _Property] = msgspec.field(default_factory=dict)
    campaign: From | None = None
    url: _Text | None = None
    user_agent: _Text | None = None


def read_recorded(data: bytes) -> Act | EngagementRecorded:
    """The act in a value. Raises the contract's ValidationError."""
    act = read_act(data)
    return EngagementRecorded.model_validate_json(data) if act is None else act


def read_act(data: bytes) -> Act | None:
    """The act in a value, or None: then the contract must be asked.

    >>> read_act(b'{"person": {"user_id": "7"}, "action": "joined"}').action
    'joined'
    >>> read_act(b'{"person": {}, "action": "joined"}') is None
    True
    """
    try:
        act = _DECODER.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    who = act.person
    if who.email is None and who.user_id is None and who.anonymous_id is None:
        return None
    if _SLUG.fullmatch(act.action) is None:
        return None
    return act if not act.properties or _usual(act.properties) else None


def _usual(properties: dict[str, _Property]) -> bool:
    if len(properties) > _MAX_PROPERTIES:
        return False
    for name, value in properties.items():
        if not 0 < len(name) <= 128:
            return False
        if type(value) is int and not -_MAX_INTEGER <= value <= _MAX_INTEGER:
            return False
    return True


_DECODER = msgspec.json.Decoder(Act)
