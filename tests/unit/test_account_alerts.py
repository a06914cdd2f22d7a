"""An owner hears once when his account or lead engages far more than before: from an event to the alert (H2)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from baton_schemas.accounts import MemberChanged
from baton_schemas.backfill import DayBackfilled
from baton_schemas.crm import AccountStanding, PersonFacts
from baton_schemas.feedback import Notification
from baton_schemas.identity import LedgerRecounted
from services.runtime.memory import Faults
from tests.signing import signed
from tests.unit.alerted import ACME, BOTH, CUSTOMER, GRADES, POINTS, Company, lead, person
from tests.unit.scorer.world import DAY, DEFINITION, SIGNED, account_of

QUALIFYING: dict[str, Any] = {"seniority": "vp", "employees": 100}


def test_people_of_a_customer_who_together_reach_the_points_are_one_alert_that_says_who_what_and_why() -> None:
    company = Company(POINTS)
    company.stands(CUSTOMER)
    company.hire("ada", "ben", job_title="CTO")
    company.does("ada")
    company.wait(DAY)
    company.does("ben", "page_viewed")
    assert company.alerts() == []
    company.does("ben", "page_viewed")
    [alert] = company.alerts()
    assert (alert.recipient, alert.owned_as, alert.handoff, alert.lead) == ("ann", "customer", None, lead("ben"))
    spike = alert.spike
    assert (spike.kind, spike.points, spike.threshold, spike.within_days) == ("account_points", 44.0, 40.0, 7)
    assert [(each.person, each.points, each.job_title) for each in spike.people] == [
        (lead("ada"), 30.0, "CTO"),
        (lead("ben"), 14.0, "CTO"),
    ]
    assert (spike.contact.first_name, spike.account) == ("Ben", account_of(ACME))
    assert {line.criterion for line in spike.dossier.ledger} == {"pricing", "view"}
    assert spike.dossier.evidence
    assert spike.dossier.engaged[0].action == "page_viewed"
    [note] = [each for each in company.records("notifications") if isinstance(each, Notification)]
    assert (note.recipient, note.text) == ("ann", f"{ACME}: 44 points in 7 days.")


def test_a_customers_person_who_rises_to_a_named_grade_is_an_alert_also_when_nobody_knew_him_before() -> None:
    company = Company(GRADES)
    company.stands(CUSTOMER)
    company.hire("ada", "ben")
    company.does("ada")
    assert company.alerts() == []
    company.does("ada")
    [alert] = company.alerts()
    assert (alert.spike.kind, alert.spike.previous_grade, alert.spike.grade) == ("grade", "D2", "D1")
    assert alert.spike.points is None
    unknown = Company(GRADES)
    unknown.stands(CUSTOMER)
    unknown.act({"email": "new@example.com"}, "demo_requested")
    unknown.act({"email": "new@example.com"}, "demo_requested")
    unknown.traits({"email": "new@example.com"}, company_domain=ACME)
    unknown.run()
    assert [each.spike.grade for each in unknown.alerts()] == ["D1"]


def test_the_customer_who_qualifies_is_an_alert_too_for_nobody_else_is_told_of_it_with_a_dossier() -> None:
    company = Company(BOTH)
    company.stands(CUSTOMER)
    company.hire("ada", **QUALIFYING)
    company.does("ada")
    company.does("ada")
    assert company.routed() == []
    assert [each.owned_as for each in company.alerts()] == ["customer"]
    assert company.counted("cool_down") == 1  # grade and points, at the same time


def test_an_open_opportunitys_owner_reads_it_on_the_record_of_the_colleague_whose_handoff_it_came_from() -> None:
    company = Company(POINTS)
    company.hire("ada", "ben", **QUALIFYING)
    company.does("ada")
    [routed] = company.routed()
    company.report(routed, "opportunity")
    company.stands(AccountStanding(owner=routed.rep, open_opportunity=True))
    company.does("ben")
    company.does("ben")
    [alert] = company.alerts()
    assert alert.owned_as == "open_opportunity"
    assert (alert.recipient, alert.lead, alert.handoff, alert.version) == (
        routed.rep,
        lead("ada"),
        routed.handoff,
        routed.version,
    )
    assert alert.spike.lead == lead("ben")
    company.report(routed, "won")
    company.wait(30 * DAY)
    company.does("ben")
    company.does("ben")
    assert [each.handoff for each in company.alerts()] == [routed.handoff, None]


def test_the_rep_of_an_open_handoff_hears_what_comes_after_it_and_not_once_more_what_it_said() -> None:
    company = Company(BOTH)
    company.hire("ada", domain=None, **QUALIFYING)
    company.does("ada")
    [routed] = company.routed()
    company.report(routed, "accepted")
    company.does("ada", "page_viewed")
    assert company.alerts() == []
    company.wait(DAY)
    company.does("ada", "page_viewed")
    company.does("ada")
    [alert] = company.alerts()
    assert (alert.recipient, alert.owned_as, alert.handoff) == (routed.rep, "handoff", routed.handoff)
    assert (alert.lead, alert.spike.subject, alert.spike.account) == (routed.lead, routed.lead, None)
    company.report(routed, "lost", reason="price")
    company.wait(30 * DAY)
    company.does("ada")
    company.does("ada")
    assert len(company.alerts()) == 1
    assert company.counted("nobody_owns") >= 1


def test_a_handoff_that_qualifies_at_a_named_grade_is_no_alert_for_its_rep() -> None:
    company = Company(BOTH)
    company.hire("ada", **QUALIFYING)
    for _ in range(2):
        company.act({"email": "ada@example.com"}, "demo_requested")
    company.run()
    company.does("ada", "page_viewed")
    assert len(company.routed()) == 1
    assert company.spikes() == []


def test_whom_the_crm_gives_a_person_hears_of_it() -> None:
    company = Company(GRADES)
    company.hire("ada", domain=None)
    key = lead("ada")
    company.tell("crm.facts", key, PersonFacts(person=key, owner="ben", at=company.clock.now()))
    company.run()
    company.does("ada")
    company.does("ada")
    assert [(each.recipient, each.owned_as) for each in company.alerts()] == [("ben", "lead_owner")]


def test_nobody_owns_it_nobody_is_told_and_nothing_is_reported() -> None:
    company = Company(BOTH)
    company.hire("ada", "ben")
    for name in ("ada", "ben", "ada", "ben"):
        company.does(name)
    assert (company.alerts(), company.spikes()) == ([], [])
    assert {type(each) for each in company.records("accounts.members")} == {MemberChanged}


def test_without_alerts_in_the_definition_nothing_is_watched() -> None:
    company = Company(SIGNED)
    company.stands(CUSTOMER)
    company.hire("ada", **QUALIFYING)
    for _ in range(3):
        company.does("ada")
    company.hire("ben", domain=None, **QUALIFYING)
    company.does("ben")
    assert len(company.routed()) == 1
    told = [
        type(each).__name__ for topic in ("accounts.members", "routing.requests") for each in company.records(topic)
    ]
    assert (company.spikes(), {"MemberEngaged", "HandoffHeld"} & set(told)) == ([], set())


def test_once_in_a_cool_down_and_again_after_it_when_it_has_fallen_and_risen() -> None:
    company = Company(POINTS)
    company.stands(CUSTOMER)
    company.hire("ada", "ben")
    company.does("ada")
    company.does("ben")
    assert len(company.alerts()) == 1
    company.does("ada")  # above it, and more: no spike
    assert len(company.spikes()) == 1
    company.wait(9 * DAY)
    company.does("ada")
    company.does("ben")
    assert (len(company.alerts()), company.counted("cool_down")) == (1, 1)
    company.wait(9 * DAY)
    company.does("ada")
    company.does("ben")
    first, second = company.alerts()
    assert second.spike.at - first.spike.at == 18 * DAY
    assert company.dead() == []


def test_days_that_have_passed_count_no_more() -> None:
    company = Company(POINTS)
    company.stands(CUSTOMER)
    company.hire("ada", "ben")
    company.does("ada")
    company.wait(7 * DAY)
    company.does("ben")
    assert company.alerts() == []
    company.does("ben", at=company.clock.now() - 8 * DAY)  # reported late
    assert company.alerts() == []


def test_the_same_events_once_more_and_an_alert_that_is_read_twice_say_nothing_new() -> None:
    company = Company(BOTH)
    company.stands(CUSTOMER)
    company.hire("ada", "ben")
    for _ in range(2):
        company.does("ada", id="one")
        company.does("ben", id="two")
    counted = (len(company.spikes()), company.counted("cool_down"))
    for topic in ("accounts.members", "accounts.signals", "accounts.spikes", "routing.requests"):
        for record in company.engine.records(topic):
            company.engine.publish(topic, record.key, record.value, record.headers)
    company.run()
    assert len(company.alerts()) == 1
    assert len(company.engine.records("accounts.alerts")) == 1
    assert len(company.spikes()) == 2 * counted[0], "those that were put there twice, and no others"
    assert company.counted("cool_down") == counted[1]


def test_a_better_letter_is_no_spike_nor_is_another_definition() -> None:
    company = Company(GRADES)
    company.stands(CUSTOMER)
    company.hire("ada")
    company.does("ada")  # D2
    cheaper = DEFINITION.replace("{1: 40, 2: 25, 3: 10}", "{1: 20, 2: 15, 3: 10}")
    company.configure(signed(cheaper + "alerts: {grades: [A1, B1, C1, D1]}\n"))
    company.does("ada", "page_viewed")
    company.traits({"email": "ada@example.com"}, seniority="vp", employees=100)
    company.run()
    assert company.scored(lead("ada"))[-1].grade == "A1"
    assert company.spikes() == []


def test_who_must_not_be_contacted_tips_nothing_over_and_counts_no_more() -> None:
    company = Company(POINTS)
    company.stands(CUSTOMER)
    company.hire("ada", "ben", "col")
    company.does("ada")
    company.does("ada", "unsubscribed")
    company.does("ben")
    assert company.alerts() == []
    company.does("col")
    assert [{each.person for each in alert.spike.people} for alert in company.alerts()] == [{lead("ben"), lead("col")}]


def test_a_visitor_who_turns_out_to_be_the_lead_of_a_handoff_counts_for_its_rep() -> None:
    company = Company(GRADES)
    company.hire("ada", domain=None, **QUALIFYING)
    company.does("ada")
    [routed] = company.routed()
    company.wait(DAY)
    company.act({"anonymous_id": "v1"}, "demo_requested")
    company.alias({"email": "ada@example.com"}, {"anonymous_id": "v1"})
    company.run()
    assert [(each.handoff, each.spike.grade) for each in company.alerts()] == [(routed.handoff, "A1")]


def test_who_was_erased_meanwhile_is_no_alert() -> None:
    company = Company(GRADES)
    company.stands(CUSTOMER)
    company.hire("ada")
    company.does("ada")
    company.does("ada")
    [spike] = company.engine.records("accounts.spikes")
    again = Company(GRADES)
    again.erase(lead("ada"))
    again.engine.publish("accounts.spikes", spike.key, spike.value, spike.headers)
    again.run()
    assert (again.alerts(), again.counted("erased")) == ([], 1)


def _life(company: Company) -> None:
    company.hire("ada", "ben", "col", **QUALIFYING)
    company.does("ada", id="a1")
    company.stands(AccountStanding(owner="ann", open_opportunity=True))
    for day in range(4):
        company.does("ben", "page_viewed", id=f"b{day}")
        company.does("col", id=f"c{day}")
        company.wait(5 * DAY)


@pytest.mark.parametrize("seed", range(12))
def test_crashes_at_every_step_make_the_same_alerts_of_the_same_events(seed: int) -> None:
    calm = Company(BOTH)
    _life(calm)
    faults = Faults(0.15, most=60)
    shaken = Company(BOTH, seed=seed, max_batch=3, faults=faults)
    _life(shaken)
    said: Callable[[Company], list[tuple[object, ...]]] = lambda company: [  # noqa: E731
        (each.recipient, each.owned_as, each.handoff, each.spike.lead, each.spike.kind, each.spike.points)
        for each in company.alerts()
    ]
    assert faults.hits
    assert len(said(calm)) == 2
    assert said(shaken) == said(calm)


def test_who_changes_the_company_counts_where_he_is_and_is_heard_there() -> None:
    company = Company(POINTS)
    company.stands(CUSTOMER)
    company.stands(AccountStanding(owner="ben", open_opportunity=True), domain="other.example")
    company.hire("ada", "ben")
    for _ in range(2):  # two spikes of the first company are heard, one of the second must be heard all the same
        company.does("ben")
        company.does("ada")
        company.wait(20 * DAY)
    company.hire("col", domain="other.example")
    company.does("col")
    company.does("ada")
    company.hire("ada", domain="other.example")
    [*_, alert] = company.alerts()
    assert [each.recipient for each in company.alerts()] == ["ann", "ann", "ben"]
    assert {each.person for each in alert.spike.people} == {lead("ada"), lead("col")}


def test_that_somebody_owns_them_now_or_that_alerts_are_switched_on_is_nobodys_act() -> None:
    company = Company(SIGNED)
    company.hire("ada", "ben")
    company.does("ada")
    company.does("ada")
    company.does("ben")
    company.configure(BOTH)
    company.stands(CUSTOMER)
    assert company.spikes() == []
    company.does("ada", "page_viewed")
    assert company.spikes() == []
    given = Company(BOTH)
    given.hire("ada", domain=None)
    given.does("ada")
    given.does("ada")
    key = lead("ada")
    given.tell("crm.facts", key, PersonFacts(person=key, owner="ben", at=given.clock.now()))
    given.does("ada", "page_viewed")
    assert given.spikes() == []


def test_a_grade_that_time_alone_lifts_is_nobodys_act() -> None:
    company = Company(GRADES)
    company.stands(CUSTOMER)
    company.hire("ada")
    for action in ("careers_viewed", "demo_requested", "demo_requested"):
        company.does("ada", action)
    for _ in range(12 * 4):  # looked at every six hours, by an act that is no reason for another grade
        company.wait(6 * 3_600_000)
        company.does("ada", "newsletter_read")
    assert "D1" in [each.grade for each in company.scored(lead("ada"))]
    assert company.spikes() == []


def test_nobody_is_told_before_the_company_has_said_whose_it_is() -> None:
    company = Company(GRADES)
    company.stands(CUSTOMER)
    key = lead("ada")
    company.tell("crm.facts", key, PersonFacts(person=key, owner="ben", at=company.clock.now()))
    company.run()
    company.traits({"email": "ada@example.com"}, company_domain=ACME)
    company.act({"email": "ada@example.com"}, "demo_requested")
    company.act({"email": "ada@example.com"}, "demo_requested")
    company.run()
    assert [(each.recipient, each.owned_as) for each in company.alerts()] == [("ann", "customer")]


def _backfilled(company: Company, name: str) -> None:
    """Yesterday's two requests, as a backfill says them."""
    yesterday = company.clock.now() - DAY
    act = {"source": "/crm", "time": yesterday, "action": "demo_requested"}
    day = datetime.fromtimestamp(yesterday / 1000, UTC).date().isoformat()
    acts = [{**act, "id": "1"}, {**act, "id": "2"}]
    said = DayBackfilled.model_validate({"person": person(name), "source": "crm", "day": day, "acts": acts})
    company.tell("engagement.bulk", lead(name), said)


def _recounted(company: Company, name: str) -> None:
    """Two requests, as a look-back finds them."""
    other = Company(BOTH)
    other.hire(name, domain=None)
    other.does(name)
    other.does(name)
    packed = b64encode(other.profiles()[lead(name)]).decode()
    now = company.clock.now()
    said = LedgerRecounted(person=lead(name), packed=packed, since=now - 30 * DAY, until=now, config_read=0)
    company.tell("engagement.linked", lead(name), said)


@pytest.mark.parametrize("learn", [_backfilled, _recounted])
@pytest.mark.parametrize("domain", [ACME, None])
def test_what_is_only_now_learnt_of_the_past_is_no_alert_and_neither_is_the_next_small_act(
    learn: Callable[[Company, str], None], domain: str | None
) -> None:
    company = Company(BOTH)
    company.stands(CUSTOMER)
    company.hire("ada", domain=domain)
    company.tell("crm.facts", lead("ada"), PersonFacts(person=lead("ada"), owner="ben", at=company.clock.now()))
    company.run()
    learn(company, "ada")
    company.run()
    assert company.scored(lead("ada"))[-1].grade == "D1", "it did count"
    company.does("ada", "page_viewed")
    assert company.spikes() == []
    company.wait(30 * DAY)
    company.does("ada")
    company.does("ada")
    assert len(company.alerts()) == 1
