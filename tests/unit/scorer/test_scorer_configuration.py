"""What is in force: taken up without restart, refused when broken or unsigned; who asked to be forgotten is."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from baton_schemas.documents.signing import content_digest
from baton_schemas.feedback import CriterionPoints, ModelPublished
from services.runtime.errors import UserError
from services.runtime.memory.engine import Stopped
from services.runtime.settings import load
from services.runtime.sshsig import public_line
from services.scorer.definition import read
from services.scorer.main import processor
from tests.signing import KEYS, SIGNERS, signed
from tests.unit.scorer.world import DAY, DEFINITION, HOUR, RULES, SIGNED, World, email, key_of

ADA = email("ada")
KEY = key_of(ADA)


def test_without_configuration_the_lane_waits_and_says_so() -> None:
    world = World("")
    world.act(ADA, "joined")
    with pytest.raises(Stopped) as stop:
        world.run()
    assert "no configuration" in repr(stop.value.__cause__ or stop.value)
    world.apply(SIGNED)
    world.run()
    assert world.judgement(KEY).engagement == 40


@pytest.mark.parametrize("broken", [DEFINITION, SIGNED.replace("enter: 50", "enter: 40"), "name: small\nvershion: 2\n"])
def test_an_unsigned_altered_or_broken_definition_leaves_the_last_in_force(broken: str) -> None:
    world = World()
    world.act(ADA, "joined")
    world.run()
    world.apply(broken)
    world.act(ADA, "demo_requested")
    world.run()
    assert world.scored(KEY)[-1].versions == RULES.versions
    assert world.processor.in_force.refusal
    assert world.engine.observed["baton_config_refused_total", ("scorer",)] == 1


def test_a_definition_whose_signer_is_listed_no_more_leaves_the_last_in_force() -> None:
    world = World()
    world.act(ADA, "joined")
    world.run()
    other = public_line(Ed25519PrivateKey.generate())
    again = signed(DEFINITION.replace("version: 1", "version: 2"))
    world.apply(again, signers=SIGNERS.replace(public_line(KEYS["sales"]), other))
    world.act(ADA, "demo_requested")
    world.run()
    assert world.scored(KEY)[-1].versions == RULES.versions
    assert "key that is not listed" in (world.processor.in_force.refusal or "")
    world.apply(again, signers="marketing: []")
    world.act(ADA, "joined")
    world.run()
    assert world.scored(KEY)[-1].versions == RULES.versions
    assert world.engine.observed["baton_config_refused_total", ("scorer",)] == 2


def test_a_new_definition_and_model_judge_at_the_next_event_or_timer() -> None:
    world = World()
    world.traits(ADA, seniority="vp")
    world.act(ADA, "page_viewed", url="https://x.example/pricing")
    world.run()
    assert world.qualified() == []
    second = signed(
        DEFINITION.replace("version: 1", "version: 2").replace("enter: 50, exit: 35", "enter: 26, exit: 20")
    )
    world.apply(second)
    world.run()
    assert world.qualified() == [], "nobody is judged before something happens"
    world.act(ADA, "unknown_action")
    world.run()
    (lead,) = world.qualified()
    assert lead.versions.definition_version == 2
    model = ModelPublished(
        definition="small",
        definition_digest=content_digest(read(second, "d")),
        version=1,
        parent=0,
        criteria={"boss": CriterionPoints(points=2, signed=20)},
        labels=9,
        at=world.clock.now(),
        cause="c",
    )
    world.tell("scoring.models", "small", model)
    world.act(ADA, "unknown_action")
    world.run()
    last = world.scored(KEY)[-1]
    assert (last.versions.model_version, last.fit, last.qualified) == (1, 2.0, False)


def test_a_model_is_taken_up_by_a_timer_too() -> None:
    world = World()
    world.act(ADA, "demo_requested")
    world.run()
    (timer,) = world.engine.timers("scorer")
    second = signed(DEFINITION.replace("version: 1", "version: 2"))
    world.apply(second)
    world.engine.advance(timer.due - world.clock.now())
    world.run()
    assert world.scored(KEY)[-1].versions.definition_version == 2


def test_who_is_erased_is_withdrawn_at_the_next_touch_and_older_events_are_ignored() -> None:
    world = World()
    visitor = {"anonymous_id": "v"}
    world.traits(ADA, seniority="vp", employees=100)
    world.act({**ADA, **visitor}, "demo_requested", id="first")
    world.run()
    assert len(world.qualified()) == 1
    world.clock.advance(HOUR)
    world.erase(KEY)
    old = world.clock.now() - 2
    world.clock.advance(HOUR)
    world.act(ADA, "demo_requested", at=old)
    world.run()
    assert [gone.reason for gone in world.withdrawn()] == ["erased"]
    assert world.person(KEY) is None
    assert [each.value for each in world.engine.records("leads.scored") if each.key == KEY.encode()][-1] is None
    left = world.person(key_of(visitor))
    assert left is not None
    assert left.root is None
    assert left.profile.traits == {}
    assert world.engine.observed["baton_events_total", ("baton.engagement.recorded.v1", "erased")] == 1
    world.clock.advance(DAY)
    world.act(ADA, "joined")
    world.run()
    assert world.judgement(KEY).score == 40, "who comes back later is a new person"


def test_a_fast_clock_is_the_same_code() -> None:
    world = World()
    world.act(ADA, "demo_requested")
    world.run()
    world.engine.advance(100 * DAY)
    assert world.scored(KEY)[-1].grade == "D4"


def test_the_scorer_needs_its_secret() -> None:
    with pytest.raises(UserError, match="BATON_PERSON_KEY_SECRET"):
        processor(load(person_key_secret="", person_key_secret_file=None))
    wired = processor(load(person_key_secret="s"))
    assert (wired.name, wired.inputs[0]) == ("scorer", "engagement.events")


def test_a_new_definition_under_which_the_grade_is_the_same_has_a_next_change_of_its_own() -> None:
    world = World()
    world.traits(ADA, seniority="vp")
    world.act(ADA, "demo_requested")
    world.run()
    faster = "points: 30, half_life_days: 30, cap: 45"
    assert faster in DEFINITION
    world.apply(signed(DEFINITION.replace(faster, "points: 30, half_life_days: 2, cap: 45")))
    world.act(ADA, "opened")
    world.run()
    before = world.scored(KEY)[-1]
    world.engine.advance(2 * DAY)
    world.engine.run_until_idle()
    assert (before.grade, world.scored(KEY)[-1].grade) == ("B2", "B3")
