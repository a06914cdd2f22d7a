"""What the scorer tells itself is what the contracts say: the same bytes out, the same content in, the same refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings
from pydantic import ValidationError

from baton_schemas.accounts import AccountSignal, Colleague, MemberChanged
from baton_schemas.contract import Contract, format_time
from baton_schemas.crm import AccountFacts, AccountStanding
from baton_schemas.envelope import envelop
from baton_schemas.identity import IdentityLinked, IdentityStopped, LedgerPublished
from services.scorer import account as accounts
from services.scorer import announcement as say
from services.scorer.account import Account
from services.scorer.hops import Reader, Summary, read_linked, read_published, read_signal, read_stopped, read_summary
from services.scorer.identity import Publication
from services.scorer.person import Link

READERS: dict[type[Contract], Reader[Any]] = {
    IdentityLinked: read_linked,
    LedgerPublished: read_published,
    IdentityStopped: read_stopped,
    MemberChanged: read_summary,
    AccountSignal: read_signal,
}
NAME = st.sampled_from(("k1.00", "A1", 'he said "é"\n\x01\x7f\u2028', "x" * 128)) | st.text(min_size=1, max_size=20)
TEXT = st.sampled_from(("", "CTO / VP\\", "x" * 10_000)) | st.text(max_size=20)
COUNT = st.sampled_from((0, 1, 2**53 - 1))
TIME = st.integers(-62_135_596_800_000, 253_402_300_799_999)
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**53 - 1, 2**53, 10**30, 1.0, 1.5, [], {}, "", "5", "x" * 129, "y" * 10_001),
    *("2026-03-02T09:30:00Z", "2026-03-02 09:30:00.000Z", "2026-03-02T09:30:00.000+01:00", "2026-02-30T09:30:00.000Z"),
)
STANDING = st.builds(AccountStanding, owner=st.none() | NAME, customer_since=st.none() | TIME, tier=st.none() | NAME)
COLLEAGUE = st.builds(Colleague, person=NAME, grade=NAME, job_title=st.none() | TEXT, engaged_at=st.none() | TIME)
NOON = 1_772_443_800_000
FULL: tuple[Contract, ...] = (
    IdentityLinked(person="p", root="r", at=NOON, cause="c"),
    LedgerPublished(source="s", version=1, packed="cA==", via="v", linked_at=NOON, link_cause="c", handoff="h"),
    IdentityStopped(person="p", handoff="h", reason="customer"),
    MemberChanged(account="a", person="p", version=1, grade="A1", job_title="CTO", engaged_at=NOON),
    AccountSignal(
        account="a",
        person="p",
        version=1,
        standing=AccountStanding(owner="o", customer_since=NOON, open_opportunity=True, tier="gold"),
        colleagues=[Colleague(person="q", grade="A1", job_title="CTO", engaged_at=NOON)],
    ),
)
LEFT_OUT = object()
CONTENT: st.SearchStrategy[Contract] = st.one_of(
    st.builds(IdentityLinked, person=NAME, root=st.none() | NAME, at=TIME, cause=NAME),
    st.builds(
        LedgerPublished,
        source=NAME,
        version=COUNT,
        packed=st.none() | TEXT,
        via=NAME,
        linked_at=TIME,
        link_cause=NAME,
        handoff=st.none() | NAME,
    ),
    st.builds(IdentityStopped, person=NAME, handoff=NAME, reason=NAME),
    st.builds(
        MemberChanged,
        account=NAME,
        person=NAME,
        version=COUNT,
        grade=st.none() | NAME,
        job_title=st.none() | TEXT,
        engaged_at=st.none() | TIME,
        removed=st.booleans(),
    ),
    st.builds(
        AccountSignal,
        account=NAME,
        person=NAME,
        version=COUNT,
        standing=st.none() | STANDING,
        colleagues=st.lists(COLLEAGUE, max_size=3),
    ),
)


@settings(max_examples=200, deadline=None)
@given(CONTENT)
def test_what_the_contract_writes_is_read_fast_and_written_again_as_it_was(content: Contract) -> None:
    written = content.to_json()
    read = READERS[type(content)].fast(written)
    assert read is not None
    assert read.to_json() == written


@pytest.mark.parametrize("content", FULL, ids=lambda content: type(content).__name__)
def test_each_odd_field_is_what_the_contract_says(content: Contract) -> None:
    written = content.to_json()
    for place, part in enumerate(_objects(json.loads(written))):
        for name in (*part, "unheard_of"):
            for odd in (*ODD, LEFT_OUT):
                document = json.loads(written)
                changed = _objects(document)[place]
                changed[name] = odd
                if odd is LEFT_OUT:
                    del changed[name]
                agrees(type(content), json.dumps(document).encode())


def test_broken_bytes_are_what_the_contract_says() -> None:
    random = Random(1)
    for content in FULL:
        contract, value = type(content), content.to_json()
        for _ in range(1_000):
            broken = bytearray(value)
            for _ in range(random.randint(1, 3)):
                broken[random.randrange(len(broken))] = random.choice(b'{}[]",:\\ud8000\x00\x1f\xff\xc3 \n1-.eEtfnZT')
            agrees(contract, bytes(broken))


def agrees(contract: type[Contract], value: bytes) -> None:
    """The reader says what the contract says, or refuses what it refuses, in its words."""
    assert said(READERS[contract], value) == said(contract.model_validate_json, value)


def said(read: Callable[[bytes], Any], value: bytes) -> bytes | str:
    """The content as the contract would write it, or why it is refused."""
    try:
        return bytes(read(value).to_json())
    except ValidationError as refused:
        return str(refused)


def _objects(document: Any) -> list[dict[str, Any]]:
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return [*([document] if isinstance(document, dict) else []), *(found for each in inner for found in _objects(each))]


@settings(max_examples=100, deadline=None)
@given(NAME, st.none() | NAME, TIME, NAME, COUNT, st.none() | st.binary(max_size=40))
@example("p", None, 0, "c", 1, None)
def test_links_and_publications_are_told_as_the_contracts_write_them(
    person: str, root: str | None, at: int, cause: str, version: int, packed: bytes | None
) -> None:
    told = say.linked(person, root, at=at, evidence=cause, cause="#1", now=5)
    assert told.value == IdentityLinked(person=person, root=root, at=at, cause=cause).to_json()
    named = dict(told.headers)["ce_id"].decode()
    assert told.headers == envelop(IdentityLinked(person="p", at=0, cause="c"), id=named, source=say.SOURCE, time=5)[0]
    published = say.published(
        Publication("to", person, version, packed, root), "via", Link(root, at, cause), cause="#1", now=5
    )
    assert published.value == LedgerPublished.model_validate_json(published.value or b"").to_json()
    stopped = say.stopped(person, "h", cause, cause="#1", now=5)
    assert stopped.value == IdentityStopped(person=person, handoff="h", reason=cause).to_json()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("pqrstuvw"), NAME, st.none() | TEXT, st.none() | TIME), max_size=12), STANDING
)
def test_stories_are_told_as_the_contract_writes_them(
    changes: list[tuple[str, str, str | None, int | None]], standing: AccountStanding
) -> None:
    account, stories = Account(), []
    for version, (person, grade, title, at) in enumerate(changes):
        engaged = None if at is None else format_time(at)
        summary = Summary(
            account="a", person=person, version=version, grade=grade, job_title=title, engaged_at=engaged, removed=False
        )
        sent = say.member("a", person, version, grade=grade, job_title=title, engaged_at=at, cause="#1", now=5)
        assert sent.value == summary.to_json()
        stories += accounts.member_changed(account, "a", summary)
        if version == 6:
            stories += accounts.facts_changed(account, "a", AccountFacts(account="a", standing=standing, at=1))
        account = accounts.unpack(accounts.pack(account))
    for story in stories:
        told = AccountSignal.model_validate_json(story.value)
        assert (told.to_json(), told.person, told.version) == (story.value, story.person, story.version)
        members = {each.person for each in told.colleagues}
        assert len(members) == len(told.colleagues) <= accounts.MAX_COLLEAGUES
        assert story.person not in members
