"""First-touch clocks: warned, breached, reassigned, escalated; met when touched, whoever reports it and whenever."""

from __future__ import annotations

from typing import Any

import pytest

from baton_schemas.contract import parse_time
from services.router.handoff import LeadState
from tests.unit.router.story import DAY, DOCUMENTS, HOUR, MINUTE, Story


def test_the_ladder_warns_breaches_reassigns_and_escalates_in_business_time() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.wait(10 * MINUTE)
    assert story.steps(handoff) == ["started", "warned"]
    story.wait(10 * MINUTE)
    assert story.steps(handoff)[2:] == ["breached"]
    assert story.notes("ann") == ["A lead for you", "A lead waits for you", "A lead is overdue"]
    story.wait(30 * MINUTE)
    assert story.steps(handoff)[3:] == ["reassigned"]
    first, second = story.routed(handoff)
    assert (second.rep, second.version, second.change, second.previous_rep) == ("ben", 2, "reassigned", "ann")
    assert (second.clock.started_at, second.clock.due_at) == (first.clock.started_at, first.clock.due_at)
    assert second.decision.passed_over[0].reason == "had_it_already"
    assert story.load() == {"ben": 1}
    assert "A lead was given on" in story.notes("ann")
    story.wait(30 * MINUTE)
    assert story.steps(handoff)[4:] == ["escalated"]
    assert story.notes("boss") == ["A lead needs you"]
    story.wait(9 * DAY)
    assert story.owner(handoff) == "ben"
    assert len(story.steps(handoff)) == 5


def test_a_clock_counts_business_hours_only() -> None:
    story = Story(start=parse_time("2026-03-06T16:50:00+01:00"))
    handoff = story.qualify("k1")
    (routed,) = story.routed(handoff)
    assert routed.clock.warn_at == parse_time("2026-03-06T17:00:00+01:00")
    assert routed.clock.due_at == parse_time("2026-03-09T09:10:00+01:00")
    story.wait(2 * DAY)
    assert story.steps(handoff) == ["started", "warned"]
    story.wait(16 * HOUR + 20 * MINUTE)
    assert story.steps(handoff) == ["started", "warned", "breached"]
    assert story.sla(handoff)[-1].elapsed_s == 20 * 60


def test_the_clock_runs_while_the_lead_waits_for_a_rep() -> None:
    story = Story(teams=DOCUMENTS["teams"].replace("capacity: 3", "capacity: 1"))
    taken = [story.qualify(f"k{n}", tier="warm") for n in range(3)]
    waiting = story.qualify("w")
    started = story.now
    story.wait(25 * MINUTE)
    assert story.steps(waiting) == ["started", "warned", "breached"]
    assert story.notes("boss") == ["A lead is overdue"]
    story.report("k0", taken[0], "lost", rep="ann")
    (routed,) = story.routed(waiting)
    assert routed.clock.started_at == started


def test_a_policy_may_start_the_clock_when_the_lead_is_routed() -> None:
    teams = DOCUMENTS["teams"].replace("capacity: 3", "capacity: 1")
    sla = DOCUMENTS["sla"].replace("name: standard", "name: standard\n    clock_starts: routed")
    story = Story(teams=teams, sla=sla)
    taken = [story.qualify(f"k{n}", tier="warm") for n in range(3)]
    waiting = story.qualify("w")
    story.wait(HOUR)
    assert story.steps(waiting) == []
    story.report("k0", taken[0], "lost", rep="ann")
    assert story.routed(waiting)[0].clock.started_at == story.now


@pytest.mark.parametrize("rep", ["ann", "ben", "somebody"])
def test_a_touch_by_anyone_meets_the_clock(rep: str) -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.wait(15 * MINUTE)
    story.report("k1", handoff, "touched", rep=rep, channel="phone")
    story.wait(9 * DAY)
    assert story.steps(handoff) == ["started", "warned", "met"]
    assert story.owner(handoff) == "ann"
    assert story.engine.observed["baton_first_touch_seconds", ("hot", "dach")] == 15 * 60
    assert sum(value for (name, _), value in story.engine.observed.items() if name == "baton_clocks") == 0


@pytest.mark.parametrize("how", [{"automated": True}, {"direction": "inbound"}])
def test_what_no_person_did_towards_the_lead_is_no_touch(how: dict[str, Any]) -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "touched", rep="ann", **how)
    story.wait(20 * MINUTE)
    assert story.steps(handoff) == ["started", "warned", "breached"]


def test_accepting_counts_as_touching() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "accepted", rep="ann")
    story.wait(DAY)
    assert story.steps(handoff) == ["started", "met"]


def test_a_late_touch_closes_the_clock_and_the_breach_stays() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.wait(30 * MINUTE)
    story.report("k1", handoff, "touched", rep="ann")
    story.wait(9 * DAY)
    assert story.steps(handoff) == ["started", "warned", "breached", "closed"]
    assert story.owner(handoff) == "ann"


def test_a_touch_in_time_that_is_reported_late_is_met() -> None:
    story = Story()
    handoff = story.qualify("k1")
    in_time = story.now + 5 * MINUTE
    story.wait(30 * MINUTE)
    story.report("k1", handoff, "touched", rep="ann", at=in_time)
    assert story.steps(handoff)[-1] == "met"
    assert (story.sla(handoff)[-1].reason, story.sla(handoff)[-1].elapsed_s) == ("reported_late", 5 * 60)


def test_the_earliest_touch_wins_and_a_clock_of_the_future_does_not() -> None:
    story = Story()
    handoff = story.qualify("k1")
    start = story.now
    story.wait(25 * MINUTE)
    story.report("k1", handoff, "touched", rep="ann", at=start + 9 * DAY)
    assert story.sla(handoff)[-1].elapsed_s == 25 * 60
    story.report("k1", handoff, "touched", rep="ben", at=start + 3 * MINUTE)
    assert story.steps(handoff)[-2:] == ["closed", "met"]
    assert story.sla(handoff)[-1].elapsed_s == 3 * 60


def test_no_breach_when_the_touch_is_in_the_log_though_the_router_was_down() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.clock.advance(15 * MINUTE)
    story.report("k1", handoff, "touched", rep="ann", run=False)
    story.clock.advance(3 * DAY)
    story.run()
    assert story.steps(handoff) == ["started", "met"]


def test_after_downtime_only_the_highest_step_is_carried_out() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.clock.advance(25 * MINUTE)
    story.run()
    assert story.steps(handoff) == ["started", "skipped:warned", "breached"]
    assert "A lead waits for you" not in story.notes("ann")
    other = story.qualify("k2")
    story.clock.advance(5 * DAY)
    story.run()
    assert story.steps(other) == ["started", "skipped:warned", "skipped:breached", "reassigned"]
    assert story.engine.observed["baton_sla_steps_total", ("breached", "hot", "dach")] == 2


def test_who_gets_a_lead_late_has_his_own_time_before_it_goes_on() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.clock.advance(4 * DAY)
    story.run()
    assert story.owner(handoff) == "ben"
    story.wait(29 * MINUTE)
    assert story.steps(handoff)[-1] == "reassigned"
    story.wait(MINUTE)
    assert story.steps(handoff)[-1] == "escalated"


def test_when_nobody_else_can_take_it_the_rep_keeps_it_and_the_manager_is_told() -> None:
    teams = DOCUMENTS["teams"].replace("{id: ben, capacity: 3}, {id: cyn, capacity: 3}", "{id: ben, capacity: 0}")
    story = Story(teams=teams.replace(", {rep: cyn}", ""))
    handoff = story.qualify("k1")
    story.wait(50 * MINUTE)
    assert story.steps(handoff)[-1] == "escalated"
    assert story.owner(handoff) == "ann"
    assert story.load() == {"ann": 1}


def test_when_everybody_else_is_full_the_rep_keeps_it_until_somebody_can() -> None:
    teams = DOCUMENTS["teams"].replace("capacity: 3", "capacity: 1")
    story = Story(teams=teams)
    first = story.qualify("k0")
    others = [story.qualify(f"k{n}", tier="warm") for n in (1, 2)]
    story.wait(50 * MINUTE)
    assert story.owner(first) == "ann"
    assert story.unrouted(first) == []
    story.report("k1", others[0], "lost", rep="ben")
    assert story.owner(first) == "ben"
    assert story.load() == {"ben": 1, "cyn": 1}


def test_a_touch_while_a_new_rep_is_sought_leaves_the_lead_where_it_is() -> None:
    story = Story(teams=DOCUMENTS["teams"].replace("capacity: 3", "capacity: 1"))
    first = story.qualify("k0")
    others = [story.qualify(f"k{n}", tier="warm") for n in (1, 2)]
    story.wait(50 * MINUTE)
    story.report("k0", first, "touched", rep="ann")
    story.report("k1", others[0], "lost", rep="ben")
    assert story.load() == {"ann": 1, "cyn": 1}
    story.wait(9 * DAY)
    assert [(r.rep, r.version) for r in story.routed(first)] == [("ann", 1)]


def test_two_steps_of_two_leads_in_one_lane_do_not_disturb_each_other() -> None:
    story = Story(partitions=1)
    one = story.qualify("k1")
    story.wait(5 * MINUTE)
    other = story.qualify("k2")
    story.wait(15 * MINUTE)
    assert story.steps(one) == ["started", "warned", "breached"]
    assert story.steps(other) == ["started", "warned"]


def test_the_clock_survives_a_change_of_policy() -> None:
    story = Story()
    handoff = story.qualify("k1")
    due = story.routed(handoff)[0].clock.due_at
    story.configure(sla=DOCUMENTS["sla"].replace("first_touch_minutes: 20", "first_touch_minutes: 200"))
    story.wait(19 * MINUTE)
    story.qualify("k2")
    story.wait(MINUTE)
    assert story.steps(handoff)[-1] == "breached"
    assert story.sla(handoff)[-1].due_at == due


def test_a_qualification_of_ancient_times_starts_no_ancient_clock() -> None:
    story = Story()
    handoff = story.qualify("k1", at=-62_000_000_000_000)
    assert story.now - story.routed(handoff)[0].clock.started_at == 30 * DAY
    assert story.steps(handoff)[-1] in ("breached", "reassigned")


def test_closed_handoffs_are_forgotten_after_the_logs_retention() -> None:
    story = Story()
    story.report("k1", story.qualify("k1"), "rejected", rep="ann", reason="bad_data")
    story.wait(89 * DAY)
    assert story.lead("k1").handoffs
    story.wait(2 * DAY)
    assert story.lead("k1") == LeadState()
    assert not story.engine.timers("router")


def test_the_longest_name_of_a_company_has_room_in_every_notification() -> None:
    story = Story()
    story.qualify("k1", company="x" * 10_000)
    story.wait(DAY)
    assert story.steps()[-1] == "escalated"
    assert story.notes("boss") == ["A lead needs you"]
