"""What people do in the CRM becomes outcomes: each once, with who, when and why; what has no word is not swallowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton_schemas.connectors import ConnectorLink, SeenDeal
from baton_schemas.feedback import InsightReported, OutcomeReported
from services.connectors.deal import Deal
from services.connectors.observation import observe
from services.connectors.words import Words
from tests.unit.connectors.deals import ANN, BEN, BOSS, HANDOFF, NOW, US, deal, kinds, link, note, told, words


def look(before: ConnectorLink, found: Deal | None, using: Words | None = None) -> ConnectorLink:
    return observe(before, found, using or words(), now=NOW + 90_000, baton=lambda wall: wall)


def the(after: ConnectorLink) -> OutcomeReported:
    [only] = told(after)
    assert isinstance(only, OutcomeReported)
    return only


def test_nothing_new_is_the_very_same_link() -> None:
    before = link()
    assert look(before, deal()) is before


@pytest.mark.parametrize(
    ("stage", "expected"), [("opportunity", ["accepted"]), ("converted", ["opportunity"]), ("won", ["won"])]
)
def test_a_stage_further_on_is_an_outcome_with_rep_and_time(stage: str, expected: list[str]) -> None:
    after = look(link(), deal(stage=stage, by=ANN))
    assert kinds(after) == expected
    assert (the(after).rep, the(after).at) == ("ann", NOW + 60_000)
    assert after.seen is not None
    assert after.seen.accepted


def test_lost_before_anybody_took_it_on_is_a_rejection_afterwards_a_loss() -> None:
    never = look(link(), deal(stage="lost", by=ANN, reason="No budget this year, sorry"))
    assert (the(never).kind, the(never).reason) == ("rejected", "no_budget")
    taken = link(seen=SeenDeal(stage="opportunity", owner="7", accepted=True))
    after = look(taken, deal(stage="lost", by=ANN, reason="price!"))
    assert (the(after).kind, the(after).reason, the(after).note) == ("lost", "price", "price!")


def test_a_reason_that_the_mapping_does_not_know_waits_until_it_does() -> None:
    after = look(link(), deal(stage="lost", by=ANN, reason="meh"))
    assert told(after) == []
    assert after.unmapped == ["reason: lost without a reason that the mapping knows"]
    assert look(after, deal(stage="lost", by=ANN, reason="meh")) is after, "said once"
    mended = look(after, deal(stage="lost", by=ANN, reason="meh: no budget", at=NOW + 80_000))
    assert (kinds(mended), mended.unmapped) == (["rejected"], [])


def test_an_unknown_stage_and_an_unknown_owner_are_reported_and_the_rest_is_told() -> None:
    after = look(link(), deal(stage="parked", owner="9", by=BOSS, remarks=(note("1", "called, will call back"),)))
    assert kinds(after) == ["touched"]
    assert [each.partition(":")[0] for each in after.unmapped] == ["owner", "stage"]
    assert after.seen is not None
    assert (after.seen.stage, after.seen.owner) == ("lead", "7")


def test_closed_and_open_again_and_closed_in_another_way() -> None:
    lost = link(seen=SeenDeal(stage="lost", owner="7", accepted=True))
    assert kinds(look(lost, deal(stage="lead", by=ANN))) == ["reopened"]
    assert kinds(look(lost, deal(stage="converted", by=ANN))) == ["reopened", "opportunity"]
    assert kinds(look(lost, deal(stage="won", by=ANN))) == ["reopened", "won"]


def test_taking_back_an_acceptance_says_nothing_and_is_noted() -> None:
    taken = link(seen=SeenDeal(stage="opportunity", owner="7", accepted=True))
    after = look(taken, deal(stage="lead", by=ANN))
    assert (kinds(after), after.seen and after.seen.stage) == ([], "lead")


def test_a_step_back_from_an_opportunity_says_nothing_and_its_rejection_is_a_loss() -> None:
    quoted = link(seen=SeenDeal(stage="converted", owner="7", accepted=True, opportunity=True))
    back = look(quoted, deal(stage="opportunity", by=ANN))
    assert (kinds(back), back.seen and back.seen.stage) == ([], "opportunity")
    outcome = the(look(back, deal(stage="cancelled", by=ANN)))
    assert (outcome.kind, outcome.reason) == ("lost", "not_a_fit")


def test_after_it_was_opened_again_it_may_be_accepted_and_rejected_anew() -> None:
    lost = link(seen=SeenDeal(stage="lost", owner="7", accepted=True, opportunity=True))
    opened = look(lost, deal(stage="opportunity", by=ANN))
    assert kinds(opened) == ["reopened", "accepted"]
    assert kinds(look(opened.model_copy(update={"told": []}), deal(stage="cancelled", by=ANN))) == ["rejected"]


def test_opened_again_is_said_before_who_has_it_now() -> None:
    lost = link(seen=SeenDeal(stage="lost", owner="7", accepted=True))
    assert kinds(look(lost, deal(stage="lead", owner="8", by=ANN))) == ["reopened", "passed_on"]


@pytest.mark.parametrize(("by", "kind"), [(ANN, "passed_on"), (BOSS, "owner_changed"), (BEN, "owner_changed")])
def test_another_owner_is_passed_on_by_the_owner_and_changed_by_others(by: str, kind: str) -> None:
    outcome = the(look(link(), deal(owner="8", by=by)))
    assert (outcome.kind, outcome.rep, outcome.to) == (kind, "ann", "ben")


def test_no_owner_is_released() -> None:
    outcome = the(look(link(), deal(owner=None, by=ANN)))
    assert (outcome.kind, outcome.rep) == ("released", "ann")


def test_what_we_wrote_ourselves_is_no_outcome() -> None:
    after = look(link(), deal(owner="8", stage="cancelled", by=US))
    assert kinds(after) == []
    assert after.seen == SeenDeal(stage="cancelled", owner="8")


def test_only_what_a_person_does_outwards_begins_as_a_touch() -> None:
    remarks = (
        note("1", "Baton: the first touch is due", by=US),
        note("2", "  Called: left a message", by=ANN),
        note("3", "called us back about prices", by=ANN),
        note("4", "nice people", by=ANN),
        note("5", "mailed the brochure", by="77"),
    )
    after = look(link(), deal(remarks=remarks), words(automated_users=["77"]))
    outcomes = [each for each in told(after) if isinstance(each, OutcomeReported)]
    assert [(each.kind, each.channel, each.direction, each.rep) for each in outcomes] == [
        ("touched", "phone", "outbound", "ann"), ("touched", "phone", "inbound", "ann"),
    ]  # fmt: skip
    assert outcomes[0].note == "left a message"
    assert after.seen is not None
    assert after.seen.remarks == ["1", "2", "3", "4", "5"]
    assert kinds(look(after.model_copy(update={"told": []}), deal(remarks=remarks))) == []


def test_what_the_conversation_brought_goes_to_marketing() -> None:
    after = look(link(), deal(remarks=(note("1", "Pain: leads wait for days"), note("2", "budget: 20k"))))
    first, second = told(after)
    assert isinstance(first, InsightReported)
    assert isinstance(second, InsightReported)
    assert (first.pains, second.budget) == (["leads wait for days"], "20k")


def test_a_note_of_ten_thousand_letters_is_cut_and_still_fits() -> None:
    after = look(link(), deal(remarks=(note("1", "called " + "x" * 10_000),)))
    text = the(after).note
    assert text is not None
    assert len(text) == 4000
    assert text.endswith(" ...")


def test_a_deleted_record_is_what_the_mapping_says_and_can_be_made_anew() -> None:
    after = look(link(), None)
    assert (the(after).kind, the(after).reason, after.record, after.seen) == ("rejected", "bad_data", None, None)
    unsaid = look(link(), None, words(deleted=None))
    assert (told(unsaid), len(unsaid.unmapped)) == ([], 1)
    closed = look(link(seen=SeenDeal(stage="won", owner="7")), None)
    assert (told(closed), closed.seen) == ([], None)


def test_ids_never_repeat_and_do_not_depend_on_when_we_looked() -> None:
    first = look(link(), deal(stage="opportunity", by=ANN))
    second = look(first, deal(stage="converted", by=ANN, at=NOW + 70_000))
    assert [each.id for each in (*first.told, *second.told)] == [f"{HANDOFF}-tryton-1", f"{HANDOFF}-tryton-2"]
    later = observe(link(), deal(stage="opportunity", by=ANN), words(), now=NOW + 999_000, baton=lambda wall: wall)
    assert later.told == first.told


STAGES = ("lead", "opportunity", "converted", "won", "lost", "cancelled")
deals = st.builds(
    deal,
    stage=st.sampled_from(STAGES),
    owner=st.sampled_from(("7", "8", None)),
    by=st.sampled_from((ANN, BEN, BOSS)),
    reason=st.sampled_from(("no budget", "too expensive")),
    at=st.integers(NOW, NOW + 10**6),
)


@given(st.lists(deals, max_size=8))
def test_what_was_told_always_adds_up_to_what_is_there(found: list[Deal]) -> None:
    """Whatever people do between two looks: the last owner told is the owner, and closed and open alternate."""
    at, owner, is_closed = link(), "ann", False
    for each in found:
        at = look(at, each)
        for outcome in told(at):
            assert isinstance(outcome, OutcomeReported)
            if outcome.kind in ("passed_on", "owner_changed"):
                owner = outcome.to or ""
            elif outcome.kind == "released":
                owner = ""
            elif outcome.kind == "reopened":
                assert is_closed
                is_closed = False
            elif outcome.kind in ("won", "lost", "rejected"):
                assert not is_closed
                is_closed = True
        at = at.model_copy(update={"told": []})
    if found:
        assert owner == {"7": "ann", "8": "ben", None: ""}[found[-1].owner]
        assert is_closed == (found[-1].stage in ("won", "lost", "cancelled"))
