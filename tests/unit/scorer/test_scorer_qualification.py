"""A lead's life: scored, qualified with its story, changed by time alone, withdrawn when it is no lead any more."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from baton_schemas.crm import AccountFacts, AccountStanding, Consent, PersonFacts
from baton_schemas.engagement import EngagementRecorded
from baton_schemas.envelope import to_headers
from baton_schemas.keys import handoff_id
from services.runtime.record import Batch, LogRecord
from services.scorer.explanation import explain
from services.scorer.ledger import add, advance
from services.scorer.processors import ScorerProcessor
from services.scorer.profile import Profile
from services.scorer.qualification import Judgement, judge, next_change
from tests.unit.scorer.world import DAY, HOUR, KEYS, MINUTE, NOW, RULES, World, account_of, configured, email, key_of

ADA = email("ada")
KEY = key_of(ADA)


def warm(world: World, who: dict[str, str] = ADA, **traits: Any) -> None:
    """Fit 30, two looks at prices and a demo: 74 points, A1."""
    world.traits(who, seniority="vp", employees=200, **traits)
    world.act(who, "page_viewed", url="https://x.example/pricing")
    world.act(who, "demo_requested", properties={"message": "call me"})
    world.act(who, "page_viewed", url="https://x.example/pricing")
    world.run()


def test_a_lead_qualifies_with_its_story() -> None:
    world = World()
    warm(world, first_name="Ada", company_domain="acme.example")
    (lead,) = world.qualified()
    assert lead.lead == KEY
    assert lead.handoff == handoff_id(KEY, "small", 1)
    assert lead.tier == ("hot" if lead.grade in ("A1", "B1") else "cool")
    assert lead.score >= RULES.enter / 10
    assert lead.contact.email == "ada@example.com"
    assert lead.contact.first_name == "Ada"
    assert lead.account == account_of("acme.example")
    assert {signature.team for signature in lead.signatures} == {"marketing", "sales"}
    assert lead.versions == RULES.versions
    assert lead.dossier.notes == {"message": "call me"}
    assert lead.dossier.evidence[0].startswith("Intent: ")
    assert lead.cause.startswith("/site#e")
    assert world.engine.observed["baton_leads_qualified_total", (lead.tier,)] == 1
    assert world.scored(KEY)[-1].qualified
    assert [line for line in explain(lead) if "Asked for a demo" in line]
    assert explain(world.scored(KEY)[-1])[0].startswith("grade A1")


def test_the_story_says_what_it_was_about_and_how_the_person_came() -> None:
    world = World()
    world.act(ADA, "page_viewed", campaign={"name": "spring", "source": "linkedin"}, properties={"topic": "routing"})
    world.traits(ADA, seniority="vp", employees=200)
    world.run()
    world.engine.advance(3 * HOUR)
    for number in range(2):
        about = {"topic": "sla", "stage": "decision", "title": f"part {number}"}
        world.act(ADA, "page_viewed", url="https://x.example/pricing", properties=about)
        world.run()
        world.engine.advance(MINUTE)
    world.act(ADA, "demo_requested", campaign={"name": "fair", "medium": "mail"})
    world.run()
    [lead] = world.qualified()
    dossier = lead.dossier
    assert [(each.topic, each.stage, each.times) for each in dossier.interests] == [
        ("sla", "decision", 2),
        ("routing", None, 1),
    ]
    assert [(each.subject, each.topic) for each in dossier.engaged][1] == ("part 1", "sla")
    first, last = dossier.first_touch, dossier.last_touch
    assert first is not None
    assert last is not None
    assert (first.at, first.campaign, first.source, first.medium) == (NOW, "spring", "linkedin", None)
    assert (last.at, last.campaign, last.source, last.medium) == (NOW + 3 * HOUR + 2 * MINUTE, "fair", None, "mail")
    assert (first.owner, last.owner) == ("Lena", "Tom"), "who runs the campaign in marketing"
    assert dossier.campaign == "fair"
    assert [each.grade for each in dossier.history] == [each.grade for each in reversed(world.scored(KEY)[:-1])]
    assert dossier.history[0].at >= dossier.history[-1].at
    assert world.scored(KEY)[-1].reasons == [
        "Asked for a demo (+30)",
        "Decides (+20)",
        "Saw prices (+12)",
    ]


def test_points_alone_do_not_qualify() -> None:
    world = World()
    world.traits(ADA, seniority="vp", employees=200)
    for _ in range(20):
        world.act(ADA, "email_clicked")
    world.run()
    assert world.judgement(KEY).score >= RULES.enter
    assert world.qualified() == []
    assert any(word.startswith("Intent") for word in world.scored(KEY)[-1].missing)
    world.act(ADA, "page_viewed", url="https://x.example/pricing")
    world.run()
    assert len(world.qualified()) == 1


def test_a_lead_that_nobody_can_reach_does_not_qualify() -> None:
    world = World()
    visitor = {"anonymous_id": "v"}
    warm(world, visitor)
    assert world.qualified() == []
    assert any("email" in word for word in world.scored(key_of(visitor))[-1].missing)


def test_time_alone_changes_the_grade_without_polling() -> None:
    world = World()
    warm(world)
    before = world.scored(KEY)
    fired = 0
    while world.engine.timers("scorer"):
        (timer,) = world.engine.timers("scorer")
        assert world.scored(KEY)[-1].next_change_at == timer.due
        world.engine.advance(timer.due - world.clock.now())
        world.run()
        fired += 1
        assert fired < 20
    after = world.scored(KEY)[len(before) :]
    assert [score.grade + " " * score.qualified for score in after] == ["A2 ", "A3 ", "A4 ", "A4"]
    assert fired == len(after), "no timer fired for nothing"
    for score in after:
        assert score.cause == f"timer:grade@{score.at}"
        before_it, at_it = world.judgement(KEY, score.at - 1), world.judgement(KEY, score.at)
        assert at_it.grade == score.grade
        assert before_it.grade != at_it.grade or before_it.score >= RULES.exit > at_it.score


def test_below_exit_and_above_enter_again_is_a_new_qualification() -> None:
    world = World()
    world.traits(ADA, seniority="vp")
    world.act(ADA, "demo_requested")
    world.run()
    assert len(world.qualified()) == 1
    world.act(ADA, "demo_requested")
    world.run()
    assert len(world.qualified()) == 1, "hysteresis: still the same qualification"
    world.engine.advance(90 * DAY)
    assert not world.scored(KEY)[-1].qualified
    world.act(ADA, "demo_requested")
    world.run()
    assert [lead.qualification for lead in world.qualified()] == [1, 2]
    assert world.withdrawn() == []


def test_between_exit_and_enter_nothing_flaps() -> None:
    world = World()
    world.traits(ADA, seniority="vp")
    world.act(ADA, "demo_requested")
    world.run()
    world.engine.advance(20 * DAY)
    assert RULES.exit <= world.judgement(KEY).score < RULES.enter
    world.act(ADA, "demo_requested")
    world.run()
    assert len(world.qualified()) == 1


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda world: world.act(ADA, "unsubscribed"), "unsubscribed"),
        (lambda world: world.publish("person.disqualified", {"person": ADA, "reason": "spam"}), "spam"),
        (lambda world: world.traits(ADA, company_domain="rival.example"), "competitor"),
        (lambda world: world.tell("crm.facts", KEY, PersonFacts(person=KEY, do_not_contact=True, at=NOW)),
         "do_not_contact"),
        (lambda world: world.tell("crm.facts", KEY, PersonFacts(person=KEY, disqualified="fake", at=NOW)), "fake"),
        (lambda world: world.tell("crm.facts", KEY, PersonFacts(person=KEY, at=NOW, consents=[
            Consent(purpose="contact", granted=False, source="form", at=NOW)])), "consent_refused"),
    ],
)  # fmt: skip
def test_what_is_no_lead_is_withdrawn_at_once_and_does_not_qualify_again(end: Any, reason: str) -> None:
    world = World()
    warm(world)
    end(world)
    world.run()
    (gone,) = world.withdrawn()
    assert (gone.lead, gone.handoff, gone.reason) == (KEY, world.qualified()[0].handoff, reason)
    assert not world.scored(KEY)[-1].qualified
    world.act(ADA, "demo_requested")
    world.run()
    assert len(world.qualified()) == 1
    assert world.engine.observed["baton_leads_withdrawn_total", (reason,)] == 1


def test_the_crms_newest_word_counts() -> None:
    world = World()
    warm(world)
    world.tell("crm.facts", KEY, PersonFacts(person=KEY, owner="rep1", at=NOW))
    world.tell("crm.facts", KEY, PersonFacts(person=KEY, do_not_contact=True, at=NOW - HOUR))
    world.run()
    assert world.withdrawn() == []


def test_found_to_be_a_customer() -> None:
    world = World()
    warm(world, company_domain="acme.example")
    account = account_of("acme.example")
    facts = AccountFacts(account=account, standing=AccountStanding(customer_since=NOW, owner="rep7"), at=NOW)
    world.tell("crm.facts", account, facts)
    world.run()
    assert [gone.reason for gone in world.withdrawn()] == ["customer"]
    grace = email("grace")
    world.traits(grace, company_domain="acme.example")
    world.run()
    warm(world, grace, company_domain="acme.example")
    world.engine.advance(HOUR)
    (late,) = world.qualified(key_of(grace))
    assert late.standing is not None, "the router tells the owner of a customer (H2)"
    assert (late.standing.owner, late.owner) == ("rep7", "rep7")
    assert len(world.withdrawn()) == 1


def test_colleagues_are_in_the_story() -> None:
    world = World()
    warm(world, company_domain="acme.example", job_title="CTO")
    bob = email("bob")
    world.traits(bob, seniority="vp", employees=200, company_domain="acme.example")
    world.run()
    world.act(bob, "demo_requested")
    world.run()
    (lead,) = world.qualified(key_of(bob))
    (colleague,) = lead.dossier.colleagues
    assert (colleague.person, colleague.job_title) == (KEY, "CTO")


def test_a_qualified_visitor_that_becomes_somebody_is_withdrawn_as_merged() -> None:
    world = World()
    user = {"user_id": "u1"}
    warm(world, user, email="ada@example.com")
    assert len(world.qualified(key_of(user))) == 1
    world.clock.advance(HOUR)
    world.act({**user, **ADA}, "joined")
    world.run()
    (gone,) = [each for each in world.withdrawn() if each.lead == key_of(user)]
    assert (gone.reason, gone.merged_into) == ("merged", KEY)
    assert world.engine.records("leads.scored")[-1].key is not None
    assert (key_of(user).encode(), None) in [(each.key, each.value) for each in world.engine.records("leads.scored")]
    assert world.qualified(KEY)[-1].score == world.judgement(KEY).score / 10


def test_an_unlinked_visitor_takes_its_points_and_the_handoff_with_it() -> None:
    world = World()
    visitor = {"anonymous_id": "v"}
    world.traits(ADA, seniority="vp", employees=200)
    world.act(visitor, "demo_requested")
    world.run()
    world.clock.advance(HOUR)
    world.act({**visitor, **ADA}, "page_viewed")
    world.run()
    assert [lead.lead for lead in world.qualified()] == [KEY]
    world.clock.advance(HOUR)
    world.unlink(visitor)
    world.run()
    assert [gone.reason for gone in world.withdrawn()] == ["unmerged"]
    assert world.judgement(KEY).engagement == 10
    assert world.judgement(key_of(visitor)).engagement == 299


STEPS = st.lists(
    st.tuples(st.sampled_from(["view", "pricing", "click", "demo", "careers", "steady"]), st.integers(0, 40 * 24)),
    min_size=1,
    max_size=12,
)


def judged(steps: list[tuple[str, int]], after: int) -> Judgement:
    profile = Profile()
    start = NOW // HOUR
    for index, (criterion, hour) in enumerate(sorted(steps, key=lambda step: step[1])):
        advance(profile.ledger, start + hour)
        add(profile.ledger, criterion, start + hour, index.to_bytes(6, "big"))
    return judge([profile], RULES, (start + max(hour for _, hour in steps) + after) * HOUR)


CAREERS = [("careers", 351), ("careers", 470), ("careers", 505)]
OTHERS = [("view", 619), ("click", 651), ("click", 789), ("steady", 820), ("demo", 834)]


@settings(max_examples=80, deadline=None)
@given(STEPS, st.integers(0, 30), st.booleans())
@example(steps=[*CAREERS, *OTHERS], after=13, qualified=False).via("the curves are below an hour before the lines are")
def test_the_next_change_is_exactly_when_a_reading_of_each_hour_finds_one(
    steps: list[tuple[str, int]], after: int, qualified: bool
) -> None:
    judgement = judged(steps, after)
    found = next_change(judgement, qualified=qualified)

    def state(hour: int) -> tuple[str, bool]:
        later = judge(judgement.profiles, RULES, hour * HOUR)
        threshold = later.score < RULES.exit if qualified else later.score >= RULES.enter
        return later.grade, threshold

    now = state(judgement.hour)
    if qualified and now[1]:
        return
    last = judgement.hour + 24 * 60 if found is None else min(found, judgement.hour + 24 * 60)
    for hour in range(judgement.hour + 1, last + 1):
        changed = state(hour) != now and not (not qualified and now[1] and state(hour)[0] == now[0])
        assert changed == (hour == found), (hour - judgement.hour, found)


def test_a_timer_without_a_change_sets_the_next() -> None:
    world = World()
    warm(world)
    (timer,) = world.engine.timers("scorer")
    world.act(ADA, "page_viewed", url="https://x.example/pricing")
    world.run()
    told = len(world.scored(KEY))
    assert world.engine.timers("scorer") == [timer], "points more move a change away: the timer may stay"
    world.engine.advance(timer.due - world.clock.now())
    world.run()
    (following,) = world.engine.timers("scorer")
    assert following.due > timer.due
    assert len(world.scored(KEY)) == told


def test_a_coarser_bucket_that_lifts_a_grade_is_told() -> None:
    """12 clicks of midnight, 19.1 points 47 hours later, count from their day's end two hours after that: 23.3."""
    world = World()
    midnight = NOW - NOW % DAY + DAY
    world.clock.advance(midnight - NOW)
    for _ in range(12):
        world.act(ADA, "email_clicked")
    world.run()
    for wait, grade in ((47 * HOUR, "D3"), (2 * HOUR, "D2")):
        world.engine.advance(wait)
        world.act(ADA, "page_viewed")
        world.run()
        last = world.scored(KEY)[-1]
        assert (last.grade, world.judgement(KEY).grade) == (grade, grade)
    assert last.engagement == world.judgement(KEY).engagement / 10


def test_an_event_after_the_due_time_does_what_the_timer_would_have_done() -> None:
    state = dict[bytes, bytes]()
    processor = ScorerProcessor(KEYS)
    told = []
    for index, at in enumerate((NOW, NOW + 60 * DAY)):
        action = ("demo_requested", "page_viewed")[index]
        headers = to_headers(id=str(index), source="/s", type="baton.engagement.recorded.v1", time=at)
        value = EngagementRecorded.model_validate({"person": ADA, "action": action}).to_json()
        record = LogRecord("engagement.events", 0, index, at, KEY.encode(), value, headers)
        effects = processor.process(Batch("engagement.events", 0, [record]), state, configured())
        state.update({key: packed for key, packed in effects.states.items() if packed is not None})
        told += [(send.topic, b'"grade":"D4"' in (send.value or b"")) for send in effects.sends]
    assert told == [("leads.scored", False), ("leads.scored", True)]


def standing_of(world: World, name: str, standing: AccountStanding) -> None:
    """What the CRM says of a company, before anybody of it is known."""
    account = account_of(name)
    world.tell("crm.facts", account, AccountFacts(account=account, standing=standing, at=NOW))
    world.run()


@pytest.mark.parametrize(
    "standing",
    [AccountStanding(open_opportunity=True, owner="rep7"), AccountStanding(customer_since=NOW, owner="rep7")],
)
def test_who_asks_for_a_demo_in_his_first_minute_is_known_by_his_company(standing: AccountStanding) -> None:
    world = World()
    standing_of(world, "acme.example", standing)
    warm(world, company_domain="acme.example")
    (lead,) = world.qualified(KEY)
    assert (lead.standing, lead.owner) == (standing, "rep7"), "so the router makes no new handoff of it (H2)"
    assert lead.cause.startswith("/site#e"), "what qualified it is what it did, not the company's answer"
    assert lead.event_at == NOW
    assert world.withdrawn() == []
    assert [each.qualified for each in world.scored(KEY)][-1]


def test_a_company_of_which_nothing_is_known_answers_too() -> None:
    world = World()
    warm(world, company_domain="acme.example")
    (lead,) = world.qualified(KEY)
    assert (lead.standing, lead.account) == (None, account_of("acme.example"))
    told = len(world.records("accounts.signals"))
    world.act(ADA, "email_clicked")
    world.run()
    assert len(world.records("accounts.signals")) == told, "once"
    world.engine.advance(200 * DAY)
    world.act(ADA, "demo_requested", id="again")
    world.run()
    assert world.qualified(KEY)[-1].cause == "/site#again"
    assert world.qualified(KEY)[-1].event_at == NOW + 200 * DAY


def test_who_moves_to_another_company_qualifies_by_its_answer() -> None:
    world = World()
    world.traits(ADA, seniority="vp", employees=200, company_domain="old.example")
    world.run()
    world.engine.advance(HOUR)
    standing_of(world, "acme.example", AccountStanding(open_opportunity=True, owner="rep7"))
    world.publish("person.identified", {"person": ADA, "traits": {"company_domain": "acme.example"}}, key=KEY)
    world.publish("engagement.recorded", {"person": ADA, "action": "demo_requested"}, key=KEY)
    world.run()
    (lead,) = world.qualified(KEY)
    assert lead.standing is not None
    assert lead.standing.open_opportunity


def test_a_linked_identity_that_hears_twice_of_the_customer_says_so_once() -> None:
    world, bob = World(), email("bob")
    for who in (ADA, bob):
        warm(world, who, company_domain="acme.example")
    world.alias(ADA, bob)
    world.run()
    world.engine.advance(HOUR)
    standing_of(world, "acme.example", AccountStanding(customer_since=NOW, owner="rep7"))
    said = [each for each in world.withdrawn() if each.reason == "customer"]
    assert {each.lead for each in said} == {KEY, key_of(bob)}
    [word] = [
        each for each in world.engine.records("engagement.linked") if b'"reason":"customer"' in (each.value or b"")
    ]
    world.engine.advance(HOUR)
    world.engine.publish("engagement.linked", word.key, word.value, word.headers)  # sent again, after a crash
    world.run()
    assert [each for each in world.withdrawn() if each.reason == "customer"] == said


def test_who_opts_out_before_the_answer_never_qualifies() -> None:
    world = World()
    world.traits(ADA, seniority="vp", employees=200, company_domain="acme.example")
    world.act(ADA, "demo_requested")
    world.act(ADA, "unsubscribed")
    world.run()
    assert world.qualified() == []
