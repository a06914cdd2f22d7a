"""What `baton explain --at` recomputes from a person's own records is what the scorer published, whatever happened."""

from __future__ import annotations

from random import Random

import pytest

from baton_schemas.crm import AccountFacts, AccountStanding, PersonFacts
from baton_schemas.feedback import CriterionPoints, ModelPublished
from baton_schemas.leads import LeadScored
from services.cli.explaining.rebuilding import GLOBALS, INPUTS, Rebuilt, rebuilt
from services.cli.explaining.weighing import weighed
from services.runtime.record import LogRecord
from services.scorer.person import Person
from tests.unit.scorer.world import (
    DAY,
    HOUR,
    KEYS,
    MINUTE,
    RULES,
    SIGNED,
    World,
    account_of,
    contract,
    email,
    key_of,
    signed,
)

PEOPLE = [email("ada"), email("bob"), {"user_id": "u1"}, {"anonymous_id": "v1"}, {"anonymous_id": "v2"}]
KEYS_OF_ALL = [key_of(who) for who in PEOPLE]
ACTIONS = ("page_viewed", "email_clicked", "demo_requested", "careers_viewed", "joined", "unsubscribed")
OTHER = signed(SIGNED.split("signatures:")[0].replace("version: 1", "version: 2").replace("enter: 50", "enter: 40"))


def happened(seed: int) -> World:
    """Some weeks of a few identities, which turn out to be one or another; each moment is worked off before the next."""
    draw, world = Random(seed), World(partitions=3, seed=seed)
    world.run()
    for _ in range(draw.randrange(10, 60)):
        world.engine.advance(draw.choice((MINUTE, HOUR, 9 * HOUR, DAY, 6 * DAY)))
        who, other = draw.sample(PEOPLE, 2)
        at = world.clock.now() - draw.choice((0, 0, HOUR, 3 * DAY))
        kind = draw.random()
        key = draw.choice((key_of(who), None, "session-7", key_of(other)))
        if kind < 0.6:
            url = draw.choice(("/", "/pricing"))
            both = {**other, **who} if draw.random() < 0.3 else who
            data = {"person": both, "action": draw.choice(ACTIONS[: draw.choice((5, 5, 6))]), "url": url}
            world.publish("engagement.recorded", data, at=at, key=key)
        elif kind < 0.75:
            traits = {"seniority": draw.choice(("vp", "student")), "employees": draw.choice((5, 200))}
            traits |= {"company_domain": "acme.example"} if draw.random() < 0.4 else {}
            world.publish("person.identified", {"person": who, "traits": traits}, at=at, key=key)
        elif kind < 0.85:
            world.alias(who, other, at=at)
        elif kind < 0.9:
            world.unlink(who, at=at)
        elif kind < 0.93:
            facts = PersonFacts(person=key_of(who), do_not_contact=draw.random() < 0.3, at=world.clock.now())
            world.tell("crm.facts", key_of(who), facts)
        elif kind < 0.96:
            standing = AccountStanding(owner="rep7", customer_since=world.clock.now() if draw.random() < 0.5 else None)
            account = account_of("acme.example")
            world.tell("crm.facts", account, AccountFacts(account=account, standing=standing, at=world.clock.now()))
        elif kind < 0.98:
            learnt(world, draw)
        else:
            world.apply(draw.choice((SIGNED, OTHER)))
        world.run()
    world.engine.advance(draw.choice((0, DAY, 20 * DAY)))
    return world


def learnt(world: World, draw: Random) -> None:
    points = {name: CriterionPoints(points=signed_points, **{}) for name, signed_points in ()}
    model = ModelPublished(
        definition="small",
        definition_digest=RULES.versions.definition_digest,
        version=draw.randrange(1, 9),
        criteria=points,
        labels=30,
        at=world.clock.now(),
        cause="c",
    )
    world.tell("scoring.models", "small", model)


def own_records(world: World) -> list[LogRecord]:
    """What the search by key would find of these people."""
    keys = {key.encode() for key in (*KEYS_OF_ALL, account_of("acme.example"))}
    records = [record for topic in GLOBALS for record in world.engine.records(topic)]
    return records + [record for topic in INPUTS for record in world.engine.records(topic) if record.key in keys]


def held(world: World) -> dict[str, Person]:
    return {key: one for key in KEYS_OF_ALL if (one := world.person(key)) is not None}


def then(world: World, at: int) -> Rebuilt:
    return rebuilt(KEYS, own_records(world), at, world.clock.scale, held(world))


def published(world: World, key: str, at: int) -> list[LeadScored | None]:
    """All that was published of a lead until then; None where it is no lead any more."""
    found: list[LeadScored | None] = []
    for record in world.engine.records("leads.scored"):
        if record.key == key.encode() and record.timestamp <= at:
            data = None if record.value is None else contract(record)
            assert data is None or isinstance(data, LeadScored)
            found.append(data)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_the_score_as_it_was_is_the_one_that_was_published(seed: int) -> None:
    world, draw = happened(seed), Random(seed)
    began = world.engine.records("baton.config")[0].timestamp
    for _ in range(3):
        at = draw.randrange(began, world.clock.now() + 1)
        past = then(world, at)
        assert past.notes == []
        for key in KEYS_OF_ALL:
            told = published(world, key, at)
            assert [each for each in past.scored if each.lead == key] == [each for each in told if each is not None]
            one = past.people.get(key)
            if one is None or one.root is not None or not told or told[-1] is None:
                continue
            score = weighed(one, past.rules, at, [])
            assert (score.grade, score.fit, score.qualified) == (told[-1].grade, told[-1].fit, told[-1].qualified)
