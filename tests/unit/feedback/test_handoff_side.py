"""What sales answers, and what becomes of it: labels, recycling, insights, waiting, dead letters."""

from __future__ import annotations

from typing import Any

import pytest

from baton_schemas.configuration import ErasureRequested
from baton_schemas.envelope import envelop
from baton_schemas.feedback import InsightReported, LeadRecycled, OutcomeKind, OutcomeLabelled
from baton_schemas.leads import LeadWithdrawn
from services.feedback.handoffs import FORGET_MS
from services.feedback.waiting import MOST, WAIT_MS
from services.runtime.memory import Stopped
from tests.unit.feedback.stories import DAY, LEAD, NOW, Story, definition, header

OTHER = "k1.00000000000000000000000000000002"


def labels(story: Story) -> list[tuple[int, bool | None, str]]:
    told: list[OutcomeLabelled] = story.told("feedback.labels")
    return [(label.revision, label.good, label.stage) for label in told]


def recycled(story: Story) -> list[tuple[str, bool]]:
    told: list[LeadRecycled] = story.told("leads.recycled")
    return [(each.reason, each.revoked) for each in told]


def test_a_lead_that_is_won_is_good_from_the_opportunity_on() -> None:
    story = Story()
    story.route("h1")
    for kind in ("touched", "accepted", "opportunity", "won"):
        story.answer("h1", kind)
    assert labels(story) == [(1, True, "opportunity"), (2, True, "won")]
    label: OutcomeLabelled = story.told("feedback.labels")[0]
    assert label.criteria == ["director", "visit"]
    assert label.points == [10.0, 1.0]
    assert label.versions.definition_digest == story.definition.signatures[0].digest


@pytest.mark.parametrize(
    ("kind", "reason", "good"),
    [("rejected", "not_now", False), ("rejected", "not_a_fit", False), ("lost", "price", True)],
)
def test_a_reason_says_what_is_learned(kind: OutcomeKind, reason: str, good: bool) -> None:
    story = Story()
    story.route("h1")
    story.answer("h1", kind, reason)
    assert labels(story) == [(1, good, kind)]


def test_bad_data_says_nothing_of_the_lead() -> None:
    story = Story()
    story.route("h1")
    story.answer("h1", "rejected", "bad_data")
    assert labels(story) == []


def test_reopened_takes_the_label_and_the_recycling_back() -> None:
    story = Story()
    story.route("h1")
    story.answer("h1", "rejected", "not_now")
    story.answer("h1", "reopened")
    assert labels(story) == [(1, False, "rejected"), (2, None, "reopened")]
    assert recycled(story) == [("not_now", False), ("not_now", True)]


def test_recycling_has_the_reason_a_date_and_something_to_do() -> None:
    story = Story()
    story.route("h1")
    answered_at = story.clock.now()
    story.answer("h1", "rejected", "not_now")
    told: LeadRecycled = story.told("leads.recycled")[0]
    assert told.reason == "not_now"
    assert told.not_before == answered_at + 90 * DAY
    assert told.nurture == "Case studies"
    assert told.lead == LEAD


def test_who_does_not_fit_is_not_recycled() -> None:
    story = Story()
    story.route("h1")
    story.answer("h1", "rejected", "not_a_fit")
    assert recycled(story) == []


def test_what_the_definition_says_of_a_reason_comes_before_the_reasons_own_word() -> None:
    story = Story(definition(cool_downs={"not_now": 10, "not_a_fit": 365}))
    for number, reason in enumerate(("not_now", "not_a_fit", "bad_data")):
        story.route(f"h{number}")
        story.answer(f"h{number}", "rejected", reason)
    told: list[LeadRecycled] = story.told("leads.recycled")
    assert [(each.reason, (each.not_before or 0) - each.at, each.nurture) for each in told] == [
        ("not_now", 10 * DAY, "Case studies"),
        ("not_a_fit", 365 * DAY, None),
    ]


def test_a_withdrawn_lead_is_never_recycled() -> None:
    story = Story()
    story.route("h1")
    story.send("leads.routed", LEAD, LeadWithdrawn(lead=LEAD, handoff="h1", reason="opted_out", at=NOW, cause="c"))
    story.answer("h1", "rejected", "not_now")
    assert recycled(story) == []
    assert labels(story) == [(1, False, "rejected")]


def test_what_was_merged_teaches_nothing_before_and_later_the_one_that_was_kept_does() -> None:
    story = Story()
    for handoff in ("h1", "h2"):
        story.route(handoff)
        story.answer(handoff, "opportunity")
    gone = LeadWithdrawn(lead=LEAD, handoff="h1", version=2, reason="merged", at=NOW, cause="c", stays="h2")
    for _ in range(2):
        story.send("leads.routed", LEAD, gone)
        story.answer("h1", "lost", "not_now")
    story.answer("h2", "won")
    told: list[OutcomeLabelled] = story.told("feedback.labels")
    assert [(each.handoff, each.good, each.stage) for each in told] == [
        ("h1", True, "opportunity"), ("h2", True, "opportunity"), ("h1", None, "merged"), ("h2", True, "won"),
    ]  # fmt: skip
    assert recycled(story) == []
    assert story.engine.observed["baton_outcomes_total", ("merged", "one")] == 1


def test_an_answer_counts_once_however_often_it_is_sent() -> None:
    story = Story()
    story.route("h1")
    for _ in range(3):
        story.answer("h1", "rejected", "not_now", event_id="same", at=NOW)
        story.answer("h1", "touched", event_id="call", at=NOW)
    assert labels(story) == [(1, False, "rejected")]
    assert len(recycled(story)) == 1
    assert story.dead() == []


def test_machines_and_inbound_calls_are_no_touch() -> None:
    story = Story()
    story.route("h1")
    before = story.engine.state("feedback")
    story.answer("h1", "touched", automated=True)
    story.answer("h1", "touched", direction="inbound")
    assert story.engine.state("feedback") == before


@pytest.mark.parametrize(
    ("kind", "more", "code", "field"),
    [
        ("rejected", {"reason": "not nwo"}, "unknown_reason", "reason"),
        ("rejected", {}, "invalid_field", "reason"),
        ("accepted", {"lead": OTHER}, "unknown_handoff", "lead"),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_dead_letter(
    kind: OutcomeKind, more: dict[str, Any], code: str, field: str
) -> None:
    story = Story()
    story.route("h1")
    story.route("h9", lead=OTHER)
    if "lead" in more:
        # the other lead's partition may differ; there the handoff is simply unknown until the hour is over
        more["lead"] = OTHER
    story.answer("h1", kind, **more)
    story.engine.advance(WAIT_MS)
    assert [found for found, _ in story.dead()] == [code]
    if field == "reason":
        assert story.dead() == [(code, field)]
    story.answer("h9", "accepted", lead=OTHER)
    assert len(story.dead()) == 1, "the partition goes on"


def test_lead_and_handoff_belong_together() -> None:
    story = Story()
    story.route("h1")
    story.answer("h1", "accepted", lead=LEAD)
    neighbour = next(
        name
        for n in range(100)
        if (name := f"k1.{n:032x}") != LEAD and partition(story, name) == partition(story, LEAD)
    )
    story.answer("h1", "won", lead=neighbour)
    assert story.dead() == [("unknown_handoff", "lead")]
    assert labels(story) == []


def partition(story: Story, lead: str) -> int:
    return story.engine.publish("leads.recycled", lead.encode(), b"").partition


def test_the_key_is_the_lead() -> None:
    story = Story()
    story.route("h1")
    story.send("feedback.events", "somebody", InsightReported(lead=LEAD, handoff="h1", pains=["cost"], at=NOW))
    assert story.dead() == [("invalid_field", "key")]


@pytest.mark.parametrize(
    ("key", "headers", "value", "code", "field"),
    [
        (b"k", (), b"{}", "not_cloudevent", "ce_specversion"),
        (b"k", "outcome", None, "null_value", "value"),
        (b"k", "outcome", b"{", "invalid_json", "value"),
        (b"k", "outcome", b'"\xff"', "invalid_json", "value"),
        (b"k", "outcome", b'{"lead":"k","handoff":"h","kind":"sold","at":1}', "invalid_field", "kind"),
        (b"k", "outcome", b'{"lead":"k","handoff":"h","kind":"won","at":"ada@example.com"}', "invalid_field", "at"),
        (b"k", "outcome", b'{"lead":"k","handoff":"h","kind":"won"}', "invalid_field", "at"),
        (b"k", "baton.other.v1", b"{}", "unknown_type", "type"),
        (b"\xff", "outcome", b"{}", "key_not_utf8", "key"),
        (None, "outcome", b"{}", "invalid_field", "key"),
        (b"k", "outcome", b" " * (300 * 1024), "value_too_large", "value"),
    ],
)  # fmt: skip
def test_poison_is_named_and_the_partition_goes_on(
    key: bytes | None, headers: Any, value: bytes | None, code: str, field: str
) -> None:
    story = Story()
    story.route("h1")
    if isinstance(headers, str):
        kind = "baton.feedback.outcome.v1" if headers == "outcome" else headers
        headers = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/crm"), ("ce_type", kind.encode()))
    place = partition(story, LEAD)
    story.engine.publish("feedback.events", key, value, headers, partition=place)
    story.answer("h1", "opportunity")
    assert story.dead() == [(code, field)]
    letter = story.letters()[0]
    assert letter.value == value
    assert "example.com" not in "".join(header(letter, f"baton-dead-{name}") for name in ("code", "field", "fix"))
    assert labels(story) == [(1, True, "opportunity")]


def test_an_answer_that_overtakes_its_handoff_waits_for_it() -> None:
    story = Story()
    story.answer("h1", "rejected", "not_now")
    story.answer("h1", "accepted", at=NOW - 1)
    story.engine.advance(WAIT_MS // 2)
    story.route("h1")
    assert labels(story) == [(1, False, "rejected")]
    assert recycled(story) == [("not_now", False)]
    story.engine.advance(2 * WAIT_MS)
    assert story.dead() == []
    assert [timer.name for timer in story.engine.timers("feedback") if timer.name == "expire"] == []


def test_an_answer_to_nothing_becomes_a_dead_letter_with_its_own_bytes() -> None:
    story = Story()
    story.answer("h1", "accepted", note="said yes")
    original = story.engine.records("feedback.events")[0]
    story.engine.advance(WAIT_MS - 2000)
    assert story.dead() == []
    story.engine.advance(2000)
    assert story.dead() == [("unknown_handoff", "handoff")]
    letter = story.letters()[0]
    assert (letter.key, letter.value) == (original.key, original.value)
    assert letter.headers[: len(original.headers)] == original.headers
    assert header(letter, "baton-dead-offset") == str(original.offset)
    assert header(letter, "baton-dead-topic") == "feedback.events"
    assert story.engine.state("feedback") == {}


def test_an_unusable_answer_that_waited_is_buried_on_its_own_topic() -> None:
    story = Story()
    story.answer("h1", "rejected", "no_such_reason")
    story.answer("h1", "won", at=NOW)
    story.answer("h1", "accepted", at=NOW + 1)
    story.route("h1")
    assert sorted(story.dead()) == [("impossible_order", "kind"), ("unknown_reason", "reason")]
    assert story.dead("leads.routed") == []
    assert labels(story) == [(1, True, "won")]


def test_reopened_waits_for_the_answer_it_takes_back() -> None:
    story = Story()
    story.route("h1")
    story.answer("h1", "accepted", at=NOW + 3)
    story.answer("h1", "reopened", at=NOW + 2)
    story.answer("h1", "rejected", "not_now", at=NOW + 1)
    story.engine.advance(2 * WAIT_MS)
    assert story.dead() == []
    assert recycled(story) == []


def test_reopened_of_what_was_never_closed_is_impossible_after_an_hour() -> None:
    story = Story()
    story.route("h1")
    story.answer("h1", "reopened")
    assert story.dead() == []
    story.engine.advance(WAIT_MS)
    assert story.dead() == [("impossible_order", "kind")]


@pytest.mark.parametrize("reopened_first", [False, True])
def test_what_baton_had_withdrawn_may_be_taken_up_again(reopened_first: bool) -> None:
    """For sales the record was closed; its life went on all the time."""
    story = Story()
    story.route("h1")
    gone = LeadWithdrawn(lead=LEAD, handoff="h1", version=2, reason="customer", at=story.clock.now(), cause="c")
    if reopened_first:
        story.answer("h1", "reopened")
    story.send("leads.routed", LEAD, gone)
    if not reopened_first:
        story.answer("h1", "reopened")
    story.answer("h1", "opportunity")
    story.engine.advance(2 * WAIT_MS)
    assert story.dead() == []
    assert labels(story) == [(1, True, "opportunity")]


def test_what_waits_is_bounded() -> None:
    story = Story()
    for _ in range(MOST + 3):
        story.answer("h1", "accepted")
    assert story.dead() == [("unknown_handoff", "handoff")] * 3


def test_a_clock_of_the_crm_that_runs_ahead_does_not_block_later_answers() -> None:
    story = Story()
    story.route("h1")
    story.answer("h1", "rejected", "not_now", at=NOW + 1000 * DAY)
    story.answer("h1", "reopened")
    assert labels(story) == [(1, False, "rejected"), (2, None, "reopened")]


def test_insights_go_to_marketing_as_they_came() -> None:
    story = Story()
    story.route("h1")
    insight = InsightReported(lead=LEAD, handoff="h1", pains=["slow reports"], competitors=["Example Inc"], at=NOW)
    story.send("feedback.events", LEAD, insight)
    story.send("feedback.events", LEAD, InsightReported(lead=LEAD, handoff="h1", at=NOW))
    assert story.told("feedback.insights") == [insight]
    assert story.dead() == [("invalid_field", "data")]


def test_an_erasure_wins_over_what_waits_and_what_comes_late() -> None:
    story = Story()
    story.route("h1")
    story.answer("h2", "accepted")
    erasure = ErasureRequested(person=LEAD, at=story.clock.now() + DAY)
    headers, value = envelop(erasure, id="x", source="/cli", time=NOW)
    story.engine.publish("privacy.erasures", LEAD.encode(), value, headers)
    story.answer("h1", "rejected", "not_now")
    story.route("h1")
    story.engine.advance(2 * WAIT_MS)
    assert story.told("feedback.labels") == []
    assert story.told("leads.recycled") == []
    assert story.letters() == []
    assert story.engine.state("feedback") == {}


def test_a_handoff_is_forgotten_long_after_the_last_word() -> None:
    story = Story()
    story.route("h1")
    assert story.engine.state("feedback")
    story.engine.advance(FORGET_MS)
    assert story.engine.state("feedback") == {}


def test_without_configuration_the_lane_holds_and_nothing_is_lost() -> None:
    story = Story(configured=False)
    with pytest.raises(Stopped, match="baton apply config/"):
        story.route("h1")
    story.configure(story.definition)
    story.answer("h1", "opportunity")
    assert labels(story) == [(1, True, "opportunity")]


@pytest.mark.parametrize("broken", [{"points_to_double_odds": 11.0}, {"signatures": []}])
def test_an_altered_or_unsigned_set_leaves_the_last_good_one_in_force(broken: dict[str, Any]) -> None:
    story = Story()
    story.route("h1")
    agreed = story.definition
    other = "reasons: [{code: other, label: Other, applies_to: [rejected, lost], fault: fit, learning: bad}]"
    story.configure(agreed.model_copy(update=broken), other)
    story.answer("h1", "rejected", "not_now")
    assert labels(story) == [(1, False, "rejected")], "the reasons of the last good set"
    assert story.engine.observed["baton_config_refused_total", ("feedback",)] == 1
    story.configure(agreed)
    story.route("h2")
    story.answer("h2", "opportunity")
    assert labels(story)[-1] == (1, True, "opportunity")
    assert story.engine.observed["baton_config_refused_total", ("feedback",)] == 1
