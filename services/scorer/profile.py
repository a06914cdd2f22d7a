"""The profile of one identity: everything that its own events say, as a function of their set (L1).

Beside the ledger: traits (the latest by event time wins, trait by trait, ties by the event's id), the newest acts, the
last campaign, what stops it from being a lead. Whatever is bounded keeps the newest, which is the same in any order.
An identity owns its profile for good; its root reads it beside its own and never takes it over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from services.scorer.ledger import ID_BYTES, Ledger

MAX_TRAITS = 64
MAX_ACTS = 20
MAX_TEXT = 1000
MAX_LIST = 50
SUBJECTS = ("title", "name", "subject", "content", "webinar", "form", "path")
_SUBJECTS = frozenset(SUBJECTS)
VERSION = b"\x01"
_OFFSET = 1 << 62

Scalar = str | int | float | bool | None
Value = Scalar | list[Scalar]


class Latest(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A value and the event that said it: time (ms) and id."""

    at: int
    tie: bytes
    value: Value


class Act(NamedTuple):
    """One thing the person did. Kept as bytes that sort by time and id: newest first, they are a list in reverse."""

    at: int
    tie: bytes
    action: str
    subject: str | None
    topic: str | None = None
    stage: str | None = None


class Facts(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What the CRM says of the identity, whole; the latest counts."""

    at: int
    tie: bytes
    owner: str | None = None
    stop: str | None = None


class Profile(msgspec.Struct, array_like=True, gc=False):
    """Changed in place by the one batch that decoded it. `past` is what backfills said of it (`past.py`)."""

    ledger: Ledger = msgspec.field(default_factory=Ledger)
    email: str | None = None
    traits: dict[str, Latest] = msgspec.field(default_factory=dict)
    acts: list[bytes] = []
    campaign: Latest | None = None
    stopped: Latest | None = None
    facts: Facts | None = None
    first_touch: Latest | None = None
    past: bytes = b""


def event_id(source: str, id: str) -> bytes:
    """Six bytes that stand for an event: BLAKE2b over source and id."""
    return blake2b(f"{source}\0{id}".encode(), digest_size=ID_BYTES).digest()


def set_trait(profile: Profile, name: str, value: Value, at: int, tie: bytes) -> bool:
    """Takes a trait in unless a later one is known; None and empty text say nothing. Answers whether it changed."""
    value = bounded(value)
    if value is None or value == "" or value == []:  # noqa: PLR1714  three plain comparisons, on the hot path
        return False
    traits = profile.traits
    old = traits.get(name)
    if old is not None and (old.at, old.tie, _order(old.value)) >= (at, tie, _order(value)):
        return False
    late = old is None and bool(traits) and name < next(reversed(traits))
    traits[name] = Latest(at, tie, value)
    if len(traits) > MAX_TRAITS:
        oldest = min(traits, key=lambda each: (traits[each].at, each))
        del traits[oldest]
    if late:
        profile.traits = dict(sorted(traits.items()))
    return old is None or old.value != value


def add_act(profile: Profile, at: int, tie: bytes, action: str, about: str) -> None:
    """Adds an act to the newest ones, newest first, once. `about`: see `about_of`."""
    acts, packed = profile.acts, pack_act(at, tie, action, about)
    if not acts or packed > acts[0]:
        acts.insert(0, packed)
    elif packed not in acts:
        acts.append(packed)
        acts.sort(reverse=True)
    if len(acts) > MAX_ACTS:
        del acts[MAX_ACTS:]


def pack_act(at: int, tie: bytes, action: str, about: str) -> bytes:
    """An act as bytes that sort by its time."""
    said = f"{action}\0{about}" if about else action
    return (at + _OFFSET).to_bytes(8, "big") + tie + said.encode(errors="replace")


def act_of(packed: bytes) -> Act:
    """The exact reverse of `pack_act`."""
    action, subject, topic, stage, *_ = (*packed[8 + ID_BYTES :].decode().split("\0"), "", "", "")
    at = int.from_bytes(packed[:8], "big") - _OFFSET
    return Act(at, packed[8 : 8 + ID_BYTES], action, subject or None, topic or None, stage or None)


def later(one: Latest | None, other: Latest | None) -> Latest | None:
    """The later of two, whichever way they are given."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda each: (each.at, each.tie, _order(each.value)))


def earlier(one: Latest | None, other: Latest | None) -> Latest | None:
    """The earlier of two, whichever way they are given."""
    if one is None or other is None:
        return one or other
    return min(one, other, key=lambda each: (each.at, each.tie, _order(each.value)))


def traits_of(profiles: Sequence[Profile]) -> dict[str, Value]:
    """The latest value of each trait over all profiles, in the order of names."""
    if len(profiles) == 1:
        return {name: latest.value for name, latest in profiles[0].traits.items()}
    found: dict[str, Latest] = {}
    for profile in profiles:
        for name, latest in profile.traits.items():
            newest = later(found.get(name), latest)
            if newest is not None:
                found[name] = newest
    return {name: found[name].value for name in sorted(found)}


def acts_of(profiles: Iterable[Profile]) -> list[Act]:
    """The newest acts over all profiles, newest first."""
    newest = sorted((act for profile in profiles for act in profile.acts), reverse=True)[:MAX_ACTS]
    return [act_of(packed) for packed in newest]


def latest_act(profiles: Iterable[Profile]) -> int | None:
    """When the person last did something that counts (ms)."""
    return max((act_of(profile.acts[0]).at for profile in profiles if profile.acts), default=None)


def bounded(value: Value) -> Value:
    """The value as state keeps it: long text and lists cut, numbers that nobody packs as text.

    >>> bounded(float("inf")), bounded(2**70) == str(2**70), bounded([1, None])
    ('inf', True, [1])
    """
    if type(value) is str and len(value) <= MAX_TEXT:
        return value
    if isinstance(value, list):
        kept: list[Scalar] = [_bounded(each) for each in value[:MAX_LIST] if each is not None]
        return kept
    return _bounded(value)


def about_of(properties: Mapping[str, Value], url: str | None) -> str:
    """What an act was about: its subject, topic and stage, as one text that `Act` is read from; empty when unknown."""
    subject = subject_of(properties, url)
    topic, stage = (_named(properties.get(name)) for name in ("topic", "stage"))
    return f"{subject or ''}\0{topic}\0{stage}".rstrip("\0") if topic or stage else subject or ""


def _named(value: Value) -> str:
    return value[:60].replace("\0", " ") if isinstance(value, str) else ""


def subject_of(properties: Mapping[str, Value], url: str | None) -> str | None:
    """What an act was about, for the dossier: a title or name if the event has one, else the path of its page."""
    if not _SUBJECTS.isdisjoint(properties):
        for name in SUBJECTS:
            value = properties.get(name)
            if isinstance(value, str) and value:
                return value[:120]
    return url.partition("?")[0][:120] if url else None


def pack(profile: Profile) -> bytes:
    """The profile as canonical bytes, first byte = version: equal profiles give equal bytes."""
    return VERSION + _ENCODER.encode(profile)


def unpack(packed: bytes) -> Profile:
    """The exact reverse of `pack`."""
    return _DECODER.decode(memoryview(packed)[1:])


def _bounded(value: Scalar) -> Scalar:
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 1] + "…"
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 63 else str(value)[:MAX_TEXT]
    return value if value - value == 0.0 else str(value)


def _order(value: Value) -> str:
    return f"{type(value).__name__}:{value}"


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Profile)
