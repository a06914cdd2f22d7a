"""What the scorer tells itself through the log, written and read fast: one in three of its records is one of these.

Each form has the fields of its contract, in the contract's order, with times as text; it is written as the contract
writes it, byte for byte. It is read fast only where it holds nothing but what the contract would write again exactly;
whatever else comes is read by the contract, which refuses it or says what it means. A property test holds the two
against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec
from msgspec import Meta

from baton_schemas.accounts import AccountSignal, MemberChanged
from baton_schemas.contract import Contract, format_time, parse_time
from baton_schemas.identity import IdentityLinked, LedgerPublished

_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Text = Annotated[str, Meta(max_length=10_000)]
_Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class _Form(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """The only defaults are Nones, which are left out."""

    def to_json(self) -> bytes:
        """The bytes that the contract writes for the same content."""
        return ENCODER.encode(self)


class Linked(_Form, frozen=True, kw_only=True):
    """An `IdentityLinked`."""

    TYPE: ClassVar[str] = IdentityLinked.TYPE

    person: _Name
    root: _Name | None = None
    at: str
    cause: _Name

    def is_exact(self) -> bool:
        """Whether the contract would write its times like this."""
        return _is_exact(self.at)


class Published(_Form, frozen=True, kw_only=True):
    """A `LedgerPublished`."""

    TYPE: ClassVar[str] = LedgerPublished.TYPE

    source: _Name
    version: _Count
    packed: str | None = None
    via: _Name
    linked_at: str
    link_cause: _Name

    def is_exact(self) -> bool:
        """Whether the contract would write its times like this."""
        return _is_exact(self.linked_at)


class Summary(_Form, frozen=True, kw_only=True):
    """A `MemberChanged`."""

    TYPE: ClassVar[str] = MemberChanged.TYPE

    account: _Name
    person: _Name
    version: _Count
    grade: _Name | None = None
    job_title: _Text | None = None
    engaged_at: str | None = None
    removed: bool

    def is_exact(self) -> bool:
        """Whether the contract would write its times like this."""
        return self.engaged_at is None or _is_exact(self.engaged_at)


class Standing(_Form, frozen=True, kw_only=True):
    """An `AccountStanding`."""

    owner: _Name | None = None
    customer_since: str | None = None
    open_opportunity: bool
    tier: _Name | None = None


class Colleague(_Form, frozen=True, kw_only=True):
    """A `Colleague` of the contract."""

    person: _Name
    grade: _Name
    job_title: _Text | None = None
    engaged_at: str | None = None


class Signal(_Form, frozen=True, kw_only=True):
    """An `AccountSignal`."""

    TYPE: ClassVar[str] = AccountSignal.TYPE

    account: _Name
    person: _Name
    version: _Count
    standing: Standing | None = None
    colleagues: list[Colleague]

    def is_exact(self) -> bool:
        """Whether the contract would write its times like this."""
        for each in self.colleagues:
            if each.engaged_at is not None and not _is_exact(each.engaged_at):
                return False
        since = None if self.standing is None else self.standing.customer_since
        return since is None or _is_exact(since)


Hop = Linked | Published | Summary | Signal
F = TypeVar("F", Linked, Published, Summary, Signal)


class Reader(Generic[F]):
    """Reads one form, with its contract behind it."""

    def __init__(self, form: type[F], contract: type[Contract]) -> None:
        self._decode: Callable[[bytes], F] = msgspec.json.Decoder(form).decode
        self._contract = contract

    def fast(self, data: bytes) -> F | None:
        """The record's content, or None: then the contract must be asked."""
        try:
            found = self._decode(data)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        return found if found.is_exact() else None

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
read_summary = Reader(Summary, MemberChanged)
read_signal = Reader(Signal, AccountSignal)
