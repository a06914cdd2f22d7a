"""What `baton explain --at` recomputes from a person's own records is what the scorer published, whatever happened."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from baton_schemas.crm import AccountFacts, AccountStanding, PersonFacts
from baton_schemas.feedback import CriterionPoints, LeadRecycled, ModelPublished
from baton_schemas.leads import LeadQualified, LeadScored
from services.cli.explaining.document import Score
from services.cli.explaining.rebuilding import GLOBALS, INPUTS, Rebuilt, rebuilt
from services.cli.explaining.weighing import weighed
from services.runtime.record import LogRecord
from services.scorer.definition import Rules
from services.scorer.person import Person
from tests.signing import signed
from tests.unit.scorer.world import (
    DAY,
    HOUR,
    KEYS,
    MINUTE,
    RICH,
    RICH_RULES,
    RULES,
    SIGNED,
    World,
    account_of,
    contract,
    email,
    key_of,
)

PEOPLE = [email("ada"), email("bob"), {"user_id": "u1"}, {"anonymous_id": "v1"}, {"anonymous_id": "v2"}]
KEYS_OF_ALL = [key_of(who) for who in PEOPLE]
ACTIONS = ("page_viewed", "email_clicked", "demo_requested", "careers_viewed", "joined", "unsubscribed")


def another(text: str) -> str:
    """The next version of a definition."""
    return signed(
        text.split("signatures:", maxsplit=1)[0].replace("version: 1", "version: 2").replace("enter: 50", "enter: 40")
    )


OTHER = another(SIGNED)
SETS = ((RULES, (SIGNED, OTHER)), (RICH_RULES, (RICH, another(RICH))))


def happened(seed: int) -> World:
    """Weeks of a few identities, which turn out to be one or another; each moment is worked off before the next."""
    rules, texts = SETS[seed % 2]
    draw, world = Random(seed), World(texts[0], partitions=3, seed=seed)
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
        elif kind < 0.97:
            learnt(world, draw, rules)
        elif kind < 0.99 and (offered := world.qualified()):
            recycled(world, draw.choice(offered), revoked=draw.random() < 0.3)
        else:
            world.apply(draw.choice(texts))
        world.run()
    world.engine.advance(draw.choice((0, DAY, 20 * DAY)))
    return world


def learnt(world: World, draw: Random, rules: Rules) -> None:
    model = ModelPublished(
        definition=rules.definition.name,
        definition_digest=rules.versions.definition_digest,
        version=len(world.engine.records("scoring.models")) + 1,
        criteria={"demo": CriterionPoints(points=draw.choice((24.0, 33.0)), signed=30.0)},
        labels=30,
        at=world.clock.now(),
        cause="c",
    )
    world.tell("scoring.models", rules.definition.name, model)


def recycled(world: World, offered: LeadQualified, *, revoked: bool) -> None:
    now = world.clock.now()
    data = LeadRecycled(
        lead=offered.lead,
        handoff=offered.handoff,
        reason="not_now",
        not_before=None if revoked else now + 5 * DAY,
        revoked=revoked,
        versions=offered.versions,
        at=now,
        cause="c",
    )
    world.tell("leads.recycled", offered.lead, data)


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


def said(score: LeadScored) -> LeadScored:
    """All of it but its cause: of several records of one instant, another may be the first that is worked off."""
    return score.model_copy(update={"cause": "any"})


def adds_up(score: Score) -> bool:
    """Lines to fit and engagement, these to the score, reasons to movements: in tenths, exactly."""

    def sum_of(points: Iterable[float]) -> int:
        return sum(round(each * 10) for each in points)

    fit = sum_of(line.points for line in score.lines if line.kind == "fit")
    engagement = sum_of(line.points for line in score.lines if line.kind != "fit")
    assert (fit, engagement) == (round(score.fit * 10), round(score.engagement * 10))
    for each in score.movements:
        assert sum_of(reason.points for reason in each.reasons) == sum_of((each.to_score, -each.from_score))
    return fit + engagement == round(score.score * 10)


@pytest.mark.parametrize("seed", range(25))
def test_the_score_as_it_was_is_the_one_that_was_published(seed: int) -> None:
    world, draw = happened(seed), Random(seed)
    began = world.engine.records("baton.config")[0].timestamp
    for _ in range(3):
        at = draw.randrange(began, world.clock.now() + 1)
        past = then(world, at)
        assert past.notes == []
        for key in KEYS_OF_ALL:
            told = published(world, key, at)
            one, again = past.people.get(key), [each for each in past.scored if each.lead == key]
            if not told or told[-1] is None:
                assert one is None or one.root is not None or not again
                continue
            assert said(again[-1]) == said(told[-1])
            assert one is not None
            assert one.root is None
            score = weighed(one, past.definitions, at, again)
            assert adds_up(score)
            if score.versions != told[-1].versions:  # judged anew at its next event
                continue
            assert (score.grade, score.fit, score.qualified) == (told[-1].grade, told[-1].fit, told[-1].qualified)


def test_what_the_topics_have_lost_is_said() -> None:
    world = World()
    who = email("ada")
    world.act(who, "demo_requested")
    world.run()
    world.engine.advance(DAY)
    middle = world.clock.now()
    world.engine.advance(HOUR)
    world.act(who, "page_viewed", url="/pricing")
    world.apply(OTHER)
    world.run()
    records = own_records(world)
    assert rebuilt(KEYS, records, middle, world.clock.scale, held(world)).notes == []

    events = [each for each in records if "engagement" not in each.topic or b"demo" not in (each.value or b"")]
    assert "no longer hold all" in rebuilt(KEYS, events, middle, world.clock.scale, held(world)).notes[0]

    manifests = [each for each in records if each.key == b"set/active"]
    compacted = rebuilt(
        KEYS, [each for each in records if each != manifests[0]], middle, world.clock.scale, held(world)
    )
    assert "the definition in force then is no longer on the topic; judged by small version 2," in compacted.notes[0]
    assert [each.definition.version for each in compacted.definitions.rules] == [2]


def test_an_event_under_another_key_is_found_where_it_was_sent_on() -> None:
    world = World()
    world.publish("engagement.recorded", {"person": email("ada"), "action": "demo_requested"}, key="session-7")
    world.run()
    past = then(world, world.clock.now())
    assert past.notes == []
    assert [
        line.points
        for line in weighed(past.people[key_of(email("ada"))], past.definitions, world.clock.now(), []).lines
    ] == [30]
