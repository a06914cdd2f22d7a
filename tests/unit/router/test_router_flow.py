"""A lead finds its rep: the way through both sides, existing owners, customers, waiting, and giving back."""

from __future__ import annotations

import pytest

from baton_schemas.crm import AccountStanding
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import AssignRequest, ReleaseRequest, RoutingReply
from tests.unit.router.story import DAY, DOCUMENTS, HOUR, MINUTE, TERRITORIES, Story

FULL = DOCUMENTS["teams"].replace("capacity: 3", "capacity: 1")


def test_a_qualified_lead_gets_a_rep_with_dossier_clock_and_reasons() -> None:
    story = Story()
    handoff = story.qualify("k1")
    (routed,) = story.routed()
    assert (routed.rep, routed.change, routed.version, routed.team, routed.pool) == (
        "ann", "assigned", 1, "dach", "inbound",
    )  # fmt: skip
    assert routed.qualified.contact.email == "k1@example.com"
    assert routed.clock.started_at == story.now
    assert routed.clock.due_at == story.now + 20 * MINUTE
    assert routed.clock.warn_at == story.now + 10 * MINUTE
    assert routed.clock.reassign_at == story.now + 50 * MINUTE
    assert routed.decision.match is not None
    assert (routed.decision.match.territory, routed.decision.match.matched_on) == ("dach", ["country"])
    assert [(p.rep, p.reason) for p in routed.decision.passed_over] == [("ben", "later_turn"), ("cyn", "later_turn")]
    assert routed.decision.turn == {"ann": 0, "ben": 0, "cyn": 0}
    assert story.steps(handoff) == ["started"]
    assert story.notes("ann") == ["A lead for you"]
    assert story.engine.observed["baton_leads_routed_total", ("assigned", "dach")] == 1


def test_the_more_specific_territory_wins_and_names_the_other() -> None:
    story = Story()
    story.qualify("k1", employees=5000)
    (routed,) = story.routed()
    assert routed.rep == "pia"
    assert routed.decision.match is not None
    assert routed.decision.match.matched_on == ["employees", "country"]
    assert routed.decision.match.passed_over == ["dach"]


def test_turns_go_round() -> None:
    story = Story()
    assert [story.owner(story.qualify(f"k{n}")) for n in range(6)] == ["ann", "ben", "cyn"] * 2
    assert story.load() == {"ann": 2, "ben": 2, "cyn": 2}


def test_a_lead_without_territory_is_unrouted_with_the_reason() -> None:
    story = Story()
    handoff = story.qualify("k1", country="BR")
    (unrouted,) = story.unrouted()
    assert (unrouted.reason, unrouted.waiting) == ("no_territory", False)
    story.report("k1", handoff, "accepted", rep="ann")
    assert story.dead() == ["impossible_order"]
    assert not story.routed()


def test_a_repeated_qualification_changes_nothing() -> None:
    story = Story()
    story.qualify("k1")
    story.copy("leads.qualified", 0)
    assert len(story.routed()) == 1
    assert story.load() == {"ann": 1}


def test_one_open_handoff_per_person_and_definition() -> None:
    story = Story()
    first = story.qualify("k1")
    second = story.qualify("k1", n=2)
    (unrouted,) = story.unrouted(second)
    assert (unrouted.reason, unrouted.tell) == ("already_open", "ann")
    story.report("k1", first, "lost", rep="ann")
    assert story.owner(story.qualify("k1", n=3)) == "ben"


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (AccountStanding(owner="sam", customer_since=1), "customer"),
        (AccountStanding(owner="sam", open_opportunity=True), "open_opportunity"),
    ],
)
def test_customers_and_open_opportunities_get_no_handoff_their_owner_is_told(
    standing: AccountStanding, reason: str
) -> None:
    story = Story()
    handoff = story.qualify("k1", standing=standing)
    (unrouted,) = story.unrouted(handoff)
    assert (unrouted.reason, unrouted.tell, unrouted.waiting) == (reason, "sam", False)
    assert not story.routed()
    assert story.notes("sam") == ["Interest from your account"]


def test_an_opportunity_of_the_person_blocks_as_well() -> None:
    story = Story()
    story.report("k1", story.qualify("k1"), "opportunity", rep="ann")
    (unrouted,) = story.unrouted(story.qualify("k1", n=2))
    assert (unrouted.reason, unrouted.tell) == ("open_opportunity", "ann")
    assert story.load() == {}


@pytest.mark.parametrize("how", ["lead", "account", "crm"])
def test_the_existing_owner_comes_first_and_pays_the_turn(how: str) -> None:
    story = Story()
    if how == "crm":
        story.person("k1", owner="cyn")
    standing = AccountStanding(owner="cyn") if how == "account" else None
    story.qualify("k1", owner="cyn" if how == "lead" else None, standing=standing)
    (routed,) = story.routed()
    assert (routed.rep, routed.decision.reason) == ("cyn", "existing_owner")
    assert [story.owner(story.qualify(f"n{n}")) for n in range(3)] == ["ann", "ben", "ann"]


def test_an_owner_of_another_team_is_asked_alone_then_the_territory() -> None:
    story = Story()
    assert story.owner(story.qualify("k1", owner="pia")) == "pia"
    assert story.owner(story.qualify("k2", owner="pia")) == "pia"
    third = story.qualify("k3", owner="pia")
    (routed,) = story.routed(third)
    assert (routed.rep, routed.version, routed.team) == ("ann", 2, "dach")
    assert story.load("big") == {"pia": 2}


def test_an_owner_who_is_no_rep_leaves_it_to_the_rotation() -> None:
    assert Story().unrouted() == []
    story = Story()
    assert story.owner(story.qualify("k1", owner="gone")) == "ann"


def test_everybody_full_the_lead_waits_is_told_once_and_goes_to_the_first_who_can() -> None:
    story = Story(teams=FULL)
    taken = [story.qualify(f"k{n}") for n in range(3)]
    warm = story.qualify("w", tier="warm")
    hot = story.qualify("h")
    (unrouted,) = story.unrouted(hot)
    assert (unrouted.reason, unrouted.waiting) == ("everybody_full", True)
    assert {(p.rep, p.reason, p.detail) for p in unrouted.passed_over} == {
        (rep, "full", "1 of 1") for rep in ("ann", "ben", "cyn")
    }
    assert story.engine.observed["baton_leads_waiting", ()] == 2
    story.report("k1", taken[1], "rejected", rep="ben", reason="no_budget")
    assert story.owner(hot) == "ben"
    assert story.owner(warm) is None
    story.report("k0", taken[0], "rejected", rep="ann", reason="no_budget")
    assert story.owner(warm) == "ann"
    assert len(story.unrouted()) == 2
    assert story.engine.observed["baton_leads_waiting", ()] == 0


def test_equal_tiers_wait_in_order_of_arrival() -> None:
    story = Story(teams=FULL)
    taken = [story.qualify(f"k{n}") for n in range(3)]
    first, second = story.qualify("a"), story.qualify("b")
    story.report("k2", taken[2], "lost", rep="cyn")
    assert (story.owner(first), story.owner(second)) == ("cyn", None)


def test_everybody_away_the_lead_is_taken_on_the_first_day_back() -> None:
    away = "absences: [{from: 2026-03-02, until: 2026-03-03}]"
    teams = DOCUMENTS["teams"].replace("capacity: 3", f"capacity: 3, {away}")
    story = Story(teams=teams)
    handoff = story.qualify("k1", tier="warm")
    assert story.unrouted(handoff)[0].reason == "everybody_absent"
    story.wait(38 * HOUR)
    assert story.owner(handoff) is None
    story.wait(2 * HOUR)
    assert story.owner(handoff) == "ann"


def test_an_absent_rep_is_passed_over_and_not_flooded_when_back() -> None:
    teams = (
        DOCUMENTS["teams"]
        .replace("{id: ben, capacity: 3}", "{id: ben, capacity: 9, absences: [{from: 2026-03-02, until: 2026-03-02}]}")
        .replace("capacity: 3", "capacity: 9")
    )
    story = Story(teams=teams)
    assert [story.owner(story.qualify(f"k{n}", tier="warm")) for n in range(6)] == ["ann", "cyn"] * 3
    assert story.routed()[0].decision.passed_over[0].reason == "absent"
    story.wait(DAY)
    got = [story.owner(story.qualify(f"l{n}", tier="warm")) for n in range(6)]
    assert sorted(got, key=str) == ["ann", "ann", "ben", "ben", "cyn", "cyn"]


def test_more_capacity_in_the_configuration_serves_the_queue_without_any_record() -> None:
    story = Story(teams=FULL)
    for n in range(3):
        story.qualify(f"k{n}", tier="warm")
    waiting = story.qualify("w", tier="warm")
    story.configure()
    story.wait(29 * MINUTE)
    assert story.owner(waiting) is None
    story.wait(1 * MINUTE)
    assert story.owner(waiting) is not None


def test_a_removed_pool_sends_the_waiting_lead_to_where_its_territory_points_now() -> None:
    story = Story(teams=FULL)
    for n in range(3):
        story.qualify(f"k{n}", tier="warm")
    waiting = story.qualify("w", tier="warm")
    renamed = DOCUMENTS["teams"].replace("name: inbound", "name: new")
    story.configure(teams=renamed, territories=DOCUMENTS["territories"].replace("pool: inbound", "pool: new"))
    story.wait(HOUR)
    assert story.routed(waiting)[0].pool == "new"


def test_a_withdrawn_lead_is_taken_back_at_once_and_the_turn_refunded() -> None:
    story = Story()
    before = story.owner(story.qualify("k0"))
    places = story.places()
    handoff = story.qualify("k1")
    assert story.owner(handoff) == "ben"
    story.withdraw("k1", handoff)
    assert story.owner(handoff) is None
    (gone,) = story.told("leads.routed", LeadWithdrawn)
    assert (gone.rep, gone.reason, gone.version) == ("ben", "opt_out", 2)
    assert "A lead was withdrawn" in story.notes("ben")
    assert story.steps(handoff) == ["started", "closed"]
    assert story.places() == places
    assert story.load() == {before: 1}
    assert story.owner(story.qualify("k2")) == "ben"
    story.wait(5 * DAY)
    assert "breached" not in story.steps(handoff)


def test_a_waiting_lead_that_is_withdrawn_leaves_the_queue() -> None:
    story = Story(teams=FULL)
    taken = [story.qualify(f"k{n}") for n in range(3)]
    waiting = story.qualify("w")
    story.withdraw("w", waiting)
    story.report("k0", taken[0], "lost", rep="ann")
    assert story.routed(waiting) == []
    assert story.load() == {"ben": 1, "cyn": 1}
    assert story.engine.observed["baton_leads_waiting", ()] == 0


def test_do_not_contact_in_the_crm_withdraws_and_blocks() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.person("k1", do_not_contact=True)
    assert story.owner(handoff) is None
    assert story.unrouted(story.qualify("k1", n=2))[0].reason == "do_not_contact"
    assert story.load() == {}


def test_an_answer_to_an_old_version_is_ignored_and_its_rep_released() -> None:
    story = Story()
    handoff = story.qualify("k1")
    story.report("k1", handoff, "released", rep="ann")
    assert story.owner(handoff) == "ben"
    places = story.places()
    story.put("routing.requests", "dach", story.told("routing.requests", AssignRequest)[0])  # as if it had been late
    story.run()
    assert [r.version for r in story.routed(handoff)] == [1, 2]
    assert story.load() == {"ben": 1}
    assert story.places() == places
    releases = story.told("routing.requests", ReleaseRequest)
    assert [(r.version, r.reason) for r in releases] == [(1, "released"), (1, "old_version")]


def test_an_answer_to_an_old_version_is_not_taken_for_the_answer_to_the_new_one() -> None:
    story = Story(teams=FULL)
    handoff = story.qualify("k0")
    for n in (1, 2):
        story.qualify(f"k{n}", tier="warm")
    first = story.told("routing.replies", RoutingReply)[0]
    story.report("k0", handoff, "released", rep="ann")
    assert story.lead("k0").handoffs[handoff].asked is not None
    story.put("routing.replies", "k0", first.model_copy(update={"rep": "cyn"}))
    story.run()
    assert [(r.rep, r.version) for r in story.routed(handoff)] == [("ann", 1)]
    assert story.told("routing.requests", ReleaseRequest)[-1].reason == "old_version"


def test_a_repeated_answer_and_a_repeated_request_change_nothing() -> None:
    story = Story()
    handoff = story.qualify("k1")
    for topic in ("routing.replies", "routing.requests"):
        story.copy(topic, 0)
    assert len(story.routed(handoff)) == 1
    assert story.load() == {"ann": 1}
    assert not story.told("routing.requests", ReleaseRequest)
    assert len(story.told("routing.replies", RoutingReply)) == 1
    assert len(story.told("routing.requests", AssignRequest)) == 1


def test_a_lead_that_everybody_gave_back_needs_a_person() -> None:
    story = Story()
    handoff = story.qualify("k1")
    for rep in ("ann", "ben", "cyn"):
        assert story.owner(handoff) == rep
        story.report("k1", handoff, "released", rep=rep)
    (unrouted,) = story.unrouted(handoff)
    assert (unrouted.reason, unrouted.waiting) == ("nobody_left", False)
    assert story.notes("boss") == ["A lead needs you"]
    assert story.load() == {}
    story.report("k1", handoff, "owner_changed", to="pia")
    assert story.owner(handoff) == "pia"


GONE = {
    "renamed": TERRITORIES.replace("name: big", "name: huge"),
    "left out": TERRITORIES[: TERRITORIES.index("  - {name: big")],
    "taken by nobody": TERRITORIES[: TERRITORIES.index("  - {name: big")].replace("[DE, AT]", "[AT]"),
}


@pytest.mark.parametrize("policy", ["qualified", "routed"])
@pytest.mark.parametrize("gone", GONE)
@pytest.mark.parametrize("given", ["by rotation", "by a person"])
def test_a_lead_that_waits_while_its_territory_goes_away_finds_a_rep(policy: str, gone: str, given: str) -> None:
    sla = DOCUMENTS["sla"].replace("- name: standard", f"- name: standard\n    clock_starts: {policy}")
    teams = DOCUMENTS["teams"].replace("capacity: 2", "capacity: 1")
    story = Story(sla=sla, teams=teams)
    first = story.qualify("k1", employees=5000)
    waiting = story.qualify("k2", employees=5000)
    story.configure(sla=sla, teams=teams, territories=GONE[gone])
    if given == "by a person":
        story.report("k2", waiting, "owner_changed", to="ann")
    else:
        story.report("k1", first, "lost", rep="pia")
    assert story.owner(waiting) == ("ann" if given == "by a person" else "pia")
    assert story.steps(waiting) == ["started"]
    story.wait(DAY)
    assert story.steps(waiting)[-1] == "escalated"


def test_a_lead_whose_territory_and_pool_are_gone_is_asked_for_where_it_belongs_now() -> None:
    teams = DOCUMENTS["teams"].replace("capacity: 2", "capacity: 1")
    story = Story(teams=teams)
    story.qualify("k1", employees=5000)
    waiting = story.qualify("k2", employees=5000)
    story.configure(teams=teams[: teams.index("  - name: big")], territories=GONE["left out"])
    story.wait(HOUR)
    assert story.owner(waiting) in ("ann", "ben", "cyn")
    match = story.routed(waiting)[-1].decision.match
    assert match is not None
    assert match.territory == "dach"
