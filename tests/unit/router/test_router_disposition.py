"""Accepted, then silence: the rep is warned, rep and manager are told, and the lead stays where a person took it."""

from __future__ import annotations

from typing import Any

import pytest

from baton_schemas.contract import parse_time
from baton_schemas.routing import SlaEvent
from services.router.checks import check
from tests.unit.router.story import DAY, DOCUMENTS, HOUR, MINUTE, Story

SLA = DOCUMENTS["sla"].replace(
    "reassign_after_minutes: 30,", "reassign_after_minutes: 30, disposition_minutes: 120, disposition_warn_at: 0.5,"
)
"""Two business hours for hot leads, warned after one; none for warm ones."""


def accepted(story: Story, lead: str = "k1", tier: str = "hot") -> str:
    handoff = story.qualify(lead, tier=tier)
    story.report(lead, handoff, "accepted", rep=story.owner(handoff))
    return handoff


def steps(story: Story, handoff: str | None = None) -> list[str]:
    return story.steps(handoff, clock="disposition")


def silence(story: Story, handoff: str) -> list[SlaEvent]:
    return [event for event in story.sla(handoff) if event.clock == "disposition"]


def running(story: Story) -> float:
    return sum(value for (name, _), value in story.engine.observed.items() if name == "baton_disposition_clocks")


def test_a_rep_who_accepts_and_falls_silent_is_warned_then_rep_and_manager_are_told_and_he_keeps_the_lead() -> None:
    story = Story(sla=SLA)
    handoff = accepted(story)
    story.wait(HOUR)
    assert steps(story, handoff) == ["started", "warned"]
    assert story.notes("ann")[-1] == "What became of your lead?"
    assert story.notes("boss") == []
    story.wait(HOUR)
    assert steps(story, handoff) == ["started", "warned", "breached"]
    assert story.notes("ann")[-1] == story.notes("boss")[-1] == "Accepted, then silence"
    assert silence(story, handoff)[-1].elapsed_s == 2 * 3600
    story.wait(30 * DAY)
    assert len(steps(story, handoff)) == 3
    assert (story.owner(handoff), len(story.routed(handoff)), story.load()) == ("ann", 1, {"ann": 1})
    assert story.notes("boss") == ["Accepted, then silence"]


def test_it_counts_business_hours_and_has_a_metric_of_its_own() -> None:
    story = Story(sla=SLA, start=parse_time("2026-03-06T16:00:00+01:00"))
    handoff = accepted(story)
    first, *_ = silence(story, handoff)
    assert first.due_at == parse_time("2026-03-09T10:00:00+01:00")
    story.wait(3 * DAY)
    observed = story.engine.observed
    assert observed["baton_disposition_steps_total", ("breached", "hot", "dach")] == 1
    assert ("baton_sla_steps_total", ("breached", "hot", "dach")) not in observed
    assert observed["baton_disposition_clocks", ("breached",)] == 1
    assert story.steps(handoff) == ["started", "met"]


@pytest.mark.parametrize("sla", [DOCUMENTS["sla"], SLA])
def test_without_minutes_in_the_policy_there_is_no_such_clock(sla: str) -> None:
    story = Story(sla=sla)
    accepted(story, tier="hot" if sla is DOCUMENTS["sla"] else "warm")
    story.wait(30 * DAY)
    assert steps(story) == []
    assert not story.engine.timers("router")


def test_a_touch_of_a_person_starts_it_anew() -> None:
    story = Story(sla=SLA)
    handoff = accepted(story)
    story.wait(90 * MINUTE)
    story.report("k1", handoff, "touched", rep="ann", channel="phone")
    assert steps(story, handoff) == ["started", "warned", "met", "started"]
    assert silence(story, handoff)[-1].due_at == story.now + 2 * HOUR
    story.wait(59 * MINUTE)
    assert steps(story, handoff)[4:] == []
    story.wait(HOUR)
    assert steps(story, handoff)[4:] == ["warned"]
    assert running(story) == 1


@pytest.mark.parametrize("how", [{"automated": True}, {"direction": "inbound"}, {"at": 0}])
def test_what_no_person_did_since_then_is_no_sign_of_life(how: dict[str, Any]) -> None:
    story = Story(sla=SLA)
    handoff = accepted(story)
    story.wait(30 * MINUTE)
    story.report("k1", handoff, "touched", rep="ann", **how)
    assert steps(story, handoff) == ["started"]


def test_another_owner_has_the_whole_time_again() -> None:
    story = Story(sla=SLA)
    handoff = accepted(story)
    story.wait(90 * MINUTE)
    story.report("k1", handoff, "owner_changed", to="ben")
    assert steps(story, handoff) == ["started", "warned", "met", "started"]
    story.wait(2 * HOUR)
    assert silence(story, handoff)[-1].rep == "ben"
    assert story.notes("ben")[-1] == "Accepted, then silence"
    assert "Accepted, then silence" not in story.notes("ann")


def test_who_accepts_what_he_was_given_is_heard_once() -> None:
    story = Story(sla=SLA)
    handoff = accepted(story)
    story.wait(30 * MINUTE)
    story.report("k1", handoff, "passed_on", to="ben")
    story.wait(30 * MINUTE)
    story.report("k1", handoff, "accepted", rep="ben")
    assert steps(story, handoff) == ["started", "met", "started", "met", "started"]
    other = story.qualify("k2")
    story.report("k2", other, "accepted", rep="ben")  # it was given to another rep: owner and acceptance in one
    assert steps(story, other) == ["started"]


@pytest.mark.parametrize("kind", ["opportunity", "won", "lost", "rejected"])
def test_a_word_on_what_became_of_it_ends_it(kind: str) -> None:
    story = Story(sla=SLA)
    handoff = accepted(story)
    story.wait(30 * MINUTE)
    story.report("k1", handoff, kind, rep="ann", reason="no_budget")
    story.wait(30 * DAY)
    assert steps(story, handoff) == ["started", "met"]
    assert silence(story, handoff)[-1].reason == kind
    assert running(story) == 0


def test_released_or_withdrawn_nobody_owes_a_word() -> None:
    story = Story(sla=SLA)
    one, other = accepted(story), accepted(story, "k2")
    story.report("k1", one, "released", rep="ann")
    story.withdraw("k2", other)
    story.wait(30 * DAY)
    assert steps(story, one) == steps(story, other) == ["started", "closed"]
    assert [silence(story, handoff)[-1].reason for handoff in (one, other)] == ["released", "opt_out"]


def test_an_opportunity_that_was_never_accepted_starts_no_clock() -> None:
    story = Story(sla=SLA)
    story.report("k1", story.qualify("k1"), "opportunity", rep="ann")
    assert steps(story) == []


def test_after_downtime_only_the_breach_is_told_and_the_warning_recorded() -> None:
    story = Story(sla=SLA)
    handoff = accepted(story)
    story.clock.advance(3 * DAY)
    story.run()
    assert steps(story, handoff) == ["started", "skipped:warned", "breached"]
    assert "What became of your lead?" not in story.notes("ann")


def test_nobody_is_blamed_for_a_word_that_is_in_the_log() -> None:
    story = Story(sla=SLA)
    handoff = accepted(story)
    story.clock.advance(90 * MINUTE)
    story.report("k1", handoff, "touched", rep="ann", run=False)
    story.clock.advance(20 * MINUTE)
    story.run()
    assert steps(story, handoff) == ["started", "met", "started"]


def test_a_sign_of_life_that_is_reported_late_is_met_and_one_that_came_too_late_is_not() -> None:
    story = Story(sla=SLA)
    handoff, other = accepted(story), accepted(story, "k2")
    in_time = story.now + 100 * MINUTE
    story.wait(3 * HOUR)
    story.report("k1", handoff, "touched", rep="ann", at=in_time)
    assert steps(story, handoff) == ["started", "warned", "breached", "met", "started", "warned"]
    assert silence(story, handoff)[3].reason == "reported_late"
    assert silence(story, handoff)[4].due_at == in_time + 2 * HOUR
    story.report("k2", other, "touched", rep="ben")
    assert steps(story, other) == ["started", "warned", "breached", "closed", "started"]


def test_what_is_told_too_late_in_one_batch_leaves_the_breach_on_the_log() -> None:
    story = Story(sla=SLA)
    handoff = story.qualify("k1")
    story.report("k1", handoff, "accepted", rep="ann", run=False)
    story.clock.advance(3 * HOUR)
    story.report("k1", handoff, "lost", rep="ann", run=False)
    story.run()
    assert steps(story, handoff) == ["started", "skipped:warned", "breached", "closed"]
    assert running(story) == 0


def test_a_clock_that_runs_keeps_the_time_it_was_started_with() -> None:
    story = Story(sla=SLA)
    handoff = accepted(story)
    story.configure()
    story.wait(2 * HOUR)
    assert steps(story, handoff)[-1] == "breached"
    story.wait(1)
    story.report("k1", handoff, "touched", rep="ann")
    assert steps(story, handoff)[-1] == "closed"


def test_two_runs_with_equal_due_times_are_told_apart() -> None:
    story = Story(sla=SLA)
    handoff = accepted(story)
    an_hour_in = story.now + HOUR
    story.wait(3 * HOUR)
    story.report(
        "k1", handoff, "touched", rep="ann", at=an_hour_in
    )  # its warning was due when the first run's breach was
    assert steps(story, handoff)[3:] == ["met", "started", "skipped:warned", "breached"]


def test_a_target_that_would_take_over_a_year_is_refused() -> None:
    texts = {**DOCUMENTS, "sla": SLA.replace("disposition_minutes: 120", "disposition_minutes: 20000")}
    texts["calendars"] = texts["calendars"].replace("09:00-17:00", "09:00-10:00")
    problems = check({(kind, kind): text for kind, text in texts.items()})  # type: ignore[misc]
    assert any("20000 business minutes are over a year in calendar 'berlin'" in problem for problem in problems)
