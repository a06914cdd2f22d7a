"""Contact pressure at its edges: who waits for two limits, what people opened beyond one, limits that come and go."""

from __future__ import annotations

import pytest

from baton_schemas.contract import format_time
from tests.unit.router.story import DAY, DOCUMENTS, HOUR, Story
from tests.unit.router.test_router_pressure import ACME, ROOMY, SLA, colleagues, lost, story


def limited(account: int) -> str:
    return DOCUMENTS["sla"] + f"contact_pressure: {{per_account: {{handoffs: {account}, days: 14}}}}\n"


def test_what_people_opened_beyond_the_limit_is_waited_for_too() -> None:
    told = story()
    started = told.now
    lost(told, "k1", 1)
    told.wait(3 * DAY)
    lost(told, "k1", 2)
    told.wait(3 * DAY)
    third = told.qualify("k1", n=3)
    told.report("k1", third, "accepted", rep="cyn")
    told.report("k1", third, "rejected", rep="cyn")
    (unrouted,) = told.unrouted(told.qualify("k1", n=4))
    assert format_time(started + 33 * DAY) in unrouted.detail


def test_who_meets_both_limits_is_told_of_each_once() -> None:
    told = Story(
        sla=DOCUMENTS["sla"]
        + "contact_pressure: {per_person: {handoffs: 1, days: 10}, per_account: {handoffs: 3, days: 14}}\n",
        teams=ROOMY,
    )
    first = told.qualify("k1", account=ACME)
    told.report("k1", first, "rejected", rep=told.owner(first))
    colleagues(told, 2)
    second = told.qualify("k1", n=2, account=ACME)
    told.wait(13 * DAY)
    assert [unrouted.detail.split(" was")[0] for unrouted in told.unrouted(second)] == ["This person", "This account"]
    told.wait(DAY)
    assert told.routed(second)


@pytest.mark.parametrize("kind", ["opportunity", "won", "lost", "rejected"])
def test_settled_by_people_while_it_waits_no_second_word_is_said_of_it(kind: str) -> None:
    told = story()
    lost(told, "k1", 1)
    lost(told, "k1", 2)
    third = told.qualify("k1", n=3)
    told.report("k1", third, kind, reason="duplicate")
    assert [unrouted.reason for unrouted in told.unrouted(third)] == ["contact_pressure"]


def test_who_is_let_go_into_no_territory_holds_no_place() -> None:
    told = story()
    *_, fourth = colleagues(told, 4)
    austria = "territories: [{name: at, countries: [AT], team: dach, pool: inbound, policy: standard}]\n"
    told.configure(sla=SLA, teams=ROOMY, territories="elsewhere: unrouted\n" + austria)
    told.wait(14 * DAY)
    assert told.unrouted(fourth)[-1].reason == "no_territory"
    assert told.account(ACME).places == {}


def test_places_outlast_a_limit_that_is_taken_away_for_a_while() -> None:
    told = story()
    first, *_ = colleagues(told, 3)
    told.configure(teams=ROOMY)
    told.withdraw("c0", first)
    told.configure(sla=SLA, teams=ROOMY)
    assert [bool(told.routed(handoff)) for handoff in colleagues(told, 2, first=5)] == [True, False]


def test_nobody_jumps_the_queue_when_a_limit_is_raised() -> None:
    told = story(limited(3))
    *_, fourth = colleagues(told, 4)
    told.configure(sla=limited(4), teams=ROOMY)
    (fifth,) = colleagues(told, 1, first=4)
    assert [bool(told.routed(handoff)) for handoff in (fourth, fifth)] == [True, False]


def test_who_waits_goes_on_when_the_place_runs_out_and_not_at_the_next_daily_look() -> None:
    told = story()
    started = told.now
    colleagues(told, 3)
    told.wait(5 * HOUR)
    (fourth,) = colleagues(told, 1, first=3)
    told.wait(14 * DAY - 5 * HOUR)
    assert told.routed(fourth)[0].clock.started_at == started + 14 * DAY
