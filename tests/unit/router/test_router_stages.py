"""Two stages of sales: the BDR's opportunity ends his handoff and begins the AE's, once, with what the BDR wrote."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from baton_schemas.configuration import ErasureRequested
from baton_schemas.crm import AccountStanding
from baton_schemas.feedback import InsightReported, Notification
from baton_schemas.keys import handoff_id, sale_id
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadHandedOver, SlaEvent
from services.router.chain import LONGEST_NOTE, MOST_NOTES
from services.router.checks import check
from services.router.handoff import LeadState
from services.router.packing import Packing
from services.runtime.memory import Faults
from tests.unit.router.story import DAY, DOCUMENTS, HOUR, MINUTE, Story
from tests.unit.router.test_router_old_state import ACCEPTED

ROOT = Path(__file__).parents[3]
TERRITORIES = """
elsewhere: unrouted
territories:
  - {name: dach, countries: [DE, AT], stage: qualify, team: dach, pool: inbound, policy: standard}
  - {name: big, countries: [DE], employees: {from: 1000}, team: big, pool: named, policy: standard}
  - {name: dach-sales, countries: [DE, AT], stage: sell, team: field, pool: german, policy: sell}
"""
TEAMS = (
    DOCUMENTS["teams"]
    + """
  - name: field
    manager: head
    calendar: berlin
    reps: [{id: eva, capacity: 3}, {id: fay, capacity: 3}]
    pools: [{name: german, members: [{rep: eva}, {rep: fay}]}]
"""
)
SLA = (
    DOCUMENTS["sla"]
    + """
  - name: sell
    tiers:
      hot: {first_touch_minutes: 60, warn_at: 0.5, reassign_after_minutes: 30, max_reassignments: 1}
    otherwise: hot
"""
)
TWO_STAGES = {"territories": TERRITORIES, "teams": TEAMS, "sla": SLA}


def two_stages(**more: Any) -> Story:
    return Story(**{**TWO_STAGES, **more})


def handed_over(story: Story, lead: str = "k1", **outcome: Any) -> tuple[str, str]:
    """A lead that its BDR (ann) has qualified: both handoffs."""
    first = story.qualify(lead)
    story.report(lead, first, "opportunity", rep=story.owner(first), **outcome)
    return first, sale_id(first)


def test_an_opportunity_of_the_bdr_begins_a_handoff_of_the_ae() -> None:
    story = two_stages()
    first, second = handed_over(story)
    assert [routed.stage for routed in story.routed(first)] == ["qualify"]
    (routed,) = story.routed(second)
    assert (routed.stage, routed.rep, routed.team) == ("sell", "eva", "field")
    assert routed.decision.match is not None
    assert routed.decision.match.territory == "dach-sales"
    assert (routed.version, routed.change, routed.clock.policy) == (1, "assigned", "sell")
    assert routed.qualified.handoff == second
    (told,) = story.told("leads.routed", LeadHandedOver)
    assert (told.handoff, told.to, told.version, told.rep) == (first, second, 2, "ann")
    state = story.lead("k1")
    assert (state.handoffs[first].stage, state.handoffs[second].stage) == ("handed_over", "open")
    assert state.active("b2b") is state.handoffs[second]


def test_the_first_clock_is_met_and_its_turn_is_served() -> None:
    story = two_stages()
    story.wait(5 * MINUTE)
    first, _ = handed_over(story)
    assert story.steps(first) == ["started", "met"]
    assert story.load() == {}
    assert story.qualify("k2")
    assert story.load() == {"ben": 1}, "ann had her turn"


def test_the_second_clock_starts_at_the_handover() -> None:
    story = two_stages()
    first = story.qualify("k1")
    story.wait(15 * MINUTE)
    story.report("k1", first, "touched", rep="ann")
    story.wait(2 * HOUR)
    story.report("k1", first, "opportunity", rep="ann")
    second = sale_id(first)
    (started,) = story.sla(second)
    assert (started.step, started.at, started.stage) == ("started", story.now, "sell")
    assert {event.stage for event in story.told("sla.events", SlaEvent, first)} == {"qualify"}
    assert started.due_at == story.now + 60 * MINUTE
    story.wait(61 * MINUTE)
    assert story.steps(second) == ["started", "warned", "breached"]
    assert story.steps(first) == ["started", "warned", "met"]


def test_what_the_bdr_wrote_goes_along_in_order() -> None:
    story = two_stages()
    first = story.qualify("k1")
    at = story.now
    story.report("k1", first, "accepted", rep="ann", note="Budget is there", at=at)
    story.report("k1", first, "touched", rep="ann", channel="phone", note=" Call after four ", at=at - 1000)
    story.report("k1", first, "touched", note="sequence step 3", automated=True)
    story.report("k1", first, "passed_on", rep="ann", to="ben", note="Speaks French")
    story.report("k1", first, "opportunity", rep="ben", note="Wants a demo on Friday")
    (routed,) = story.routed(sale_id(first))
    told = routed.qualified.dossier.sales_qualified
    assert told is not None
    assert (told.handoff, told.rep, told.notes_cut) == (first, "ben", 0)
    assert [(note.kind, note.text, note.channel) for note in told.notes] == [
        ("touched", "Call after four", "phone"),
        ("accepted", "Budget is there", None),
        ("passed_on", "Speaks French", None),
        ("opportunity", "Wants a demo on Friday", None),
    ]


def test_what_the_bdr_found_out_goes_along_once() -> None:
    story = two_stages()
    first = story.qualify("k1")
    story.report("k1", first, "touched", rep="ann", note="Call after four", at=story.now - 2000)
    insight = InsightReported(lead="k1", handoff=first, pains=["Leads wait", " "], budget="40k", at=story.now - 1000)
    for _ in range(2):
        story.put("feedback.events", "k1", insight)
    story.run()
    story.report("k1", first, "opportunity", rep="ann")
    story.put("feedback.events", "k1", insight.model_copy(update={"need": "too late for the dossier"}))
    story.run()
    [routed] = story.routed(sale_id(first))
    told = routed.qualified.dossier.sales_qualified
    assert told is not None
    assert [(note.kind, note.text) for note in told.notes] == [
        ("touched", "Call after four"),
        ("pains", "Leads wait"),
        ("budget", "40k"),
    ]
    handoff = story.lead("k1").handoffs[first]
    assert handoff.chain is not None
    assert handoff.chain.notes == [], "nothing personal is kept once it is handed over"


def test_notes_are_bounded_and_the_newest_are_kept() -> None:
    story = two_stages()
    first = story.qualify("k1")
    for number in range(MOST_NOTES + 3):
        story.report("k1", first, "touched", rep="ann", note=f"{number} " + "x" * 2 * LONGEST_NOTE)
    story.report("k1", first, "opportunity", rep="ann")
    told = story.routed(sale_id(first))[0].qualified.dossier.sales_qualified
    assert told is not None
    assert [note.text.split()[0] for note in told.notes] == [str(n) for n in range(3, MOST_NOTES + 3)]
    assert told.notes_cut == 3
    assert {len(note.text) for note in told.notes} == {LONGEST_NOTE}


def test_one_stage_is_as_it_was() -> None:
    story = Story()
    first = story.qualify("k1")
    story.report("k1", first, "opportunity", rep="ann", note="good")
    assert story.lead("k1").handoffs[first].stage == "opportunity"
    assert story.told("leads.routed", LeadHandedOver) == []
    assert b'"stage"' not in b"".join(r.value or b"" for r in story.engine.records("leads.routed"))
    assert b'"stage"' not in b"".join(r.value or b"" for r in story.engine.records("sla.events"))


def test_a_territory_without_a_stage_keeps_one_rep_beside_those_with() -> None:
    story = two_stages()
    first = story.qualify("k1", employees=5000)
    story.report("k1", first, "opportunity", rep="pia")
    assert story.lead("k1").handoffs[first].stage == "opportunity"
    assert list(story.lead("k1").handoffs) == [first]


def test_reported_twice_there_is_one_second_handoff() -> None:
    story = two_stages()
    first, second = handed_over(story)
    story.copy("feedback.events", -1)
    story.report("k1", first, "opportunity", rep="ann")
    assert list(story.lead("k1").handoffs) == [first, second]
    assert len(story.routed(second)) == 1
    assert story.dead() == []


def test_while_the_ae_has_it_the_person_gets_no_third() -> None:
    story = two_stages()
    _, second = handed_over(story)
    third = story.qualify("k1", n=2)
    (refused,) = story.unrouted(third)
    assert (refused.reason, refused.tell) == ("already_open", story.owner(second))


@pytest.mark.parametrize("kind", ["won", "lost", "rejected", "accepted", "touched", "released", "passed_on"])
def test_what_is_reported_on_the_first_afterwards_changes_nothing(kind: str) -> None:
    story = two_stages()
    first, second = handed_over(story)
    before = story.lead("k1").handoffs[second]
    story.report("k1", first, kind, rep="ann", to="ben", reason="not_now")
    assert story.lead("k1").handoffs[first].stage == "handed_over"
    assert story.lead("k1").handoffs[second] == before
    assert story.dead() == []


def test_the_first_is_not_opened_again() -> None:
    story = two_stages()
    first, _ = handed_over(story)
    story.report("k1", first, "reopened", rep="ann")
    assert story.dead() == ["impossible_order"]


@pytest.mark.parametrize("kind", ["won", "lost", "rejected"])
def test_the_bdr_hears_what_became_of_the_lead(kind: str) -> None:
    story = two_stages()
    _, second = handed_over(story)
    story.report("k1", second, "accepted", rep="eva")
    story.report("k1", second, kind, rep="eva", reason="not_now")
    assert story.notes("ann")[-1] == f"Your lead was {kind}"
    assert story.lead("k1").handoffs[second].stage == kind
    (note,) = [n for n in story.told("notifications", Notification) if n.subject == f"Your lead was {kind}"]
    assert "not now" in note.text


def test_the_ae_whom_the_bdr_names_is_asked_first() -> None:
    story = two_stages()
    _, second = handed_over(story, to="fay")
    assert story.owner(second) == "fay"


def test_an_owner_who_sells_is_asked_first_and_a_bdr_who_owns_is_not() -> None:
    story = two_stages()
    first = story.qualify("k1", standing=AccountStanding(owner="ben"))
    assert story.owner(first) == "ben"
    story.report("k1", first, "opportunity", rep="ben")
    assert story.owner(sale_id(first)) == "eva"
    other = story.qualify("k2")
    story.person("k2", owner="eva")
    story.report("k2", other, "opportunity", rep=story.owner(other))
    assert story.owner(sale_id(other)) == "eva", "though it is not her turn"


def test_an_ae_who_had_the_first_keeps_the_lead() -> None:
    story = two_stages()
    first = story.qualify("k1", owner="fay")
    assert story.owner(first) == "fay"
    story.report("k1", first, "opportunity", rep="fay")
    assert story.owner(sale_id(first)) == "fay"
    other = story.qualify("k2")
    story.report("k2", other, "owner_changed", rep="boss", to="fay")
    story.report("k2", other, "opportunity", rep="fay")
    assert story.owner(sale_id(other)) == "fay", "though it is not her turn, and nobody's account"


def test_an_opportunity_before_any_bdr_had_it_is_handed_over_all_the_same() -> None:
    full = TEAMS.replace("{id: ann, capacity: 3}, {id: ben, capacity: 3}, {id: cyn, capacity: 3}",
                         "{id: ann, capacity: 1}, {id: ben, capacity: 0}, {id: cyn, capacity: 0}")  # fmt: skip
    story = two_stages(teams=full)
    story.qualify("k0")
    first = story.qualify("k1")
    assert story.owner(first) is None
    story.report("k1", first, "opportunity")
    assert story.owner(sale_id(first)) == "eva"
    assert story.team("dach").queue == []


def test_when_nobody_sells_any_more_the_bdr_keeps_the_opportunity() -> None:
    story = two_stages()
    first = story.qualify("k1")
    story.configure()
    story.report("k1", first, "opportunity", rep="ann")
    assert story.lead("k1").handoffs[first].stage == "opportunity"
    assert "Your opportunity stays with you" in story.notes("ann")


def test_who_sells_takes_no_lead_that_nobody_qualified_however_specific() -> None:
    narrow = (
        "  - {name: de, countries: [DE], employees: {from: 10}, stage: sell, team: field, pool: german, policy: sell}\n"
    )
    story = two_stages(territories=TERRITORIES + narrow)
    first = story.qualify("k1", employees=20)
    (routed,) = story.routed(first)
    assert routed.decision.match is not None
    assert (routed.decision.match.territory, routed.decision.match.passed_over) == ("dach", [])
    story.report("k1", first, "opportunity", rep="ann")
    (sold,) = story.routed(sale_id(first))
    assert sold.decision.match is not None
    assert (sold.decision.match.territory, sold.decision.match.passed_over) == ("de", ["dach-sales"])


def test_a_selling_territory_that_is_renamed_keeps_its_leads() -> None:
    story = two_stages()
    _, second = handed_over(story)
    story.configure(**{**TWO_STAGES, "territories": TERRITORIES.replace("dach-sales", "dach-field")})
    story.report("k1", second, "released", rep="eva")
    assert story.owner(second) == "fay"
    assert story.lead("k1").handoffs[second].territory == "dach-field"


def test_how_long_it_took_to_find_a_rep_counts_from_the_handover() -> None:
    story = two_stages()
    first = story.qualify("k1")
    story.wait(3 * HOUR)
    story.report("k1", first, "opportunity", rep="ann")
    assert story.owner(sale_id(first)) == "eva"
    assert story.engine.observed["baton_qualified_to_routed_seconds", ()] == 0
    assert story.engine.observed["baton_leads_handed_over_total", ("dach",)] == 1


def test_withdrawing_the_qualification_withdraws_the_ae() -> None:
    story = two_stages()
    first, second = handed_over(story)
    story.withdraw("k1", first)
    assert [gone.handoff for gone in story.told("leads.routed", LeadWithdrawn)] == [second]
    assert story.load("field") == {}
    assert story.steps(second) == ["started", "closed"]


def test_an_erasure_covers_the_story_that_was_handed_on() -> None:
    story = two_stages()
    first = story.qualify("k1")
    story.wait(HOUR)
    story.report("k1", first, "opportunity", rep="ann", note="Ada's direct line is 12")
    erasure = ErasureRequested(person="k1", at=story.now - 30 * MINUTE)
    story.engine.publish("privacy.erasures", b"k1", erasure.to_json())
    story.report("k1", sale_id(first), "touched", rep="eva")
    assert [gone.reason for gone in story.told("leads.routed", LeadWithdrawn, sale_id(first))] == ["erased"]
    packed = story.engine.state("router")[b"l:k1"]
    assert b"direct line" not in packed
    assert b"example.com" not in packed


def test_the_first_keeps_nothing_personal_once_it_is_handed_over() -> None:
    story = two_stages()
    first, _ = handed_over(story, note="Ada's direct line is 12")
    handoff = story.lead("k1").handoffs[first]
    assert handoff.qualified == b""
    assert handoff.chain is not None
    assert handoff.chain.notes == []


def test_an_answer_of_the_ae_that_overtakes_the_handover_is_held() -> None:
    story = two_stages()
    first = story.qualify("k1")
    story.report("k1", sale_id(first), "touched", rep="eva")
    story.report("k1", first, "opportunity", rep="ann")
    story.wait(1)
    assert story.dead() == []
    assert story.steps(sale_id(first)) == ["started", "met"]


def test_a_place_under_contact_pressure_is_taken_once() -> None:
    pressed = SLA + "contact_pressure: {per_person: {handoffs: 1, days: 30}, per_account: {handoffs: 1, days: 30}}\n"
    story = two_stages(sla=pressed)
    first = story.qualify("k1", account="k1.acme")
    story.report("k1", first, "opportunity", rep="ann")
    assert story.owner(sale_id(first)) == "eva"
    assert len(story.account("k1.acme").places) == 1


def test_a_crash_anywhere_makes_exactly_one_second_handoff() -> None:
    for seed in range(40):
        story = two_stages(seed=seed, faults=Faults(0.15, most=30), max_batch=1)
        _, second = handed_over(story)
        assert [told.to for told in story.told("leads.routed", LeadHandedOver)] == [second], seed
        assert [routed.version for routed in story.routed(second)] == [1], seed
        assert story.load("field") == {story.owner(second): 1}, seed
        assert story.load() == {}, seed


def test_state_without_stages_is_read_on() -> None:
    for handoff in Packing(LeadState).unpack(b64decode(ACCEPTED)).handoffs.values():
        assert handoff.chain is None


def test_both_are_forgotten_in_time() -> None:
    story = two_stages()
    _, second = handed_over(story)
    story.report("k1", second, "lost", rep="eva", reason="price")
    story.wait(91 * DAY)
    assert story.lead("k1").blank


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("stage: sell, ", "", "nobody sells"),
        ("stage: qualify, ", "", "nobody qualifies"),
        ("countries: [DE, AT], stage: sell", "countries: [DE], stage: sell", "'dach' qualifies a lead with country AT"),
        ("pool: german", "pool: french", "'french' is no pool"),
        ("elsewhere: unrouted", "elsewhere: covered", "nobody takes a lead with country"),
    ],
)
def test_stages_that_cannot_work_are_refused(old: str, new: str, problem: str) -> None:
    assert old in TERRITORIES
    anywhere = "  - {name: sales, catch_all: true, stage: sell, team: field, pool: german, policy: sell}\n"
    more = anywhere if "elsewhere" in old else ""
    changed = {**DOCUMENTS, **TWO_STAGES, "territories": TERRITORIES.replace(old, new) + more}
    problems = check({(kind, kind): text for kind, text in changed.items()})  # type: ignore[misc]
    assert any(problem in each for each in problems), problems


def test_the_example_passes_and_works() -> None:
    texts = {kind: (ROOT / "config" / f"{kind}.yaml").read_text() for kind in DOCUMENTS}
    texts |= {path.stem: path.read_text() for path in (ROOT / "config" / "examples" / "two-stages").glob("*.yaml")}
    assert check({(kind, kind): text for kind, text in texts.items()}) == []  # type: ignore[misc]
    story = two_stages(**texts)
    first = story.qualify("k1", country="DE")
    assert story.routed(first)[0].team == "bdr-berlin"
    story.report("k1", first, "opportunity", rep=story.owner(first), note="ready to buy")
    (routed,) = story.routed(sale_id(first))
    assert (routed.team, routed.clock.policy) == ("ae-dach", "sell")
    large = story.qualify("k2", country="FR", employees=5000)
    story.report("k2", large, "opportunity", rep=story.owner(large))
    assert len(story.told("leads.routed", LeadHandedOver)) == 1


def test_in_one_team_with_two_pools_the_bdr_does_not_get_his_own_lead_back() -> None:
    teams = """
teams:
  - name: dach
    manager: boss
    calendar: berlin
    reps: [{id: ann, capacity: 3}, {id: ben, capacity: 3}, {id: eva, capacity: 3}]
    pools: [{name: inbound, members: [{rep: ann}, {rep: ben}]}, {name: closers, members: [{rep: eva}]}]
"""
    territories = """
elsewhere: unrouted
territories:
  - {name: dach, countries: [DE, AT], stage: qualify, team: dach, pool: inbound, policy: standard}
  - {name: dach-sales, countries: [DE, AT], stage: sell, team: dach, pool: closers, policy: standard}
"""
    story = Story(territories=territories, teams=teams)
    first, second = handed_over(story)
    assert (story.owner(first), story.owner(second)) == ("ann", "eva")


def test_a_long_sale_is_withdrawn_by_the_qualification_that_began_it() -> None:
    story = two_stages()
    first, second = handed_over(story)
    story.report("k1", second, "opportunity", rep=story.owner(second))
    story.wait(100 * DAY)
    story.withdraw("k1", first)
    assert story.dead("leads.qualified") == []
    assert story.owner(second) is None


def test_what_came_before_both_handoffs_is_heard_in_one_go() -> None:
    story = two_stages()
    first = handoff_id("k1", "b2b", 1)
    story.report("k1", first, "opportunity", rep="ann", run=False)
    story.report("k1", sale_id(first), "touched", rep="eva")
    story.qualify("k1")
    assert story.steps(sale_id(first)) == ["started", "met"]
