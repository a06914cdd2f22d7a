"""The usual event, read fast: what somebody did, or who somebody is, with nothing unusual in it.

A fast reading answers only where the contract would accept the very same values; whatever else comes (an unknown field,
a list, a float, a number or text beyond its bounds, no identifier, broken JSON) is None, and the contract itself
decides, so what is refused and how stays in one place. A property test holds the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, ClassVar, TypeVar

import msgspec
from msgspec import Meta

from baton_schemas.contract import Contract
from baton_schemas.engagement import AccountIdentified, EngagementRecorded, PersonIdentified

_SLUG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}")
_MAX_PROPERTIES = 200
_MAX_INTEGER = 2**53 - 1

_Email = Annotated[str, Meta(min_length=3, max_length=254)]
_Identifier = Annotated[str, Meta(min_length=1, max_length=254)]
Text = Annotated[str, Meta(max_length=10_000)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Property = str | int | bool | None


class Who(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An `Identifiers`, read fast."""

    email: _Email | None = None
    user_id: _Identifier | None = None
    anonymous_id: _Identifier | None = None


class From(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A `Campaign`, read fast."""

    name: Text | None = None
    source: Text | None = None
    medium: Text | None = None
    content: Text | None = None
    term: Text | None = None


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An `EngagementRecorded`, read fast: the same fields with the same values."""

    TYPE: ClassVar[str] = EngagementRecorded.TYPE

    person: Who
    action: str
    properties: dict[str, _Property] = msgspec.field(default_factory=dict)
    campaign: From | None = None
    url: Text | None = None
    user_agent: Text | None = None


class Traits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A `PersonIdentified`, read fast."""

    TYPE: ClassVar[str] = PersonIdentified.TYPE

    person: Who
    traits: dict[str, _Property] = msgspec.field(default_factory=dict)


class Company(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An `AccountIdentified`, read fast."""

    TYPE: ClassVar[str] = AccountIdentified.TYPE

    person: Who
    account: Name
    traits: dict[str, _Property] = msgspec.field(default_factory=dict)


S = TypeVar("S")
T = TypeVar("T", Act, Traits, Company)
Event = Contract | Act | Traits | Company


def read_act(data: bytes) -> Act | None:
    """The act in a value, or None: then the contract must be asked.

    >>> read_act(b'{"person": {"user_id": "7"}, "action": "joined"}').action
    'joined'
    >>> read_act(b'{"person": {}, "action": "joined"}') is None
    True
    """
    act = _said(_ACT, data)
    return act if act is not None and _is_slug(act.action) and _usual(act.properties) else None


def read_traits(data: bytes) -> Traits | None:
    """What is said of a person, or None: then the contract must be asked."""
    said = _said(_TRAITS, data)
    return said if said is not None and _usual(said.traits) else None


def read_company(data: bytes) -> Company | None:
    """A person's company, or None: then the contract must be asked."""
    said = _said(_COMPANY, data)
    return said if said is not None and _usual(said.traits) else None


def reader(model: type[Contract]) -> Callable[[bytes], Event]:
    """Reads the events of a type: fast, or by the contract, whose ValidationError it raises."""
    fast = _FAST.get(model)
    if fast is None:
        return model.model_validate_json

    def read(data: bytes) -> Event:
        found = fast(data)
        return model.model_validate_json(data) if found is None else found

    return read


def decoded(decode: Callable[[bytes], S], data: bytes) -> S | None:
    """What a decoder makes of the bytes, or None: then the contract must be asked."""
    try:
        return decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _said(decode: Callable[[bytes], T], data: bytes) -> T | None:
    """An event, if it names anybody."""
    event = decoded(decode, data)
    return event if event is not None and _has_identifier(event.person) else None


def _has_identifier(who: Who) -> bool:
    return who.email is not None or who.user_id is not None or who.anonymous_id is not None


@lru_cache(maxsize=1024)
def _is_slug(action: str) -> bool:
    return _SLUG.fullmatch(action) is not None


def _usual(properties: dict[str, _Property]) -> bool:
    if len(properties) > _MAX_PROPERTIES:
        return False
    for name, value in properties.items():
        if not 0 < len(name) <= 128:
            return False
        if type(value) is int and not -_MAX_INTEGER <= value <= _MAX_INTEGER:
            return False
    return True


_ACT = msgspec.json.Decoder(Act).decode
_TRAITS = msgspec.json.Decoder(Traits).decode
_COMPANY = msgspec.json.Decoder(Company).decode
_FAST: dict[type[Contract], Callable[[bytes], Act | Traits | Company | None]] = {
    EngagementRecorded: read_act,
    PersonIdentified: read_traits,
    AccountIdentified: read_company,
}
