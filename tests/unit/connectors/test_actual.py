"""A deal that people made themselves, as it is told in shadow: who, whose, how far, since when; or why not."""

from __future__ import annotations

from typing import Any

import pytest

from baton_schemas.crm import DealFacts
from services.connectors.actual import deal_facts, event_id, says_the_same
from services.connectors.crm import Finding
from services.connectors.deal import Card, Deal, Party
from services.connectors.facts import Keys
from services.connectors.read_only import ReadOnly, WriteInShadowError
from tests.connectors.paper import PaperCrm
from tests.unit.connectors.deals import ANN, NOW, US, deal, note, words

KEYS = Keys(b"secret", "k1")
ADA = "Ada@Example.com"
MINUTE = 60_000


def theirs(**fields: Any) -> Deal:
    return deal(**{"reference": "", "email": ADA, "by": ANN, "made_at": NOW - MINUTE, **fields})


def party(*emails: str) -> Party:
    return Party("5", emails, (), (), (), NOW)


def told(of: Deal, before: DealFacts | None = None, at: Party | None = None) -> DealFacts:
    found = deal_facts(of, at, before, words(), KEYS, source="tryton", baton=lambda wall: wall)
    assert isinstance(found, DealFacts), found
    return found


def test_a_deal_is_told_under_its_persons_key_with_the_rep_who_has_it() -> None:
    found = told(
        theirs(remarks=(note("1", "Zed says hello"), note("2", "called, no answer"), note("3", "called again")))
    )
    assert found.person == KEYS.person("ada@example.com")
    assert (found.owner, found.stage, found.created_at, found.closed_at) == ("ann", "offered", NOW - MINUTE, None)
    assert found.first_touch_at == NOW + 30_000
    assert told(theirs(owner=None)).owner is None
    assert told(theirs(owner="77")).owner == "77", "the CRM's own word for whoever is no rep"


def test_only_a_person_who_turns_outwards_touches() -> None:
    for remark in (note("1", "called", by=US), note("1", "called us"), note("1", "budget: 5"), note("1", "hm")):
        assert told(theirs(remarks=(remark,))).first_touch_at is None


def test_the_first_touch_stays_when_notes_are_gone() -> None:
    before = told(theirs(remarks=(note("1", "called"),)))
    assert told(theirs(), before).first_touch_at == before.first_touch_at


@pytest.mark.parametrize(
    ("of", "stage"),
    [
        (theirs(stage="opportunity"), "accepted"),
        (theirs(stage="won"), "won"),
        (theirs(stage="lost"), "rejected"),
        (theirs(stage="lost", remarks=(note("1", "called"),)), "lost"),
    ],
)
def test_stages_mean_what_the_mapping_says(of: Deal, stage: str) -> None:
    assert told(of).stage == stage


def test_it_ended_when_it_was_first_seen_ended_and_reasons_are_translated() -> None:
    lost = told(theirs(stage="lost", reason="too expensive", remarks=(note("1", "called"),)))
    assert (lost.reason, lost.closed_at) == ("price", lost.at)
    later = told(theirs(stage="lost", at=NOW + 9 * MINUTE), lost)
    assert (later.closed_at, later.stage) == (lost.closed_at, "lost")
    assert told(theirs(stage="lead", at=NOW + 10 * MINUTE), later).closed_at is None


def test_what_can_not_be_told_says_why() -> None:
    def why(of: Deal, at: Party | None = None) -> object:
        return deal_facts(of, at, None, words(), KEYS, source="tryton", baton=lambda wall: wall)

    assert why(theirs(email=None)) == "no_address"
    assert why(theirs(email=None), party("a@x.example", "b@x.example")) == "no_address", "which of them?"
    assert told(theirs(email=None), at=party(ADA, ADA.lower())).person == KEYS.person(ADA)
    assert why(theirs(stage="no such stage")) == "no_word"


def test_a_look_that_brings_nothing_new_is_known() -> None:
    once = told(theirs())
    assert says_the_same(told(theirs(at=NOW + 5 * MINUTE)), once)
    assert not says_the_same(told(theirs(owner="8")), once)
    assert not says_the_same(once, None)
    assert event_id(once) == event_id(told(theirs())) != event_id(told(theirs(owner="8")))


@pytest.mark.asyncio
async def test_a_crm_that_is_only_looked_at_takes_no_write() -> None:
    paper = PaperCrm()
    crm = ReadOnly(paper)
    card = Card("h1", None, "t", "s", None, None, None, None, None, None, None, None)
    for write in (crm.create([card]), crm.change(deal(), close=True), crm.remark("118", "hm")):
        with pytest.raises(WriteInShadowError):
            await write
    assert paper.calls == []
    paper.check = _lacks_a_right  # type: ignore[method-assign]
    assert [each.what for each in await crm.check()] == ["read"], "who only looks needs no right to write"
    await crm.open()
    assert (await crm.find(["h1"]), await crm.get([]), len(await crm.people())) == ([], [], 3)


async def _lacks_a_right() -> list[Finding]:
    return [Finding("read", True), Finding("write", False, "give it", to_write=True)]
