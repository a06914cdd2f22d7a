"""The account's side: who of a company is engaged, how the company stands with us, and who should know (H2).

Members tell their grade; the CRM tells the standing. A member hears the account's story when its own summary comes
in, while it is warm when a colleague's does, and always when the standing changes; never the same story twice. A new
member is answered even when there is no story: before that it does not qualify, since it might be a customer's.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from baton_schemas.contract import format_time, parse_time
from baton_schemas.crm import AccountFacts
from services.scorer.hops import ENCODER as JSON
from services.scorer.hops import Colleague, Signal, Summary, read_signal

PREFIX = b"a:"
MAX_MEMBERS = 500
MAX_COLLEAGUES = 5
_VERSION_BYTE = b"\x01"


class Member(msgspec.Struct, array_like=True):
    """A person's summary; `told` stands for the story it heard last."""

    version: int
    grade: str
    job_title: str | None = None
    engaged_at: int | None = None
    told: str = ""


class Engagement(msgspec.Struct, array_like=True):
    """What a member reported of its last days: points (tenths) by day."""

    version: int
    days: dict[int, int]


class Account(msgspec.Struct, array_like=True):
    """Everything kept under one account key. `standing` is an AccountStanding as JSON; `engaged` and `spikes` are of
    `spikes.py`."""

    members: dict[str, Member] = msgspec.field(default_factory=dict)
    standing: bytes | None = None
    standing_at: int = 0
    version: int = 0
    engaged: dict[str, Engagement] = msgspec.field(default_factory=dict)
    spikes: int = 0


class Story(NamedTuple):
    """What a member should hear: `value` is an AccountSignal as JSON."""

    person: str
    version: int
    value: bytes


def member_changed(account: Account, key: str, change: Summary) -> list[Story]:
    """Takes a summary in; answers with what members should hear. Older summaries change nothing."""
    known = account.members.get(change.person)
    if known is not None and known.version >= change.version:
        return []
    if change.removed:
        account.members.pop(change.person, None)
        account.engaged.pop(change.person, None)
        warm = _warm(account)
        return _tell(account, key, warm, warm)
    if known is None and len(account.members) >= MAX_MEMBERS:
        coldest = max(account.members, key=lambda each: _rank(account.members[each], each))
        del account.members[coldest]
    account.members[change.person] = Member(
        change.version,
        change.grade or "D4",
        change.job_title,
        None if change.engaged_at is None else parse_time(change.engaged_at),
        known.told if known is not None else "",
    )
    if known is None:
        account.members = dict(sorted(account.members.items()))
    warm = _warm(account)
    others = [each for each in warm if each != change.person]
    return _tell(account, key, [change.person, *others], warm, asks=change.person)


def facts_changed(account: Account, key: str, facts: AccountFacts) -> list[Story]:
    """Takes the CRM's word in, if it is newer; answers with what members should hear."""
    if facts.at < account.standing_at:
        return []
    account.standing = facts.standing.model_dump_json(exclude_none=True).encode()
    account.standing_at = facts.at
    return _tell(account, key, list(account.members), _warm(account))


def story_of(packed: bytes | None) -> Signal | None:
    """The story as a member keeps it."""
    return None if packed is None else read_signal(packed)


def pack(account: Account) -> bytes:
    """The state's bytes, first byte = version."""
    return _VERSION_BYTE + _ENCODER.encode(account)


def unpack(packed: bytes) -> Account:
    """The exact reverse of `pack`."""
    return _DECODER.decode(memoryview(packed)[1:])


class _Told(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An AccountSignal of parts that are JSON already: a colleague is written once for all who hear of it."""

    account: str
    person: str
    version: int
    standing: msgspec.Raw | None = None
    colleagues: list[msgspec.Raw]


def _tell(account: Account, key: str, persons: list[str], warm: list[str], *, asks: str | None = None) -> list[Story]:
    """What of the warm members these persons should hear, where it is news to them."""
    members = account.members
    standing = None if account.standing is None else msgspec.Raw(account.standing)
    engaged = [(person, _colleague_of(person, members[person])) for person in warm]
    stories = []
    for person in persons:
        member = members[person]
        colleagues = [each for name, each in engaged if name != person][:MAX_COLLEAGUES]
        if standing is None and not colleagues and not member.told and person != asks:
            continue
        story = _Told(account=key, person=person, version=0, standing=standing, colleagues=colleagues)
        told = blake2b(JSON.encode(story), digest_size=8).hexdigest()
        if told != member.told:
            member.told = told
            story.version = account.version = account.version + 1
            stories.append(Story(person, story.version, JSON.encode(story)))
    return stories


def _warm(account: Account) -> list[str]:
    """The most engaged members, best first."""
    warm = [each for each, member in account.members.items() if member.grade[-1:] in ("1", "2", "3")]
    return sorted(warm, key=lambda each: _rank(account.members[each], each))[: MAX_COLLEAGUES + 1]


def _rank(member: Member, person: str) -> tuple[str, str, int, str]:
    return member.grade[-1:], member.grade[:1], -(member.engaged_at or 0), person


def _colleague_of(person: str, member: Member) -> msgspec.Raw:
    return _colleague(person, member.grade, member.job_title, member.engaged_at)


@lru_cache(maxsize=4096)
def _colleague(person: str, grade: str, job_title: str | None, engaged_at: int | None) -> msgspec.Raw:
    """A Colleague as JSON. The same few of a company are told of again and again."""
    at = None if engaged_at is None else format_time(engaged_at)
    return msgspec.Raw(Colleague(person=person, grade=grade, job_title=job_title, engaged_at=at).to_json())


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Account)
