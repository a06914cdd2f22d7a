"""What Baton asks of the CRM: the highest version counts, people's acts win, nothing is written or said twice."""

from __future__ import annotations

import pytest

from baton_schemas.connectors import ConnectorLink, SeenDeal
from baton_schemas.envelope import envelop
from baton_schemas.routing import LeadHandedOver, LeadRouted
from services.connectors.deal import Remark
from services.connectors.desk import read
from services.connectors.orders import Change, Create, Nothing, adopted, carried_out, decide, is_old, step_text, wanted
from services.runtime.record import LogRecord
from tests.unit.connectors.deals import ANN, HANDOFF, LEAD, NOW, US, deal, link, routed, step, withdrawn, words

NEW = ConnectorLink(connector="tryton", lead=LEAD, handoff=HANDOFF, at=NOW)


def test_a_new_handoff_is_made_for_its_rep() -> None:
    order = routed()
    action = decide(order, NEW, None, words())
    assert action == Create("7")
    after = carried_out(order, NEW, action, deal(revision=""), words(), now=NOW + 1)
    assert (after.version, after.record, after.owner, after.rep) == (1, "118", "7", "ann")
    assert after.seen == SeenDeal(stage="lead", owner="7")


def test_a_rep_whom_the_crm_does_not_know_is_reported_and_the_record_made_all_the_same() -> None:
    order = routed(rep="zoe")
    action = decide(order, NEW, None, words())
    assert action == Create(None)
    after = carried_out(order, NEW, action, deal(owner=None), words(), now=NOW)
    assert after.unmapped == ["rep: zoe is nobody in the CRM"]


def test_an_older_version_and_the_same_once_more_change_nothing() -> None:
    at = link(version=3)
    for order in (routed(version=2), routed(version=3), withdrawn(version=3), step(version=2)):
        assert is_old(order, at)
        assert decide(order, at, deal(), words()) == Nothing("old_version")


def test_a_lead_that_nobody_touched_goes_to_the_next_rep_with_a_word() -> None:
    order = routed(version=2, change="reassigned", rep="ben", previous_rep="ann")
    action = decide(order, link(), deal(), words())
    assert action == Change(owner="8", remark="Baton: from ann to ben, nobody had called. (version 2)")
    after = carried_out(order, link(), action, deal(owner="8"), words(), now=NOW)
    assert (after.version, after.owner, after.seen and after.seen.owner) == (2, "8", "8")


def test_a_lead_that_somebody_took_on_is_never_taken_from_him() -> None:
    order = routed(version=2, change="reassigned", rep="ben", previous_rep="ann")
    accepted = deal(stage="opportunity", by=ANN)
    seen = SeenDeal(stage="opportunity", owner="7", accepted=True)
    action = decide(order, link(seen=seen), accepted, words())
    assert action == Nothing("people_decided")
    after = carried_out(order, link(seen=seen), action, accepted, words(), now=NOW)
    assert (after.version, after.owner, after.seen) == (2, "7", seen)
    given_away = link(seen=SeenDeal(stage="lead", owner="8"))
    assert decide(routed(version=2, rep="ann"), given_away, deal(owner="8", by=ANN), words()) == Nothing(
        "people_decided"
    )


@pytest.mark.parametrize("stage", ["lead", "opportunity"])
def test_a_record_that_somebody_released_goes_to_the_next_rep(stage: str) -> None:
    """Nobody has it, so it is taken from nobody, whether it was accepted before or not."""
    order = routed(version=2, change="assigned", rep="ben")
    released = link(seen=SeenDeal(stage=stage, owner=None, accepted=stage == "opportunity"))
    action = decide(order, released, deal(stage=stage, owner=None, by=ANN), words())
    assert isinstance(action, Change)
    assert action.owner == "8"


@pytest.mark.parametrize(
    ("order", "remarks"),
    [
        (routed(version=1, rep="ann"), ()),
        (routed(version=2, change="owner_changed", rep="ben"), ()),
        (
            routed(version=2, change="reassigned", rep="ben", previous_rep="ann"),
            (Remark("5", "Baton: from ann to ben, nobody had called. (version 2)", US, NOW),),
        ),
    ],
)
def test_who_released_it_after_an_order_does_not_get_it_back_by_that_order(
    order: LeadRouted, remarks: tuple[Remark, ...]
) -> None:
    released = link(version=0, seen=SeenDeal(stage="lead", owner=None))
    there = deal(owner=None, by=ANN, remarks=remarks)
    assert decide(order, released, there, words()) == Nothing("people_decided")


def test_no_record_is_made_anew_for_an_order_older_than_its_deletion() -> None:
    """The deletion is told as a rejection. Whoever is asked after that gets a record."""
    deleted = link(record=None, seen=None)
    assert decide(routed(version=2, at=NOW - 1), deleted, None, words()) == Nothing("people_decided")
    assert decide(routed(version=2, rep="ben", at=NOW + 1), deleted, None, words()) == Create("8")


def test_a_record_that_was_closed_stays_nobodys() -> None:
    order = routed(version=2, change="assigned", rep="ben")
    closed = link(seen=SeenDeal(stage="cancelled", owner=None))
    assert decide(order, closed, deal(stage="cancelled", owner=None, by=ANN), words()) == Nothing("people_decided")


def test_the_echo_of_what_people_decided_writes_nothing_but_a_word() -> None:
    order = routed(version=2, change="passed_on", rep="ben", previous_rep="ann")
    given = link(seen=SeenDeal(stage="lead", owner="8"))
    action = decide(order, given, deal(owner="8", by=ANN), words())
    assert action == Change(remark="Baton: from ann to ben, it was passed on. (version 2)")
    after = carried_out(order, given, action, deal(owner="8"), words(), now=NOW)
    assert after.owner == "8"


def test_what_people_gave_to_the_rep_of_an_old_order_is_not_taken_by_the_next() -> None:
    """Ann passed it on to Ben; Baton, which had not heard of it, had given it to Ben too, and then to Clara."""
    told = link(seen=SeenDeal(stage="lead", owner="8"))
    passed_on = deal(owner="8", by=ANN)
    second = routed(version=2, change="reassigned", rep="ben", previous_rep="ann")
    after = carried_out(second, told, decide(second, told, passed_on, words()), passed_on, words(), now=NOW)
    assert after.owner == "7"
    third = routed(version=3, change="reassigned", rep="ann", previous_rep="ben")
    assert decide(third, after, passed_on, words()) == Nothing("people_decided")


def test_after_a_crash_in_between_the_rest_is_done_and_nothing_twice() -> None:
    order = routed(version=2, change="reassigned", rep="ben", previous_rep="ann")
    said = Remark("5", "Baton: from ann to ben, nobody had called. (version 2)", US, NOW)
    written = deal(owner="8")
    assert decide(order, link(), written, words()) == Change(remark=said.text)
    assert decide(order, link(), written._replace(remarks=(said,)), words()) == Nothing("said_already")


def test_a_record_that_was_made_before_a_crash_is_taken_as_it_was_made() -> None:
    found = deal(stage="opportunity", by=ANN)
    after = adopted(routed(), NEW, found, words())
    assert (after.record, after.seen) == ("118", SeenDeal(stage="lead", owner="7"))
    assert decide(routed(), after, found, words()) == Nothing("as_wanted")


def test_a_withdrawal_ends_what_is_open_and_says_why() -> None:
    action = decide(withdrawn(), link(), deal(), words())
    assert isinstance(action, Change)
    assert action.close
    assert "unsubscribed" in (action.remark or "")
    after = carried_out(withdrawn(), link(), action, deal(stage="cancelled"), words(), now=NOW)
    assert (after.withdrawn, after.version, after.seen and after.seen.stage) == (True, 2, "cancelled")
    assert decide(step(version=2), after, deal(), words()) == Nothing("old_version")


def test_a_merged_lead_is_closed_and_says_who_keeps_the_other_one() -> None:
    kept = {"reason": "merged", "stays": "h9", "stays_with": "ben"}
    action = decide(withdrawn().model_copy(update=kept), link(), deal(), words())
    remark = "Baton: merged with h9, which ben keeps: they are one person. Please leave it to ben."
    assert action == Change(close=True, remark=remark)
    waits = decide(withdrawn().model_copy(update=kept | {"stays_with": None}), link(), deal(), words())
    assert waits == Change(close=True, remark="Baton: merged with h9, which waits for a rep: they are one person.")


def test_a_withdrawal_of_what_is_closed_is_only_said_and_of_what_never_was_is_noted() -> None:
    action = decide(withdrawn(), link(), deal(stage="won"), words())
    assert isinstance(action, Change)
    assert not action.close
    assert decide(withdrawn(), NEW, None, words()) == Nothing("no_record")
    after = carried_out(withdrawn(), NEW, Nothing("no_record"), None, words(), now=NOW)
    assert is_old(routed(), after), "the assignment that it overtook is not made any more"


def test_steps_of_the_clock_are_said_once_on_the_record() -> None:
    assert decide(step(), link(), deal(), words()) == Change(remark=step_text(step()))
    said = Remark("5", step_text(step()), US, NOW)
    assert decide(step(), link(), deal(remarks=(said,)), words()) == Nothing("said_already")
    assert [wanted(step(step=name)) for name in ("started", "met", "warned", "escalated")] == [False, False, True, True]


def test_the_bdr_reads_on_his_record_that_another_handoff_goes_on_with_the_lead() -> None:
    order = LeadHandedOver(lead=LEAD, handoff=HANDOFF, version=2, to="h2", rep="ann", at=NOW, cause="c")
    converted = deal(stage="converted", by=ANN)
    seen = SeenDeal(stage="converted", owner="7", accepted=True)
    action = decide(order, link(seen=seen), converted, words())
    headers, value = envelop(order, id="1", source="/baton/router", time=NOW)
    assert read(LogRecord("leads.routed", 0, 0, NOW, b"k", value, headers)) == order
    assert wanted(order)
    assert action == Change(remark="Baton: qualified and handed over. Handoff h2 goes on with the lead. (version 2)")
    after = carried_out(order, link(seen=seen), action, converted, words(), now=NOW)
    assert (after.version, after.rep, after.owner, after.seen, after.withdrawn) == (2, "ann", "7", seen, False)
    said = converted._replace(remarks=(Remark("5", action.remark or "", US, NOW),))
    assert decide(order, link(seen=seen), said, words()) == Nothing("said_already")
    assert decide(order, link(record=None), None, words()) == Nothing("no_record")
    assert decide(order, after, converted, words()) == Nothing("old_version")
