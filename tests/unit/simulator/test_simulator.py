"""The simulated world: the same from the same seed, as rich as promised, and acting by contracts alone."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

from baton_schemas.engagement import Identifiers
from baton_schemas.feedback import OutcomeReported
from baton_schemas.leads import Contact, Dossier, Engaged, LeadQualified, LeadWithdrawn, Versions
from baton_schemas.routing import Clock, Decision, LeadHandedOver, LeadRouted
from services.cli.publishing.cloudevents import parse_cloud_event
from services.runtime.effects import Send
from services.runtime.record import LogRecord
from services.simulator.desks import Desks
from services.simulator.journeys import HOUR_MS
from services.simulator.odds import truth
from services.simulator.people import Person
from services.simulator.reps import plan
from services.simulator.world import World, build

START = 1_772_434_800_000


def key_of(person: Identifiers) -> str:
    return str(person.email or person.anonymous_id)


@cache
def world(seed: int = 7) -> World:
    return build(seed=seed, people=2000, start=START, length_ms=12 * HOUR_MS, key_of=key_of)


def test_equal_seeds_give_equal_worlds_and_other_seeds_others() -> None:
    again = build(seed=7, people=2000, start=START, length_ms=12 * HOUR_MS, key_of=key_of)
    assert again.emissions == world().emissions
    assert world(8).emissions != world().emissions


def test_it_is_as_rich_as_promised() -> None:
    emissions = world().emissions
    assert 18_000 < len(emissions) < 24_000
    assert [each.at for each in emissions] == sorted(each.at for each in emissions)
    actions = Counter(
        json.loads(each.send.value).get("action")
        for each in emissions
        if each.send.value and each.send.value.startswith(b'{"person":{')
    )
    wanted = {"page_viewed", "email_opened", "email_clicked", "form_submitted", "webinar_attended", "pricing_viewed"}
    assert wanted | {"demo_requested"} <= set(actions)
    ids = Counter(dict(each.send.headers).get("ce_id") for each in emissions)
    assert sum(count > 1 for count in ids.values()) > 200, "repeats"
    assert world().poisoned >= 10
    companies = Counter(person.company.domain for person in world().people)
    assert max(companies.values()) <= 7
    assert len(companies) < 700
    anonymous = {each.send.key for each in emissions if b"visitor-" in each.send.key}
    assert len(anonymous) > 500, "visits before being known"


def test_all_but_the_poison_is_what_the_contracts_say() -> None:
    bad = 0
    for _, send in world().emissions[::7]:
        try:
            headers = {name.removeprefix("ce_"): value.decode() for name, value in send.headers}
            parse_cloud_event(headers | {"data": json.loads(send.value or b"null")})
        except Exception:  # noqa: BLE001 - poison fails in many ways
            bad += 1
    assert bad <= world().poisoned


def routed(person: Person, version: int = 1, rep: str = "rep-1", actions: tuple[str, ...] = ()) -> LeadRouted:
    engaged = [Engaged(action=action, at=START) for action in actions]
    qualified = LeadQualified(
        lead="k1.lead", handoff=f"h{person.number}", qualification=1, contact=Contact(email=person.email), grade="A1",
        tier="hot", fit=50, engagement=30, score=80, dossier=Dossier(ledger=[], engaged=engaged), signatures=[],
        versions=Versions(definition="d", definition_version=1, definition_digest="x", model_version=0),
        at=START, event_at=START, cause="c",
    )  # fmt: skip
    clock = Clock(policy="p", calendar="c", started_at=START, due_at=START + HOUR_MS)
    return LeadRouted(
        lead="k1.lead", handoff=f"h{person.number}", version=version, change="assigned", rep=rep, team="t", pool="p",
        clock=clock, decision=Decision(reason="next_turn", config_set="s"), qualified=qualified, at=START, cause="c",
    )  # fmt: skip


def test_reps_do_everything_that_reps_do() -> None:
    kinds: Counter[str] = Counter()
    for person in world().people[1:1500]:
        answers = plan(routed(person), person, ["rep-1", "rep-2"], seed=1)
        assert answers == plan(routed(person), person, ["rep-1", "rep-2"], seed=1)
        kinds.update(answer.data.kind for answer in answers if isinstance(answer.data, OutcomeReported))
        kinds["forgotten"] += not answers
        first = next(iter(answers), None)
        kinds["late"] += first is not None and first.at > START + HOUR_MS
    wanted = ("touched", "accepted", "rejected", "passed_on", "opportunity", "won", "lost", "forgotten", "late")
    assert all(kinds[kind] > 10 for kind in wanted), kinds


def test_the_truth_rewards_what_hand_set_points_underrate() -> None:
    person = world().people[5]
    assert truth(person, {"webinar_attended"}).won > truth(person, {"content_downloaded"}).won
    assert truth(None, {"webinar_attended"}).won < 0.1


def record(data: LeadRouted | LeadWithdrawn | LeadHandedOver) -> LogRecord:
    headers = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/r"), ("ce_type", data.TYPE.encode()))
    return LogRecord("leads.routed", 0, 0, START, b"k", data.to_json(), headers)


def reported(sends: list[Send]) -> list[tuple[str, str | None]]:
    outcomes = [OutcomeReported.model_validate_json(s.value or b"") for s in sends if b'"kind"' in (s.value or b"")]
    return [(outcome.kind, outcome.rep) for outcome in outcomes]


def test_the_protagonist_is_forgotten_once_and_then_won() -> None:
    hero = world().protagonist
    desks = Desks(world().people, seed=1)
    desks.take(record(routed(hero)))
    assert desks.due(START + 100 * HOUR_MS) == []
    desks.take(record(routed(hero, 2, "rep-2")))
    desks.take(record(routed(hero, 2, "rep-2")))
    told = reported(desks.due(START + 100 * HOUR_MS))
    assert told == [("touched", "rep-2"), ("accepted", "rep-2"), ("opportunity", "rep-2"), ("won", "rep-2")]


def test_who_handed_a_lead_over_reports_no_more_of_it() -> None:
    hero = world().protagonist
    desks = Desks(world().people, seed=1)
    desks.take(record(routed(hero, 2, "rep-2")))
    handoff = routed(hero).handoff
    over = LeadHandedOver(lead="k1.lead", handoff=handoff, version=3, to="h9", at=START, cause="c")
    desks.take(record(over))
    assert desks.due(START + 100 * HOUR_MS) == []


def test_a_lead_that_was_taken_away_or_withdrawn_is_not_called_by_the_old_rep() -> None:
    diligent = next(p for p in world().people[1:] if len(plan(routed(p), p, ["rep-1"], seed=1)) > 2)
    desks = Desks(world().people, seed=1)
    desks.take(record(routed(diligent)))
    desks.take(record(routed(diligent, 2, "rep-2")))
    assert {rep for _, rep in reported(desks.due(START + 100 * HOUR_MS))} <= {"rep-2"}
    desks = Desks(world().people, seed=1)
    desks.take(record(routed(diligent)))
    gone = LeadWithdrawn(lead="k1.lead", handoff=f"h{diligent.number}", version=2, reason="erased", at=START, cause="c")
    desks.take(record(gone))
    assert desks.due(START + 100 * HOUR_MS) == []
