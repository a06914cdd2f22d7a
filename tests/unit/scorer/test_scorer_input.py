"""Whatever comes in: a named dead letter, or a place in somebody's ledger; the rest of the batch goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from baton_schemas.engagement import EngagementRecorded
from baton_schemas.envelope import STRUCTURED, to_headers
from services.scorer.announcement import cause_of
from services.scorer.intake import HORIZON_MS
from services.scorer.profile import acts_of
from tests.signing import signed
from tests.unit.scorer.world import DAY, DEFINITION, HOUR, MINUTE, NOW, World, contract, email, key_of

ADA = email("ada")
KEY = key_of(ADA)
RECORDED = EngagementRecorded.TYPE


def headers(kind: str = RECORDED, time: int = NOW, **more: bytes) -> tuple[tuple[str, bytes], ...]:
    return (*to_headers(id="x", source="/s", type=kind, time=time), *more.items())


def value(**changes: Any) -> bytes:
    data = {"person": ADA, "action": "joined", **changes}
    return json.dumps({name: each for name, each in data.items() if each is not ...}).encode()


@pytest.mark.parametrize(
    ("record", "code", "field"),
    [
        ((None, b"{", headers()), "invalid_json", "value"),
        ((None, b"\xff\xfe", headers()), "invalid_json", "value"),
        ((None, b'"text"', headers()), "invalid_field", ""),
        ((None, value(action=7), headers()), "invalid_field", "action"),
        ((None, value(action="Page Viewed"), headers()), "invalid_field", "action"),
        ((None, value(properties={"Ada Lovelace": {"deep": 1}}), headers()), "invalid_field", "properties"),
        ((None, value(person=...), headers()), "no_identifier", "person"),
        ((None, value(person={}), headers()), "no_identifier", "person"),
        ((None, value(person={"user_id": "  "}), headers()), "no_identifier", "person"),
        ((None, value(person={"email": 5}), headers()), "invalid_field", "person.email"),
        ((None, value(), headers("baton.unheard.of.v1")), "unknown_type", "ce_type"),
        ((None, value(), ()), "not_cloudevent", "ce_specversion"),
        ((None, value(), (*headers()[:-1], ("ce_time", b"yesterday"))), "not_cloudevent", "time"),
        ((None, None, headers()), "null_value", "value"),
        ((b"\xff\xfe", value(), headers()), "key_not_utf8", "key"),
        ((None, value(url="x" * 2_000_000), headers()), "value_too_large", "value"),
        ((None, value(), headers(time=NOW - HORIZON_MS - 1)), "too_late", "time"),
        ((None, value(), headers(time=-50_000_000_000_000)), "too_late", "time"),
        ((None, b"[1]", (("content-type", STRUCTURED),)), "not_cloudevent", "value"),
    ],
)  # fmt: skip
def test_bad_input_is_a_named_dead_letter_and_the_rest_goes_on(record: Any, code: str, field: str) -> None:
    world = World(max_batch=100, partitions=1)
    world.act(ADA, "joined")
    world.engine.publish("engagement.events", *record)
    world.act(ADA, "joined")
    world.run()
    (letter,) = world.dead()
    assert (letter["baton-dead-code"], letter["baton-dead-field"]) == (code, field)
    assert letter["baton-dead-fix"]
    assert "Lovelace" not in json.dumps({name: each for name, each in letter.items() if name.startswith("baton-dead")})
    (kept,) = world.engine.records("engagement.events.dead")
    assert (kept.key or None, kept.value) == record[:2]
    assert world.judgement(KEY).readings[0].times == 2


def test_a_time_ahead_of_the_log_is_set_back_to_it() -> None:
    world = World()
    world.act(ADA, "joined", at=NOW + 400 * DAY)
    world.act(ADA, "joined", at=NOW + MINUTE)
    world.run()
    assert world.dead() == []
    one = world.person(KEY)
    assert one is not None
    assert one.profile.ledger.newest == NOW // HOUR
    assert [act.at for act in acts_of([one.profile])] == [NOW + MINUTE, NOW]


def test_an_event_without_time_happened_when_it_came_in_and_a_repeat_counts_nothing() -> None:
    world = World()
    bare = tuple(each for each in headers() if each[0] != "ce_time")
    for _ in range(3):
        world.engine.publish("engagement.events", None, value(), bare)
        world.clock.advance(2 * HOUR)
        world.run()
    assert world.judgement(KEY).readings[0].times == 1


def test_structured_events_and_foreign_keys_come_to_the_owner() -> None:
    world = World()
    event = {"specversion": "1.0", "id": "1", "source": "/other", "type": RECORDED, "data": json.loads(value())}
    world.engine.publish("engagement.events", b"any key", json.dumps(event).encode(), (("content-type", STRUCTURED),))
    world.act(ADA, "joined")
    world.engine.publish("engagement.events", KEY.encode(), value(), headers())
    world.run()
    assert world.judgement(KEY).readings[0].times == 3
    sent = world.engine.records("engagement.linked")
    assert {record.key for record in sent} == {KEY.encode()}
    assert {dict(record.headers)["ce_source"] for record in sent} == {b"/other", b"/site"}
    assert all(dict(record.headers)["baton-origin"].startswith(b"engagement.events/") for record in sent)


def test_values_that_no_state_can_hold_are_bounded() -> None:
    world = World()
    huge: dict[str, Any] = {"n": 2**52, "f": 1e308, "text": "y" * 9000, "many": list(range(300)), "none": None}
    world.traits(ADA, **huge)
    for index in range(300):
        one_trait: dict[str, Any] = {f"trait-{index:03}": index}
        world.traits(ADA, at=NOW - index * MINUTE, **one_trait)
    world.act(ADA, "demo_requested", properties={"message": "z" * 5000})
    world.run()
    one = world.person(KEY)
    assert one is not None
    assert len(one.profile.traits) == 64
    assert len(str(one.profile.traits["text"].value)) == 1000
    assert len(one.profile.traits["message"].value) == 1000  # type: ignore[arg-type]  # a text
    assert world.dead() == world.dead("engagement.linked") == []


def test_the_newest_acts_are_kept_and_the_rest_counted() -> None:
    world = World()
    world.traits(ADA, seniority="vp", employees=100)
    for index in range(50):
        world.act(ADA, "page_viewed", at=NOW - index * 9 * HOUR, properties={"title": f"page {index}"})
    world.act(ADA, "demo_requested")
    world.run()
    dossier = world.qualified()[0].dossier
    assert len(dossier.engaged) == 20
    times = [act.at for act in dossier.engaged]
    assert times == sorted(times, reverse=True)
    one = world.person(KEY)
    assert one is not None
    assert len(one.profile.acts) == 20
    counted = sum(line.count for line in dossier.ledger if line.criterion in ("view", "demo"))
    assert dossier.engaged_cut == counted - 20


def test_traits_are_the_latest_by_event_time_trait_by_trait() -> None:
    world = World()
    world.traits(ADA, at=NOW - HOUR, seniority="vp", employees=10)
    world.traits(ADA, at=NOW - 2 * HOUR, seniority="none", country="DE")
    world.traits(ADA, at=NOW, employees=200)
    world.run()
    assert dict(world.judgement(KEY).traits) == {
        "seniority": "vp", "employees": 200, "country": "DE", "email": "ada@example.com",
    }  # fmt: skip


def test_any_actions_and_traits_score_when_the_definition_names_them() -> None:
    """People of a bank's telephone campaign: nothing in the scorer knows of calls, jobs or balances."""
    bank = DEFINITION.replace("seniority, in: [vp, director]", "job, in: [management, technician]")
    bank = bank.replace("employees, gte: 50, lte: 5000", "balance, gte: 2000")
    bank = bank.replace("action: demo_requested", "action: call, when: {property: campaign, lte: 2}")
    world = World(signed(bank))
    rows = [("management", 2143, 1), ("technician", "29", 1), ("management", "2500", 5), ("retired", 9000, 1)]
    for index, (job, balance, campaign) in enumerate(rows):
        who = {"user_id": str(index)}
        world.traits(who, job=job, balance=balance, email=f"c{index}@example.com")
        world.act(who, "call", properties={"campaign": campaign, "contact": "unknown"})
    world.run()
    leads = {lead.contact.email for lead in world.qualified()}
    assert leads == {"c0@example.com", "c1@example.com"}


def test_a_long_cause_is_cut_to_what_a_contract_takes() -> None:
    world = World()
    world.engine.publish(
        "engagement.events", None, value(), to_headers(id="i" * 500, source="/s" * 300, type=RECORDED, time=NOW)
    )
    world.run()
    (score,) = world.scored(KEY)
    assert score.cause == cause_of("/s" * 300, "i" * 500)
    assert len(score.cause) <= 128


def test_nothing_personal_in_keys_headers_and_metrics() -> None:
    world = World()
    world.traits(ADA, first_name="Lovelace", company_domain="acme.example", seniority="vp", employees=100)
    world.act({**ADA, "anonymous_id": "v"}, "demo_requested", url="https://x.example/pricing")
    world.run()
    said = repr(dict(world.engine.observed))
    for topic in world.processor.outputs:
        for record in world.engine.records(topic):
            said += repr((record.key, record.headers))
    for word in ("ada@", "Lovelace", "acme.example"):
        assert word not in said


def test_what_is_sent_is_by_contract() -> None:
    world = World()
    world.traits(ADA, seniority="vp", employees=100, company_domain="acme.example")
    world.act({**ADA, "anonymous_id": "v"}, "demo_requested")
    world.run()
    ids = set()
    for topic in world.processor.outputs:
        for record in world.engine.records(topic):
            if record.value is not None and dict(record.headers)["ce_source"] == b"/baton/scorer":
                assert contract(record).to_json() == record.value, "byte for byte what the contract would write"
                ids.add((topic, dict(record.headers)["ce_id"]))
    assert len(ids) >= 6


def test_what_counts_otherwise_than_it_came_is_told() -> None:
    world = World()
    for _ in range(30):
        world.act(ADA, "joined")
    world.act(ADA, "joined", at=NOW + DAY)
    world.run()
    assert world.judgement(KEY).readings[0].times == 20
    assert world.engine.observed["baton_events_adjusted_total", ("full",)] == 11
    assert world.engine.observed["baton_events_adjusted_total", ("clamped",)] == 1
