"""A lead that two reps worked on one after the other teaches once, at the end of its way, in whatever order we hear."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any, Literal

import msgspec
import pytest

from baton_schemas.keys import sale_id
from baton_schemas.routing import LeadHandedOver
from services.feedback.handoffs import Handoff, Judged, unpack_handoff
from services.feedback.packing import pack
from tests.unit.feedback.stories import DAY, LEAD, NOW, Story, routed

FIRST = "h1"
SECOND = sale_id(FIRST)


def route(story: Story, handoff: str, stage: Literal["qualify", "sell"]) -> None:
    known = routed(story.definition, handoff, ("director", "visit"), LEAD)
    story.send("leads.routed", LEAD, known.model_copy(update={"stage": stage}))


def hand_over(story: Story) -> None:
    data = LeadHandedOver(lead=LEAD, handoff=FIRST, version=2, to=SECOND, at=NOW, cause="c")
    story.send("leads.routed", LEAD, data)


def sell(story: Story) -> None:
    route(story, SECOND, "sell")
    story.answer(SECOND, "won", at=NOW + 3)


def begun() -> Story:
    """A lead that the BDR has qualified."""
    story = Story()
    route(story, FIRST, "qualify")
    story.answer(FIRST, "opportunity")
    hand_over(story)
    route(story, SECOND, "sell")
    return story


def labels(story: Story) -> list[tuple[str, int, bool | None, str]]:
    return [(each.handoff, each.revision, each.good, each.stage) for each in story.told("feedback.labels")]


def last_labels(story: Story) -> dict[str, bool]:
    """What is counted in the end: the highest revision of each handoff, as far as it says anything."""
    last = {each.handoff: each.good for each in sorted(story.told("feedback.labels"), key=lambda each: each.revision)}
    return {handoff: good for handoff, good in last.items() if good is not None}


def test_an_opportunity_of_the_bdr_is_only_a_promise() -> None:
    assert labels(begun()) == []


@pytest.mark.parametrize(
    ("kind", "reason", "good"), [("won", None, True), ("rejected", "not_now", False), ("lost", "price", True)]
)
def test_the_end_of_the_second_teaches_with_what_qualified_the_lead(kind: Any, reason: Any, good: bool) -> None:
    story = begun()
    story.answer(SECOND, kind, reason)
    assert labels(story) == [(SECOND, 1, good, kind)]
    assert story.told("feedback.labels")[0].criteria == ["director", "visit"]


def test_what_the_bdr_closes_himself_teaches_as_with_one_stage() -> None:
    story = Story()
    route(story, FIRST, "qualify")
    story.answer(FIRST, "rejected", "not_now")
    assert labels(story) == [(FIRST, 1, False, "rejected")]
    assert len(story.told("leads.recycled")) == 1


def test_an_opportunity_that_stays_with_the_bdr_teaches_at_its_end() -> None:
    story = Story()
    route(story, FIRST, "qualify")
    story.answer(FIRST, "opportunity")
    assert labels(story) == []
    story.answer(FIRST, "won")
    assert labels(story) == [(FIRST, 1, True, "won")]


def test_the_first_handoffs_record_closed_in_the_crm_later_neither_teaches_nor_recycles() -> None:
    story = begun()
    story.answer(FIRST, "lost", "not_now")
    story.answer(SECOND, "won")
    assert labels(story) == [(SECOND, 1, True, "won")]
    assert story.told("leads.recycled") == []


def test_an_ae_who_rejects_recycles_the_lead_under_his_handoff() -> None:
    story = begun()
    story.answer(SECOND, "rejected", "not_now")
    (told,) = story.told("leads.recycled")
    assert (told.handoff, told.reason, told.not_before) == (SECOND, "not_now", story.clock.now() - 1000 + 90 * DAY)


def test_heard_in_any_order_it_is_learnt_once() -> None:
    acts: dict[str, Callable[[Story], None]] = {
        "qualified": lambda story: story.answer(FIRST, "opportunity", at=NOW + 1),
        "closed": lambda story: story.answer(FIRST, "lost", "not_now", at=NOW + 2),
        "over": hand_over,
        "sold": sell,
    }
    for order in permutations(acts):
        story = Story()
        route(story, FIRST, "qualify")
        for name in order:
            acts[name](story)
        assert last_labels(story) == {SECOND: True}, order
        told = story.told("leads.recycled")
        assert not told or told[-1].revoked, order


def test_a_handoff_of_the_old_layout_is_read_on() -> None:
    class Old(msgspec.Struct, array_like=True):
        lead: str
        judged: Judged
        life: tuple[tuple[()], None] = ((), None)

    judged = Judged("b2b", 1, "d", 0, (), (), ())
    assert unpack_handoff(pack(Old(LEAD, judged))) == Handoff(LEAD, judged)
