"""What the scorer tells itself through the log, written and read fast: one in three of its records is one of these.

Each form has the fields of its contract, in the contract's order, with times as text; it is written as the contract
writes it, byte for byte. It is read fast only where it holds nothing but what the contract would write again exactly;
whatever else comes is read by the contract, which refuses it or says what it means. A property test holds the two
against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec
from msgspec import Meta

from baton_schemas.accounts import AccountSignal, MemberChanged
from baton_schemas.contract import Contract, format_time, parse_time
from baton_schemas.identity import IdentityLinked, IdentityStopped, LedgerPublished
from services.scorer.hot import Name, Text, decoded

_Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class _Form(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """The only defaults are Nones, which are left out."""

    def to_json(self) -> bytes:
        """The bytes that the contract writes for the same content."""
        return ENCODER.encode(self)

    def times(self) -> Iterable[str | None]:
        """The times in it."""
        return ()

    def is_exact(self) -> bool:
        """Whether the contract would write its times like this."""
        return all(at is None or _is_exact(at) for at in self.times())


class Linked(_Form, frozen=True, kw_only=True):
    """An `IdentityLinked`."""

    TYPE: ClassVar[str] = IdentityLinked.TYPE

    person: Name
    root: Name | None = None
    at: str
    cause: Name

    def times(self) -> Iterable[str | None]:
        return (self.at,)


class Published(_Form, frozen=True, kw_only=True):
    """A `LedgerPublished`."""

    TYPE: ClassVar[str] = LedgerPublished.TYPE

    source: Name
    version: _Count
    packed: str | None = None
    via: Name
    linked_at: str
    link_cause: Name
    handoff: Name | None = None

    def times(self) -> Iterable[str | None]:
        return (self.linked_at,)


class Stopped(_Form, frozen=True, kw_only=True):
    """An `IdentityStopped`."""

    TYPE: ClassVar[str] = IdentityStopped.TYPE

    person: Name
    handoff: Name
    reason: Name


class Summary(_Form, frozen=True, kw_only=True):
    """A `MemberChanged`."""

    TYPE: ClassVar[str] = MemberChanged.TYPE

    account: Name
    person: Name
    version: _Count
    grade: Name | None = None
    job_title: Text | None = None
    engaged_at: str | None = None
    removed: bool

    def times(self) -> Iterable[str | None]:
        return (self.engaged_at,)


class Standing(_Form, frozen=True, kw_only=True):
    """An `AccountStanding`."""

    owner: Name | None = None
    customer_since: str | None = None
    open_opportunity: bool
    tier: Name | None = None


class Colleague(_Form, frozen=True, kw_only=True):
    """A `Colleague` of the contract."""

    person: Name
    grade: Name
    job_title: Text | None = None
    engaged_at: str | None = None


class Signal(_Form, frozen=True, kw_only=True):
    """An `AccountSignal`."""

    TYPE: ClassVar[str] = AccountSignal.TYPE

    account: Name
    person: Name
    version: _Count
    standing: Standing | None = None
    colleagues: list[Colleague]

    def times(self) -> Iterable[str | None]:
        since = None if self.standing is None else self.standing.customer_since
        return (since, *[each.engaged_at for each in self.colleagues])


Hop = Linked | Published | Stopped | Summary | Signal
F = TypeVar("F", Linked, Published, Stopped, Summary, Signal)


class Reader(Generic[F]):
    """Reads one form, with its contract behind it."""

    def __init__(self, form: type[F], contract: type[Contract]) -> None:
        self._decode: Callable[[bytes], F] = msgspec.json.Decoder(form).decode
        self._contract = contract

    def fast(self, data: bytes) -> F | None:
        """The record's content, or None: then the contract must be asked."""
        found = decoded(self._decode, data)
        return found if found is not None and found.is_exact() else None

    def __call__(self, data: bytes) -> F:
        """The record's content. Raises the contract's ValidationError."""
        found = self.fast(data)
        return self._decode(self._contract.model_validate_json(data).to_json()) if found is None else found


@lru_cache(maxsize=4096)
def _is_exact(text: str) -> bool:
    """Whether a time is written as `format_time` writes it. Colleagues' times come again with each story."""
    try:
        return format_time(parse_time(text)) == text
    except ValueError:
        return False


ENCODER = msgspec.json.Encoder()
read_linked = Reader(Linked, IdentityLinked)
read_published = Reader(Published, LedgerPublished)
read_stopped = Reader(Stopped, IdentityStopped)
read_summary = Reader(Summary, MemberChanged)
read_signal = Reader(Signal, AccountSignal)
