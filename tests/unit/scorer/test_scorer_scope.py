"""Several definitions in force: whom each judges, what a lead keeps of the others, and which can't be together."""

from __future__ import annotations

import re
from typing import Any

import pytest

from baton_schemas.crm import AccountFacts, AccountStanding
from baton_schemas.feedback import LeadRecycled
from baton_schemas.leads import LeadQualified
from services.runtime.errors import UserError
from services.scorer.definition import compile_rules, read
from services.scorer.person import Lead, Standing
from services.scorer.scope import MOST_ASIDE, MOST_DEFINITIONS, move, together
from tests.signing import signed
from tests.unit.scorer.world import BIG, BOTH, DAY, DEFINITION, MINUTE, SIGNED, World, account_of, email, key_of

ADA, BEN = email("ada"), email("ben")
KEY = key_of(ADA)
SMALL_FIRM: dict[str, Any] = {"seniority": "vp", "employees": 100}
BIG_FIRM: dict[str, Any] = {"seniority": "vp", "employees": 9000}


def both(*, here: str = SIGNED) -> World:
    world = World("")
    world.apply(BIG, here)
    return world


def qualify(world: World, who: dict[str, str] = ADA, **traits: Any) -> None:
    world.traits(who, **traits)
    world.act(who, "page_viewed", url="/pricing")
    world.clock.advance(MINUTE)
    world.act(who, "demo_requested")
    world.run()


def by(world: World) -> list[str]:
    return [each.versions.definition for each in world.qualified()]


def test_each_person_is_judged_by_the_first_definition_that_applies() -> None:
    world = both()
    qualify(world, **SMALL_FIRM)
    qualify(world, BEN, **BIG_FIRM)
    assert {each.lead: each.versions.definition for each in world.qualified()} == {KEY: "small", key_of(BEN): "big"}
    [lines] = [{line.criterion for line in each.ledger} for each in world.scored(key_of(BEN))[-1:]]
    assert "then_demo" in lines, "a sequence that only the definition for big firms has"
    assert all(line.criterion != "then_demo" for line in world.scored(KEY)[-1].ledger)


def test_who_comes_under_another_definition_brings_all_it_did_and_is_told_of() -> None:
    world = both()
    qualify(world, **SMALL_FIRM)
    world.clock.advance(MINUTE)
    world.traits(ADA, employees=9000)
    world.run()
    last = world.scored(KEY)[-1]
    assert last.versions.definition == "big"
    assert {"pricing", "demo", "then_demo"} <= {line.criterion for line in last.ledger}


def test_the_handoff_under_another_definition_stays_and_who_comes_back_is_as_it_was() -> None:
    world = both()
    qualify(world, **SMALL_FIRM)
    world.clock.advance(DAY)
    world.traits(ADA, employees=9000)
    world.act(ADA, "page_viewed", url="/pricing")
    world.run()
    assert by(world) == ["small", "big"]
    assert len({each.handoff for each in world.qualified()}) == 2
    assert [each.qualification for each in world.qualified()] == [1, 2]
    for employees in (100, 9000, 100):
        world.clock.advance(DAY)
        world.traits(ADA, employees=employees)
        world.run()
    assert by(world) == ["small", "big"], "nobody is announced again for having moved"
    assert world.withdrawn() == []
    assert world.scored(KEY)[-1].qualified


def test_what_forbids_a_person_takes_back_its_handoffs_under_every_definition() -> None:
    world = both()
    qualify(world, **SMALL_FIRM)
    world.clock.advance(DAY)
    world.traits(ADA, employees=9000)
    world.act(ADA, "page_viewed", url="/pricing")
    world.run()
    announced = {each.handoff for each in world.qualified()}
    world.act(ADA, "unsubscribed")
    world.run()
    world.traits(ADA, job_title="CTO")
    world.run()
    assert sorted(each.handoff for each in world.withdrawn()) == sorted(announced), "each of them once"
    assert {each.reason for each in world.withdrawn()} == {"unsubscribed"}


def moved_after_it_qualified(world: World, **traits: Any) -> set[str]:
    """Ada has a handoff as a lead for small firms, and one for big firms, which judges; answers both."""
    qualify(world, **SMALL_FIRM, **traits)
    world.clock.advance(DAY)
    world.traits(ADA, employees=9000)
    world.act(ADA, "page_viewed", url="/pricing")
    world.run()
    announced = {each.handoff for each in world.qualified()}
    assert len(announced) == 2
    return announced


def test_a_customer_is_withdrawn_once_under_every_definition() -> None:
    world = both()
    announced = moved_after_it_qualified(world, company_domain="acme.example")
    account = account_of("acme.example")
    standing = AccountStanding(owner="ann", customer_since=world.clock.now())
    world.tell("crm.facts", account, AccountFacts(account=account, standing=standing, at=world.clock.now()))
    world.run()
    world.traits(ADA, job_title="CTO")
    world.run()
    assert sorted(each.handoff for each in world.withdrawn()) == sorted(announced)
    assert {each.reason for each in world.withdrawn()} == {"customer"}


def test_an_erasure_takes_back_its_handoffs_under_every_definition() -> None:
    world = both()
    announced = moved_after_it_qualified(world)
    world.erase(KEY)
    world.act(ADA, "page_viewed")
    world.run()
    assert sorted(each.handoff for each in world.withdrawn()) == sorted(announced)


def test_what_forbids_the_person_an_identity_belongs_to_takes_back_both_handoffs_of_the_identity() -> None:
    world = both()
    announced = moved_after_it_qualified(world)
    world.clock.advance(MINUTE)
    world.alias(BEN, ADA)
    world.run()
    one = world.person(KEY)
    assert one is not None
    assert one.root == key_of(BEN)
    world.clock.advance(MINUTE)
    world.act(BEN, "unsubscribed")
    world.run()
    said = [each.handoff for each in world.withdrawn() if (each.lead, each.reason) == (KEY, "unsubscribed")]
    assert sorted(said) == sorted(announced)


def test_an_erasure_of_whom_an_identity_belongs_to_takes_back_both_handoffs_of_the_identity() -> None:
    world = both()
    announced = moved_after_it_qualified(world)
    world.clock.advance(MINUTE)
    world.alias(BEN, ADA)
    world.run()
    world.clock.advance(MINUTE)
    world.erase(key_of(BEN))
    world.act(BEN, "page_viewed")
    world.run()
    said = [each.handoff for each in world.withdrawn() if (each.lead, each.reason) == (KEY, "erased")]
    assert sorted(said) == sorted(announced)


def test_who_moves_is_told_of_by_its_new_definition_though_the_grade_is_the_same() -> None:
    world = both()
    world.traits(ADA, employees=10)
    world.run()
    world.clock.advance(MINUTE)
    world.traits(ADA, employees=9000)
    world.run()
    assert [(each.grade, each.versions.definition) for each in world.scored(KEY)] == [("D4", "small"), ("D4", "big")]


def test_what_is_told_to_owners_is_the_same_under_all_definitions() -> None:
    alerting = compile_rules(read(alone("one", "", "version: 1\n", ALERTS.format(40)), "test"))
    quiet = compile_rules(read(alone("two", SCOPE), "test"))
    assert {rules.alerts for rules in together([quiet, alerting]).rules} == {alerting.alerts}


def test_a_disqualifier_of_one_definition_leaves_what_another_announced() -> None:
    world = both()
    qualify(world, **SMALL_FIRM)
    world.clock.advance(DAY)
    world.traits(ADA, employees=9000, company_domain="rival.example")
    world.run()
    assert world.withdrawn() == []
    assert world.scored(KEY)[-1].versions.definition == "big"


def test_an_action_that_ends_a_lead_ends_it_under_a_definition_that_does_not_name_it() -> None:
    rule = "  - {reason: unsubscribed, label: Opted out, action: unsubscribed}\n"
    here = signed(DEFINITION.replace(rule, ""))
    there = alone("big", "applies_to: {trait: employees, gt: 5000}\n", "reason: unsubscribed", "reason: opted_out")
    world = World("")
    world.apply(signed(there), here)
    qualify(world, **SMALL_FIRM)
    world.act(ADA, "unsubscribed")
    world.run()
    assert [each.reason for each in world.withdrawn()] == ["opted_out"]


def test_the_word_of_sales_is_for_the_definition_whose_handoff_it_was() -> None:
    world = both()
    qualify(world, **SMALL_FIRM)
    [first] = [each for each in world.qualified() if isinstance(each, LeadQualified)]
    world.clock.advance(DAY)
    world.traits(ADA, employees=9000)
    world.run()
    no = LeadRecycled(
        lead=KEY,
        handoff=first.handoff,
        reason="no_budget",
        at=world.clock.now(),
        not_before=world.clock.now() + 90 * DAY,
        versions=first.versions,
        cause="sales",
    )
    world.tell("leads.recycled", KEY, no)
    world.run()
    one = world.person(KEY)
    assert one is not None
    assert (one.lead.definition, one.lead.rested_at) == ("big", 0)
    assert one.lead.aside["small"].rest_reason == "no_budget"
    world.clock.advance(DAY)
    world.act(ADA, "page_viewed", url="/pricing")
    world.run()
    assert by(world) == ["small", "big"]
    world.traits(ADA, employees=100)
    world.act(ADA, "demo_requested")
    world.run()
    assert by(world) == ["small", "big"], "it rests under the definition for small firms"


def test_to_whom_no_definition_applies_is_no_lead_and_the_reason_is_said() -> None:
    world = World(BIG)
    qualify(world, **SMALL_FIRM)
    assert world.qualified() == []
    assert "is no lead: no definition applies to it" in world.scored(KEY)[-1].missing
    world.clock.advance(MINUTE)
    qualify(world, employees=9000)
    assert by(world) == ["big"]
    world.clock.advance(DAY)
    world.traits(ADA, employees=10)
    world.run()
    assert [each.reason for each in world.withdrawn()] == ["out_of_scope"]


def test_a_definition_that_takes_the_place_of_another_announces_nobody_again() -> None:
    world = World(SIGNED)
    qualify(world, **SMALL_FIRM)
    world.apply(signed(DEFINITION.replace("name: small", "name: renamed")))
    world.clock.advance(DAY)
    world.act(ADA, "page_viewed", url="/pricing")
    world.run()
    assert by(world) == ["small"]
    assert world.scored(KEY)[-1].qualified


def test_a_definition_that_comes_first_takes_over_whom_it_applies_to_at_their_next_event() -> None:
    world = World(SIGNED)
    qualify(world, **BIG_FIRM)
    assert world.scored(KEY)[-1].versions.definition == "small"
    world.apply(BIG, SIGNED)
    world.clock.advance(MINUTE)
    world.act(ADA, "opened")
    world.run()
    assert world.scored(KEY)[-1].versions.definition == "big"


def alone(name: str, scope: str = "", old: str = "", new: str = "") -> str:
    text = DEFINITION.replace("name: small\n", f"name: {name}\n{scope}")
    assert old in text
    return text.replace(old, new, 1)


SCOPE = "applies_to: {trait: country, equals: DE}\n"
ALERTS = "alerts: {{account_points: {}, within_days: 7, cool_down_days: 14}}\nversion: 1\n"


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([alone("one"), alone("two")], "definitions one, two: each is for everybody - say `applies_to` in all but one"),
        ([alone("one"), alone("one", SCOPE)], "definition 'one': given twice"),
        (
            [alone("one"), alone("two", SCOPE, "contains: /pricing", "contains: /prices")],
            "definitions one, two: pricing: count different things under one id",
        ),
        (
            [
                alone("one", "", "version: 1\n", ALERTS.format(40)),
                alone("two", SCOPE, "version: 1\n", ALERTS.format(50)),
            ],
            "definitions one, two: alerts: an account is one - say the same",
        ),
        (
            [alone(f"n{number}", SCOPE) for number in range(MOST_DEFINITIONS + 1)],
            f"9 definitions: at most {MOST_DEFINITIONS} at a time",
        ),
    ],
)
def test_definitions_that_can_not_be_in_force_together_are_refused_by_name(texts: list[str], said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        together([compile_rules(read(text, "test")) for text in texts])


def test_a_refused_set_leaves_the_last_one_in_force() -> None:
    world = both()
    qualify(world, **SMALL_FIRM)
    world.apply(SIGNED, signed(alone("other")))
    world.act(ADA, "joined")
    world.run()
    assert "each is for everybody" in (world.processor.in_force.refusal or "")
    assert world.scored(KEY)[-1].versions.definition == "small"


def test_a_protected_attribute_decides_on_no_definition() -> None:
    with pytest.raises(UserError, match="applies_to: looks at `gender`, which is protected"):
        read(alone("one", "applies_to: {trait: gender, equals: f}\n"), "test")


def test_the_oldest_standing_put_aside_goes_first() -> None:
    lead = Lead(definition="old", last="h0")
    for number in range(MOST_ASIDE + 1):
        lead.aside[f"gone-{number}"] = Standing(last=f"h{number}")
    assert not move(lead, "big", BOTH), "what is not in force any more is followed, not put aside"
    assert (lead.last, lead.definition) == ("h0", "big")
    assert move(lead, "small", BOTH)
    assert list(lead.aside) == [*(f"gone-{number}" for number in range(2, MOST_ASIDE + 1)), "big"]
    assert (lead.last, lead.aside["big"].last) == (None, "h0")
