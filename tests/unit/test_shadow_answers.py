"""What people did in the CRM answers handoffs that nobody was given: once, in a connector's words, by one rule."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from baton_schemas.crm import DealFacts
from services.shadow.answers import answered
from services.shadow.lead import MOST_DEALS, Lead, pack, unpack
from services.shadow.pairing import Span, paired

HOUR = 3_600_000


def deal(at: int, stage: str = "offered", id: str = "d1", **fields: Any) -> DealFacts:
    known: dict[str, Any] = {"created_at": 2 * HOUR, **fields}
    return DealFacts(person="k1.x", source="crm", deal=id, stage=stage, at=at, **known)  # type: ignore[arg-type]


class Story:
    """One lead, step by step; `told` is what was said so far."""

    def __init__(self) -> None:
        self.lead = Lead()
        self.told: list[tuple[str, str, int]] = []
        self.ids: list[str] = []

    def hear(self, lead: Lead) -> list[str]:
        self.lead, new = answered(unpack(pack(lead)))
        self.told += [(each.handoff, each.kind, each.at) for each in new]
        self.ids += [f"{each.handoff}-{each.number}" for each in new]
        return [each.kind for each in new]

    def seen(self, facts: DealFacts) -> list[str]:
        return self.hear(self.lead.seen(facts))

    def offered(self, id: str = "h1", at: int = HOUR) -> list[str]:
        return self.hear(self.lead.offered(id, at))


def test_a_deal_is_told_step_by_step_and_a_look_that_says_nothing_new_tells_nothing() -> None:
    story = Story()
    assert story.offered() == []
    assert story.seen(deal(3 * HOUR)) == []
    assert story.seen(deal(4 * HOUR, first_touch_at=3 * HOUR)) == ["touched"]
    assert story.told == [("h1", "touched", 3 * HOUR)]
    accepted = deal(5 * HOUR, "accepted", first_touch_at=3 * HOUR)
    assert story.seen(accepted) == ["accepted"]
    assert story.seen(accepted) == []
    assert story.seen(deal(4 * HOUR)) == [], "an older look"
    assert story.seen(accepted) == []
    assert story.seen(deal(9 * HOUR, "won", first_touch_at=3 * HOUR, closed_at=8 * HOUR)) == ["won"]
    assert story.told[-1] == ("h1", "won", 8 * HOUR)
    assert len(set(story.ids)) == len(story.ids) == 3


def test_what_people_did_before_baton_decided_is_told_when_it_has() -> None:
    story = Story()
    assert story.seen(deal(HOUR // 2, "accepted", created_at=0, first_touch_at=HOUR // 2)) == []
    assert story.offered() == ["touched", "accepted"]


def test_a_deal_that_was_over_before_answers_nothing() -> None:
    story = Story()
    story.seen(deal(HOUR // 2, "lost", created_at=0, closed_at=HOUR // 2))
    assert story.offered() == []


def test_the_next_deal_answers_the_next_handoff() -> None:
    story = Story()
    story.offered("h1", HOUR)
    story.offered("h2", 10 * HOUR)
    story.seen(deal(12 * HOUR, "won", "late", created_at=11 * HOUR))
    story.seen(deal(12 * HOUR, "lost", "early", created_at=2 * HOUR, reason="price"))
    assert [(handoff, kind) for handoff, kind, _ in story.told] == [("h2", "won"), ("h1", "lost")]


def test_opened_again_and_an_opportunity_that_is_dropped() -> None:
    story = Story()
    story.offered()
    assert story.seen(deal(3 * HOUR, "lost", reason="price")) == ["lost"]
    assert story.seen(deal(4 * HOUR, "opportunity")) == ["reopened", "opportunity"]
    assert story.seen(deal(5 * HOUR, "rejected", reason="price")) == ["lost"], "feedback takes no other order"


def test_a_withdrawn_handoff_hears_nothing_more() -> None:
    story = Story()
    story.offered()
    story.hear(story.lead.withdrawn("h1"))
    assert story.seen(deal(3 * HOUR, "won")) == []


def test_nothing_grows_without_bound() -> None:
    lead = Lead()
    for number in range(MOST_DEALS + 20):
        lead = lead.seen(deal(HOUR, id=f"d{number}", created_at=number))
    assert len(lead.deals) == MOST_DEALS
    assert lead.deals[-1].key == f"crm/d{MOST_DEALS + 19}"


times = st.integers(0, 20)
spans = st.builds(lambda made, length: Span(made, None if length is None else made + length), times, times | st.none())


@given(st.lists(times, unique=True), st.lists(spans))
def test_each_deal_answers_one_handoff_or_none_in_whatever_order_they_are_given(
    starts: list[int], deals: list[Span]
) -> None:
    handoffs = [(f"h{at}", at) for at in starts]
    numbered = list(enumerate(deals))
    answers, apart = paired(handoffs, numbered)
    every = [key for keys in answers.values() for key in keys] + apart
    assert sorted(every) == list(range(len(deals)))
    assert set(answers) == {handoff for handoff, _ in handoffs}
    assert paired(reversed(handoffs), reversed(numbered)) == (answers, apart)
