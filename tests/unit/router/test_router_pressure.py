"""Contact pressure: a person, and an account, are given to sales so often and no more; who comes then waits, in the end
goes on by himself, and nobody is blamed for the wait."""

from __future__ import annotations

import pytest

from baton_schemas.configuration import ErasureRequested
from baton_schemas.contract import format_time
from baton_schemas.routing import PressureReply, PressureRequest
from services.router import accounts
from tests.unit.router.story import DAY, DOCUMENTS, HOUR, MINUTE, Story

LIMITS = "contact_pressure: {per_person: {handoffs: 2, days: 30}, per_account: {handoffs: 3, days: 14}}\n"
SLA = DOCUMENTS["sla"] + LIMITS
ROOMY = DOCUMENTS["teams"].replace("capacity: 3", "capacity: 30")
ACME = "k1.acme"


def story(sla: str = SLA, teams: str = ROOMY) -> Story:
    return Story(sla=sla, teams=teams)


def lost(told: Story, lead: str, n: int, definition: str = "b2b") -> str:
    """A handoff that came to nothing."""
    handoff = told.qualify(lead, n=n, definition=definition)
    told.report(lead, handoff, "rejected", rep=told.owner(handoff), reason="not_now")
    return handoff


def colleagues(told: Story, count: int, *, first: int = 0, tier: str = "cool") -> list[str]:
    return [told.qualify(f"c{n}", account=ACME, tier=tier) for n in range(first, first + count)]


def held(told: Story) -> float:
    return told.engine.observed.get(("baton_leads_held", ()), 0)


def test_a_person_who_was_given_to_sales_twice_waits_until_the_first_time_is_long_enough_ago() -> None:
    told = story()
    started = told.now
    lost(told, "k1", 1)
    told.wait(3 * DAY)
    lost(told, "k1", 2)
    third = told.qualify("k1", n=3)
    (unrouted,) = told.unrouted(third)
    assert (unrouted.reason, unrouted.waiting) == ("contact_pressure", True)
    assert "2 in 30 days" in unrouted.detail
    assert format_time(started + 30 * DAY) in unrouted.detail
    assert (told.routed(third), told.steps(third), held(told)) == ([], [], 1)
    told.wait(27 * DAY - 1)
    assert told.routed(third) == []
    told.wait(1)
    (routed,) = told.routed(third)
    assert routed.clock.started_at == told.now == started + 30 * DAY
    assert (len(told.unrouted(third)), held(told)) == (1, 0)
    assert told.engine.observed["baton_qualified_to_routed_seconds", ()] == 0


def test_the_persons_limit_counts_over_all_definitions() -> None:
    told = story()
    lost(told, "k1", 1)
    lost(told, "k1", 1, "other")
    assert told.unrouted(told.qualify("k1", n=1, definition="third"))[0].reason == "contact_pressure"
    assert told.routed(told.qualify("k2"))


def test_a_place_that_the_account_has_still_to_grant_counts_for_the_person() -> None:
    limits = "contact_pressure: {per_person: {handoffs: 1, days: 5}, per_account: {handoffs: 1, days: 14}}\n"
    told = story(sla=DOCUMENTS["sla"] + limits)
    told.qualify("c0", account=ACME)
    waiting = told.qualify("k1", account=ACME)
    other = told.qualify("k1", definition="other")
    assert "person" in told.unrouted(other)[0].detail
    told.wait(14 * DAY)
    assert (bool(told.routed(waiting)), told.routed(other)) == (True, [])
    told.wait(5 * DAY)
    assert told.routed(other)


def test_a_person_who_waits_has_an_open_handoff() -> None:
    told = story()
    lost(told, "k1", 1)
    lost(told, "k1", 2)
    told.qualify("k1", n=3)
    assert told.unrouted(told.qualify("k1", n=4))[0].reason == "already_open"


def test_ten_colleagues_who_qualify_at_once_in_different_partitions_never_exceed_the_limit() -> None:
    told = Story(sla=SLA, teams=ROOMY, partitions=5)
    handoffs = [told.qualify(f"c{n}", account=ACME, tier="cool", run=False) for n in range(10)]
    told.run()
    assert sum(bool(told.routed(handoff)) for handoff in handoffs) == 3
    waiting = [told.unrouted(handoff)[0] for handoff in handoffs if told.unrouted(handoff)]
    assert len(waiting) == held(told) == 7
    assert {(one.reason, one.waiting) for one in waiting} == {("contact_pressure", True)}
    assert all("3 in 14 days" in one.detail for one in waiting)
    given = []
    for _ in range(3):
        told.wait(14 * DAY)
        given.append(sum(bool(told.routed(handoff)) for handoff in handoffs))
    assert given == [6, 9, 10]
    assert held(told) == 0
    assert all(len(told.unrouted(handoff)) <= 1 for handoff in handoffs)


def test_the_clock_of_who_waited_starts_when_he_may_be_given_and_of_others_when_they_qualified() -> None:
    told = story()
    *_, third = colleagues(told, 3)
    told.clock.advance(10 * MINUTE)
    fourth = told.qualify("c9", account=ACME, at=told.now - 10 * MINUTE)
    assert told.routed(third)[0].clock.started_at == told.now - 10 * MINUTE
    told.wait(30 * DAY)
    (routed,) = told.routed(fourth)[:1]
    assert routed.clock.started_at == routed.at
    assert told.steps(fourth)[0] == "started"
    assert "breached" not in [e.step for e in told.sla(fourth) if e.at < routed.at]


def test_the_way_to_the_account_is_not_given_to_the_rep_as_time() -> None:
    told = story()
    qualified_at = told.now
    handoff = told.qualify("c0", account=ACME, run=False)
    told.clock.advance(10 * MINUTE)
    told.run()
    assert told.routed(handoff)[0].clock.started_at == qualified_at


def test_a_place_that_is_given_back_goes_to_who_waits_longest_of_the_most_urgent() -> None:
    told = story()
    first, second, third = colleagues(told, 3)
    cool, hot, late = told.qualify("x", account=ACME, tier="cool"), *colleagues(told, 2, first=7, tier="hot")
    told.withdraw("c0", first)
    assert [bool(told.routed(handoff)) for handoff in (cool, hot, late)] == [False, True, False]
    told.withdraw("c1", second)
    told.withdraw("c2", third)
    assert [bool(told.routed(handoff)) for handoff in (cool, hot, late)] == [True, True, True]


def test_who_was_never_given_to_a_rep_gives_his_place_back() -> None:
    told = story(teams=DOCUMENTS["teams"].replace("capacity: 3", "capacity: 1"))
    for n in range(3):
        told.qualify(f"busy{n}", tier="cool")
    queued = colleagues(told, 3)
    fourth = told.qualify("c3", account=ACME)
    assert told.unrouted(fourth)[0].reason == "contact_pressure"
    told.report("c0", queued[0], "lost", reason="duplicate")
    assert len(told.unrouted(fourth)) == 2
    assert told.unrouted(fourth)[1].reason == "everybody_full"
    told.report("busy0", next(h.id for lead, h in told.handoffs() if lead == "busy0"), "won", rep="ann")
    told.report("c1", queued[1], "lost", reason="duplicate")
    assert len(told.account(ACME).places) == 2


def test_an_end_in_sales_gives_no_place_back() -> None:
    told = story()
    first, *_ = colleagues(told, 3)
    told.report("c0", first, "lost", rep=told.owner(first))
    assert told.unrouted(told.qualify("c3", account=ACME))[0].reason == "contact_pressure"


def test_withdrawn_while_waiting_it_never_comes_back() -> None:
    told = story()
    colleagues(told, 3)
    fourth = told.qualify("c3", account=ACME)
    told.withdraw("c3", fourth)
    assert (held(told), told.account(ACME).queue) == (0, [])
    told.wait(60 * DAY)
    assert told.routed(fourth) == []


def test_erased_while_waiting_it_never_comes_back() -> None:
    told = story()
    lost(told, "k1", 1)
    lost(told, "k1", 2)
    third = told.qualify("k1", n=3)
    erasure = ErasureRequested(person="k1", at=told.now)
    told.engine.publish("privacy.erasures", b"k1", erasure.to_json())
    told.wait(60 * DAY)
    assert told.routed(third) == []
    assert told.lead("k1").handoffs[third].stage == "withdrawn"
    assert held(told) == 0


def test_what_a_person_gives_to_a_rep_is_not_held_back_and_counts() -> None:
    told = story()
    colleagues(told, 3)
    fourth, fifth = told.qualify("c3", account=ACME), told.qualify("c4", account=ACME)
    told.wait(DAY)
    told.report("c3", fourth, "owner_changed", to="cyn")
    assert told.owner(fourth) == "cyn"
    assert told.routed(fourth)[0].clock.started_at == told.now
    assert (len(told.account(ACME).places), len(told.account(ACME).queue), held(told)) == (4, 1, 1)
    told.wait(13 * DAY)
    assert told.routed(fifth)
    assert len(told.account(ACME).places) == 2


def test_a_person_who_waits_is_given_by_hand_at_once_and_looked_at_no_more() -> None:
    told = story()
    lost(told, "k1", 1)
    lost(told, "k1", 2)
    third = told.qualify("k1", n=3)
    told.report("k1", third, "accepted", rep="cyn")
    assert (told.owner(third), held(told)) == ("cyn", 0)
    assert not [timer for timer in told.engine.timers("router") if timer.name.startswith("pressure")]
    told.wait(60 * DAY)
    assert len(told.routed(third)) == 1


def test_who_was_touched_while_he_waited_counts_as_touched() -> None:
    told = story()
    *_, fourth = colleagues(told, 4)
    told.report("c3", fourth, "touched", rep="ben")
    told.wait(20 * DAY)
    assert told.owner(fourth) is not None
    assert told.steps(fourth) == ["started", "met"]


@pytest.mark.parametrize("kind", ["opportunity", "won", "lost", "rejected"])
def test_settled_by_people_while_it_waits_it_is_not_given_later(kind: str) -> None:
    told = story()
    lost(told, "k1", 1)
    lost(told, "k1", 2)
    third = told.qualify("k1", n=3)
    told.report("k1", third, kind, reason="duplicate")
    assert held(told) == 0
    told.wait(60 * DAY)
    assert told.routed(third) == []
    assert told.dead() == []


def test_a_limit_that_is_raised_or_taken_away_is_taken_up_within_a_day() -> None:
    told = story()
    lost(told, "k1", 1)
    lost(told, "k1", 2)
    *_, fourth = colleagues(told, 4)
    third = told.qualify("k1", n=3)
    told.configure(teams=ROOMY)
    told.wait(DAY)
    assert told.routed(third)
    assert told.routed(fourth)


def test_more_than_so_many_do_not_wait_at_an_account_they_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "MOST_WAITING", 0)
    told = story()
    *_, fourth = colleagues(told, 4)
    assert told.account(ACME).queue == []
    told.wait(13 * DAY)
    assert told.routed(fourth) == []
    told.wait(DAY + HOUR)
    assert told.routed(fourth)
    assert len(told.unrouted(fourth)) == 1


def test_an_answer_that_nobody_waits_for_is_given_back() -> None:
    told = story()
    reply = PressureReply(account=ACME, handoff="hx", version=4, lead="k1", status="granted", at=told.now)
    told.put("routing.replies", "k1", reply)
    told.run()
    (request,) = told.told("routing.requests", PressureRequest)
    assert (request.kind, request.handoff, request.version) == ("give_back", "hx", 4)


def test_an_answer_to_another_version_opens_nothing() -> None:
    told = story()
    *_, fourth = colleagues(told, 4)
    reply = PressureReply(account=ACME, handoff=fourth, version=7, lead="c3", status="granted", at=told.now)
    told.put("routing.replies", "c3", reply)
    told.run()
    assert told.routed(fourth) == []
    assert [request.version for request in told.told("routing.requests", PressureRequest, fourth)] == [1, 7]


def test_a_request_that_comes_again_leaves_no_place_behind() -> None:
    told = story()
    (handoff,) = colleagues(told, 1)
    told.withdraw("c0", handoff)
    told.copy("routing.requests", 0)
    assert told.account(ACME).places == {}
    told.wait(8 * DAY)
    assert told.account(ACME) == accounts.AccountState()


def test_an_account_is_forgotten_when_its_places_have_run_out() -> None:
    told = story()
    for n, handoff in enumerate(colleagues(told, 5)):
        told.report(f"c{n}", handoff, "lost", rep=told.owner(handoff))
    told.wait(200 * DAY)
    assert told.account(ACME) == accounts.AccountState()
    assert not told.engine.timers("router")


def test_without_a_limit_nobody_is_asked_and_nothing_waits() -> None:
    told = story(sla=DOCUMENTS["sla"])
    assert all(told.routed(handoff) for handoff in colleagues(told, 6))
    assert told.told("routing.requests", PressureRequest) == []


def test_a_limit_per_account_alone_leaves_persons_and_people_without_account_alone() -> None:
    told = story(sla=DOCUMENTS["sla"] + "contact_pressure: {per_account: {handoffs: 1, days: 90}}\n")
    for n in range(1, 5):
        lost(told, "k1", n)
    assert told.unrouted() == []
    assert [bool(told.routed(handoff)) for handoff in colleagues(told, 2)] == [True, False]


def test_a_held_lead_whose_territory_is_gone_is_left_to_people() -> None:
    told = story()
    lost(told, "k1", 1)
    lost(told, "k1", 2)
    third = told.qualify("k1", n=3)
    austria = "territories: [{name: at, countries: [AT], team: dach, pool: inbound, policy: standard}]\n"
    told.configure(sla=SLA, teams=ROOMY, territories="elsewhere: unrouted\n" + austria)
    told.wait(30 * DAY)
    assert [one.reason for one in told.unrouted(third)] == ["contact_pressure", "no_territory"]
    told.report("k1", third, "owner_changed", to="ben")
    assert told.owner(third) == "ben"


def test_who_waits_at_an_account_goes_before_who_comes_when_there_is_room_again() -> None:
    told = story()
    *_, fourth = colleagues(told, 4)
    told.configure(teams=ROOMY, sla=SLA.replace("handoffs: 3", "handoffs: 4"))
    newcomer = told.qualify("c9", account=ACME, tier="hot")
    assert told.routed(fourth)
    assert told.unrouted(newcomer)[0].reason == "contact_pressure"


def test_a_waiting_colleague_whose_territory_is_gone_leaves_his_place_to_others() -> None:
    told = story()
    one, *_, fourth = colleagues(told, 4)
    austria = "territories: [{name: at, countries: [AT], team: dach, pool: inbound, policy: standard}]\n"
    told.configure(sla=SLA, teams=ROOMY, territories="elsewhere: unrouted\n" + austria)
    told.withdraw("c0", one)
    assert [each.reason for each in told.unrouted(fourth)] == ["contact_pressure", "no_territory"]
    assert len(told.account(ACME).places) == 2
