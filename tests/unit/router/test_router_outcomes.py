"""What people do in the CRM wins: owners change, leads are given back, and impossible reports are refused."""

from __future__ import annotations

from typing import Any

import pytest

from baton_schemas.configuration import ErasureRequested
from baton_schemas.crm import AccountFacts, AccountStanding
from baton_schemas.feedback import OutcomeReported
from baton_schemas.keys import handoff_id
from baton_schemas.leads import LeadWithdrawn
from services.router.rotation import TURN
from tests.unit.router.story import DAY, DOCUMENTS, HOUR, MINUTE, Story


@pytest.mark.parametrize("kind", ["passed_on", "owner_changed"])
def test_a_person_gives_the_lead_to_a_colleague(kind: str) -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.wait(5 * MINUTE)
    story.report("k1", handoff, kind, rep="ann", to="cyn")
    first, second = story.routed(handoff)
    assert (second.rep, second.version, second.change, second.previous_rep) == ("cyn", 2, kind, "ann")
    assert second.clock.due_at == first.clock.due_at
    assert story.load() == {"cyn": 1}
    assert story.places() == {"ann": 0, "ben": 0, "cyn": TURN}
    assert [story.owner(story.qualify(f"n{n}")) for n in range(2)] == ["ann", "ben"]


def test_a_lead_that_a_person_gave_away_is_not_taken_by_a_clock_but_escalated() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "passed_on", rep="ann", to="cyn")
    story.wait(9 * DAY)
    assert story.owner(handoff) == "cyn"
    assert story.steps(handoff) == ["started", "warned", "breached", "escalated"]


def test_it_is_never_assigned_back_to_who_gave_it_away() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "passed_on", rep="ann", to="ben")
    story.report("k1", handoff, "released", rep="ben")
    assert story.owner(handoff) == "cyn"
    story.report("k1", handoff, "released", rep="cyn")
    assert story.unrouted(handoff)[0].reason == "nobody_left"


def test_passing_to_another_team_moves_the_claim() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "passed_on", rep="ann", to="pia")
    assert (story.load(), story.load("big")) == ({}, {"pia": 1})
    assert story.routed(handoff)[-1].team == "big"


def test_a_report_of_the_owner_there_is_already_changes_no_version() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "owner_changed", to="ann")
    assert [r.version for r in story.routed(handoff)] == [1]
    assert story.load() == {"ann": 1}


def test_a_released_lead_goes_to_somebody_else_and_the_turn_is_given_back() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.wait(5 * MINUTE)
    story.report("k1", handoff, "released", rep="ann")
    second = story.routed(handoff)[-1]
    assert (second.rep, second.version, second.change) == ("ben", 2, "reassigned")
    assert second.clock.started_at == story.routed(handoff)[0].clock.started_at
    assert story.places() == {"ann": 0, "ben": TURN, "cyn": 0}


def test_a_person_may_overfill_a_colleague_the_rotation_may_not() -> None:
    story = Story(teams=DOCUMENTS["teams"].replace("capacity: 3", "capacity: 1"))
    story.qualify("k1")
    handoff = story.qualify("k2")
    story.report("k2", handoff, "passed_on", rep="ben", to="ann")
    assert story.load() == {"ann": 2}
    assert [story.owner(story.qualify(f"n{n}")) for n in range(3)] == ["ben", "cyn", None]


def test_who_accepts_has_it() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "accepted", rep="cyn")
    assert story.owner(handoff) == "cyn"
    assert story.routed(handoff)[-1].change == "owner_changed"
    assert story.load() == {"cyn": 1}
    assert story.steps(handoff) == ["started", "met"]


def test_a_person_takes_a_waiting_lead() -> None:
    story = Story(teams=DOCUMENTS["teams"].replace("capacity: 3", "capacity: 1"))
    taken = [story.qualify(f"k{n}") for n in range(3)]
    waiting = story.qualify("w")
    story.report("w", waiting, "owner_changed", to="pia")
    story.report("k0", taken[0], "lost", rep="ann")
    assert [r.rep for r in story.routed(waiting)] == ["pia"]
    assert story.load() == {"ben": 1, "cyn": 1}


@pytest.mark.parametrize("kind", ["rejected", "lost", "opportunity"])
def test_an_answer_frees_the_rep_and_keeps_the_turn(kind: str) -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, kind, rep="ann", reason="no_budget")
    assert story.load() == {}
    assert story.places()["ann"] == TURN
    assert story.steps(handoff)[-1] in ("closed", "met")
    story.wait(DAY)
    assert "breached" not in story.steps(handoff)


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        (["accepted", "won"], "accepted"),
        (["accepted", "won"], "lost"),
        (["rejected"], "accepted"),
        (["lost"], "won"),
        (["opportunity"], "accepted"),
        (["opportunity"], "released"),
        ([], "reopened"),
    ],
)
def test_what_cannot_have_happened_is_refused_and_changes_nothing(before: list[str], kind: str) -> None:
    story = Story()
    handoff = story.qualify("k1")
    for each in before:
        story.report("k1", handoff, each, rep="ann")
    state = story.engine.state("router")
    story.report("k1", handoff, kind, rep="ann")
    assert story.dead() == ["impossible_order"]
    assert story.engine.state("router") == state


@pytest.mark.parametrize("kind", ["accepted", "rejected", "opportunity", "won", "lost"])
def test_repeats_are_no_news(kind: str) -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "touched", rep="ann")
    for _ in range(2):
        story.report("k1", handoff, kind, rep="ann")
    assert story.dead() == []
    assert len(story.routed(handoff)) == 1


def test_an_event_that_comes_again_later_is_not_decided_on_again() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "passed_on", rep="ann", to="ben")
    story.report("k1", handoff, "passed_on", rep="ben", to="cyn")
    story.wait(MINUTE)
    story.copy("feedback.events", 0)
    assert story.owner(handoff) == "cyn"
    story.report("k1", handoff, "passed_on", rep="cyn", to="dan")
    story.configure(teams=DOCUMENTS["teams"].replace("{id: pia", "{id: dan, capacity: 1}, {id: pia"))
    story.copy("feedback.events", -1)
    assert (story.owner(handoff), story.dead()) == ("dan", ["unknown_rep"])


@pytest.mark.parametrize("kind", ["touched", "passed_on", "released"])
def test_what_comes_after_the_end_changes_nothing(kind: str) -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "rejected", rep="ann")
    story.report("k1", handoff, kind, rep="ann", to="ben")
    assert (story.dead(), len(story.routed(handoff)), story.load()) == ([], 1, {})


def test_reopening_blocks_a_new_handoff_and_a_new_handoff_blocks_reopening() -> None:
    story = Story()
    first = story.qualify("k1")
    story.report("k1", first, "lost", rep="ann")
    story.report("k1", first, "reopened", rep="ann")
    assert story.unrouted(story.qualify("k1", n=2))[0].reason == "open_opportunity"
    story.report("k1", first, "owner_changed", to="ben")
    assert story.owner(first) == "ben"
    story.report("k1", first, "lost", rep="ben")
    story.qualify("k1", n=3)
    story.report("k1", first, "reopened", rep="ben")
    assert story.dead() == ["impossible_order"]


@pytest.mark.parametrize("kind", ["opportunity", "won"])
def test_a_deal_that_nobody_logged_a_call_for_is_a_touch_all_the_same(kind: str) -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, kind, rep="ann")
    story.wait(DAY)
    assert (story.dead(), story.steps(handoff), story.owner(handoff)) == ([], ["started", "met"], "ann")


@pytest.mark.parametrize("again", [["rejected"], ["accepted", "rejected"], ["opportunity", "lost"], ["won"]])
@pytest.mark.parametrize("ended", ["rejected", "lost"])
def test_what_was_reopened_may_end_in_any_way_again(ended: str, again: list[str]) -> None:
    story = Story()
    handoff = story.qualify("k1")
    for kind in (ended, "reopened", *again):
        story.report("k1", handoff, kind, rep="ann")
    assert (story.dead(), story.load()) == ([], {})
    assert story.owner(story.qualify("k1", n=2)) is not None


def test_who_gives_a_reopened_lead_back_is_rid_of_it() -> None:
    story = Story()
    handoff = story.qualify("k1")
    for kind in ("rejected", "reopened", "released"):
        story.report("k1", handoff, kind, rep="ann")
    assert (story.dead(), story.owner(handoff), story.load()) == ([], "ben", {"ben": 1})


def test_a_lead_that_ended_before_anybody_had_it_finds_a_rep_when_it_is_reopened() -> None:
    story = Story(teams=DOCUMENTS["teams"].replace("capacity: 2", "capacity: 1"))
    story.qualify("k1", employees=5000)
    waiting = story.qualify("k2", employees=5000)
    story.report("k2", waiting, "rejected")
    story.report("k2", waiting, "reopened")
    assert story.owner(waiting) is None
    story.report("k1", story.routed()[0].handoff, "lost", rep="pia")
    assert (story.dead(), story.owner(waiting), story.load("big")) == ([], "pia", {"pia": 1})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "passed_on", "to": "nobody"}, "unknown_rep"),
        ({"kind": "accepted", "rep": "nobody"}, "unknown_rep"),
        ({"kind": "passed_on", "rep": "ann"}, "invalid_field"),
    ],
)
def test_unknown_reps_are_refused(fields: dict[str, Any], code: str) -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, **fields)
    assert story.dead() == [code]
    assert story.owner(handoff) == "ann"


def test_an_unknown_handoff_is_refused_when_all_inputs_are_read() -> None:
    story = Story()
    story.report("k9", "h0", "accepted", rep="ann")
    assert story.dead() == []
    story.wait(HOUR)
    assert story.dead() == ["unknown_handoff"]
    letter = story.engine.records("feedback.events.dead")[0]
    original = story.engine.records("feedback.events")[0]
    assert (letter.key, letter.value) == (original.key, original.value)
    assert letter.headers[: len(original.headers)] == original.headers
    assert story.engine.state("router") == {}


def test_an_outcome_that_is_read_before_its_handoff_counts_with_its_own_time() -> None:
    story = Story()
    handoff = handoff_id("k1", "b2b", 1)
    story.report("k1", handoff, "touched", rep="ann", at=story.now + 60_000)
    story.report("k1", handoff, "accepted", rep="ann")
    qualified = story.qualify("k1")
    assert qualified == handoff
    story.wait(9 * DAY)
    assert story.dead() == []
    assert story.steps(handoff) == ["started", "met"]
    assert story.owner(handoff) == "ann"
    assert story.lead("k1").handoffs[handoff].stage == "accepted"


@pytest.mark.parametrize(
    ("key", "value", "headers", "code"),
    [
        (b"k1", None, (), "null_value"),
        (b"k1", b"{}", (), "not_cloudevent"),
        (b"k1", b"x" * 300_000, (), "value_too_large"),
        (b"k1", b"{]", "outcome", "invalid_json"),
        (b"k1", b'{"lead": "k1"}', "outcome", "invalid_field"),
        (
            b"\xff\xfe",
            b'{"lead":"k1","handoff":"h","kind":"won","at":"2026-03-02T09:00:00Z"}',
            "outcome",
            "key_not_utf8",
        ),
        (b"k2", b'{"lead":"k1","handoff":"h","kind":"won","at":"2026-03-02T09:00:00Z"}', "outcome", "wrong_key"),
        (b"k1", b"{}", "baton.lead.qualified.v1", "unknown_type"),
    ],
)
def test_bad_input_becomes_a_dead_letter_and_the_partition_goes_on(
    key: bytes, value: bytes | None, headers: object, code: str
) -> None:
    story = Story(partitions=1)
    handoff = story.qualify("k1")
    kind = OutcomeReported.TYPE if headers == "outcome" else str(headers)
    event = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/crm"), ("ce_type", kind.encode()))
    story.engine.publish("feedback.events", key, value, event if isinstance(headers, str) else ())
    story.report("k1", handoff, "accepted", rep="ann")
    assert story.dead() == [code]
    assert story.steps(handoff)[-1] == "met"


def test_an_erased_person_is_withdrawn_with_the_next_record_and_not_routed_again_from_the_log() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.wait(MINUTE)
    story.put("privacy.erasures", "k1", ErasureRequested(person="k1", at=story.now))
    story.report("k1", handoff, "touched", rep="ann")
    assert story.owner(handoff) is None
    assert story.load() == {}
    assert b"example.com" not in b"".join(story.engine.state("router").values())
    older = story.qualify("k1", n=2, at=story.now - 30_000)
    assert story.unrouted(older)[0].reason == "erased"
    story.wait(MINUTE)
    story.copy("leads.qualified", -1)
    assert len(story.unrouted(older)) == 1, "a repeat says nothing"
    story.wait(MINUTE)
    assert story.owner(story.qualify("k1", n=3)) is not None


def test_no_personal_data_outside_of_values_and_notifications() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "passed_on", to="nobody")
    story.wait(2 * HOUR)
    for topic in story.router.outputs:
        for record in story.engine.records(topic):
            assert b"example.com" not in (record.key or b"") + b"".join(value for _, value in record.headers)
            if topic != "leads.routed":
                assert b"example.com" not in (record.value or b"")


def test_facts_of_accounts_are_left_to_the_scorer_and_a_tombstone_takes_facts_back() -> None:
    story = Story()
    story.put("crm.facts", "a1", AccountFacts(account="a1", standing=AccountStanding(), at=story.now))
    story.person("k1", owner="cyn", do_not_contact=True)
    assert story.lead("k1").do_not_contact
    story.engine.publish("crm.facts", b"k1", None)
    story.run()
    assert story.dead("crm.facts") == []
    assert story.engine.state("router") == {}


def test_a_broken_configuration_leaves_the_last_good_one_in_force() -> None:
    story = Story(partitions=1)
    story.qualify("k1")
    story.configure(teams=DOCUMENTS["teams"].replace("{rep: cyn}", "{rep: nobody}"))
    assert story.owner(story.qualify("k2")) == "ben"
    assert story.routed()[0].decision.config_set == story.routed()[1].decision.config_set


def test_who_must_not_be_contacted_stays_withdrawn_when_sales_opens_the_lead_again() -> None:
    """It had ended before the person said stop, so nobody had been told."""
    story = Story()
    handoff = story.qualify("k1")
    rep = story.owner(handoff)
    assert rep is not None
    story.report("k1", handoff, "rejected", rep=rep)
    story.person("k1", do_not_contact=True)
    assert story.told("leads.routed", LeadWithdrawn, handoff) == []
    story.report("k1", handoff, "reopened", rep=rep)
    [gone] = story.told("leads.routed", LeadWithdrawn, handoff)
    assert (gone.reason, gone.version) == ("do_not_contact", 2)
    assert "A lead stays withdrawn" in story.notes(rep)
    assert story.dead() == []
