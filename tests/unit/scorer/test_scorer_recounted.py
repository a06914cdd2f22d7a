"""What a look-back tells the scorer: counted for before it is in force, joined, and judged when it is."""

from __future__ import annotations

from base64 import b64encode

import pytest

from baton_schemas.configuration import COMING_KEY, DefinitionComing
from baton_schemas.documents.signing import content_digest
from baton_schemas.identity import LedgerRecounted
from services.runtime.memory.engine import Stopped
from services.scorer.definition import read
from services.scorer.profile import Profile, pack
from tests.signing import SIGNERS, signed, signed_by, signed_by_others
from tests.unit.scorer.world import DAY, DEFINITION, SIGNED, World, email, key_of

ANN = email("ann")
KEY = key_of(ANN)
COMING = DEFINITION.replace(
    "required:", "  - {id: talk, label: Talked, action: talked, points: 45, half_life_days: 30}\nrequired:"
)
NEXT = signed(COMING.replace("version: 1", "version: 2"))


def announce(world: World, text: str, signers: str = SIGNERS) -> None:
    definition = read(text, "coming")
    data = DefinitionComing(
        name=definition.name,
        version=definition.version,
        digest=content_digest(definition),
        text=text,
        signers=signers,
        at=0,
    )
    world.tell("baton.config", COMING_KEY, data)


def recount(world: World, packed: bytes | None, *, config_read: int = 0, since: int = 0, key: str = KEY) -> None:
    told = None if packed is None else b64encode(packed).decode()
    now = world.clock.now()
    data = LedgerRecounted(person=key, packed=told, since=since, until=now, config_read=config_read)
    world.tell("engagement.linked", key, data)


def lines(world: World) -> set[str]:
    one = world.person(KEY)
    assert one is not None
    return set(one.profile.ledger.lines)


def result(world: World, name: str) -> float:
    return world.engine.observed["baton_events_total", ("baton.ledger.recounted.v1", name)]


def test_what_is_coming_is_counted_and_judges_nobody() -> None:
    world = World()
    announce(world, NEXT)
    world.act(ANN, "talked")
    world.run()
    assert "talk" in lines(world)
    assert world.judgement(KEY).engagement == 0


def test_what_comes_with_other_signers_is_counted_though_those_in_force_do_not_know_them() -> None:
    text, signers = signed_by_others(COMING)
    world = World()
    announce(world, text, signers)
    world.act(ANN, "talked")
    world.run()
    assert "talk" in lines(world)


@pytest.mark.parametrize("text", [COMING, signed_by("sales", COMING)], ids=["unsigned", "by one team"])
def test_what_is_not_signed_by_both_is_not_counted_for(text: str) -> None:
    world = World()
    announce(world, text)
    world.act(ANN, "talked")
    world.act(ANN, "email_clicked")
    world.run()
    assert lines(world) == {"*", "click"}


def test_what_was_found_is_joined_and_judged_when_the_definition_is_in_force() -> None:
    world = World()
    world.traits(ANN, seniority="vp", employees=100)
    world.act(ANN, "page_viewed", url="/pricing")
    world.run()
    announce(world, NEXT)
    found = World(NEXT)
    found.act(ANN, "talked", id="talk-1")
    found.run()
    one = found.person(KEY)
    assert one is not None
    for _ in range(2):
        recount(world, pack(one.profile))
        world.run()
    assert (result(world, "recounted"), result(world, "repeated")) == (1, 1)
    assert world.qualified() == []
    world.apply(NEXT)
    world.run()
    assert world.qualified() == [], "nothing has touched her since"
    recount(world, None)
    recount(world, None)
    world.run()
    [lead] = world.qualified()
    assert lead.lead == KEY
    assert lead.cause.startswith("/crm#c"), "the cause is the record that had her judged"


def test_who_has_not_read_the_configuration_waits() -> None:
    world = World()
    recount(world, pack(Profile()), config_read=10_000)
    with pytest.raises(Stopped, match="look-back"):
        world.run()


def test_an_erasure_after_what_was_read_keeps_it_out() -> None:
    world = World(SIGNED)
    world.act(ANN, "email_clicked")
    world.run()
    one = world.person(KEY)
    assert one is not None
    packed = pack(one.profile)
    world.clock.advance(DAY)
    world.erase(KEY)
    world.clock.advance(DAY)
    recount(world, packed, since=world.clock.now() - 30 * DAY)
    world.run()
    assert result(world, "erased") == 1
    assert world.person(KEY) is None or not lines(world)


def test_a_linked_identity_passes_on_what_was_found() -> None:
    world, visitor = World(), {"anonymous_id": "v1"}
    world.act({**ANN, **visitor}, "email_clicked")
    world.act(visitor, "email_clicked")
    world.run()
    found = World()
    for _ in range(3):
        found.act(visitor, "email_clicked")
    found.run()
    key = key_of(visitor)
    one = found.person(key)
    assert one is not None
    before = world.judgement(KEY).engagement
    recount(world, pack(one.profile), key=key)
    world.run()
    assert world.judgement(KEY).engagement > before
