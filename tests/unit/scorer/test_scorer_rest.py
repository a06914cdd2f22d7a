"""Sales said no: the lead rests, and then it takes something new to offer it again. Nothing flaps."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given, settings

from baton_schemas.feedback import LeadRecycled
from baton_schemas.leads import LeadQualified
from tests.unit.scorer.test_scorer_qualification import ADA, KEY, warm
from tests.unit.scorer.world import DAY, HOUR, MINUTE, RULES, World, email, key_of


def recycled(world: World, *, days: int = 30, lead: str = KEY, revoked: bool = False, handoff: str = "") -> None:
    """Sales gives the last handoff back, or takes it up again."""
    now = world.clock.now()
    data = LeadRecycled(
        lead=lead,
        handoff=handoff or world.qualified(lead)[-1].handoff,
        reason="not_now",
        not_before=None if revoked else now + days * DAY,
        revoked=revoked,
        versions=RULES.versions,
        at=now,
        cause="test",
    )
    world.tell("leads.recycled", lead, data)
    world.run()


def test_it_rests_for_as_long_as_sales_said_and_says_so() -> None:
    world = World()
    warm(world)
    recycled(world, days=30)
    assert not world.scored(KEY)[-1].qualified
    assert any(each.startswith("rests until 2026-04-01: not_now") for each in world.scored(KEY)[-1].missing)
    world.engine.advance(29 * DAY)
    world.act(ADA, "demo_requested")
    world.run()
    assert len(world.qualified(KEY)) == 1
    world.engine.advance(DAY + HOUR)
    world.run()
    assert len(world.qualified(KEY)) == 2, "the rest is over, and it had asked again meanwhile"
    assert world.qualified(KEY)[-1].cause.startswith("timer:")


def test_after_the_rest_it_takes_something_new() -> None:
    world = World()
    warm(world)
    world.engine.advance(HOUR)
    recycled(world, days=2)
    world.engine.advance(3 * DAY)
    world.run()
    assert len(world.qualified(KEY)) == 1
    assert any(each.startswith("something new since sales said no") for each in world.scored(KEY)[-1].missing)
    world.act(ADA, "email_clicked")
    world.run()
    assert len(world.qualified(KEY)) == 1, "a click is not what the definition asks for"
    world.act(ADA, "page_viewed", url="https://x.example/pricing")
    world.run()
    assert len(world.qualified(KEY)) == 2


def test_sales_takes_it_up_again() -> None:
    world = World()
    warm(world)
    recycled(world)
    recycled(world, revoked=True)
    assert world.scored(KEY)[-1].qualified
    world.engine.advance(HOUR)
    world.act(ADA, "demo_requested")
    world.run()
    assert len(world.qualified(KEY)) == 1, "the handoff is open again"


def test_a_word_on_an_older_handoff_and_a_repeat_change_nothing() -> None:
    world = World()
    warm(world)
    old = world.qualified(KEY)[0].handoff
    recycled(world, days=1)
    world.engine.advance(2 * DAY)
    world.act(ADA, "demo_requested")
    world.run()
    assert len(world.qualified(KEY)) == 2
    told = len(world.scored(KEY))
    recycled(world, handoff=old)
    assert len(world.scored(KEY)) == told


def test_the_root_rests_for_what_was_said_of_a_linked_identity() -> None:
    world, bob = World(), email("bob")
    for who in (ADA, bob):
        warm(world, who)
    world.alias(ADA, bob)
    world.run()
    world.engine.advance(HOUR)
    for lead in (KEY, key_of(bob)):
        recycled(world, days=10, lead=lead)
    assert not world.scored(KEY)[-1].qualified
    world.engine.advance(9 * DAY)
    world.act(ADA, "demo_requested")
    world.run()
    assert len(world.qualified()) == 2
    world.engine.advance(2 * DAY)
    world.run()
    assert [each.lead for each in world.qualified()][2:] == [KEY]


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["page_viewed", "demo_requested", "email_clicked", "careers_viewed", "recycled", "revoked"]),
        st.integers(1, 40 * 24),
    ),
    min_size=4,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_nothing_flaps(steps: list[str | int]) -> None:
    """Offered again only after it fell below exit or sales said no; after a no, only when the rest is over, and for a
    demo or prices that came after the no."""
    world = World(partitions=1)
    warm(world)
    asked: list[int] = []
    said: list[tuple[int, int]] = []
    for step in steps:
        world.engine.advance(MINUTE)
        now = world.clock.now()
        if isinstance(step, int):
            world.engine.advance(step * HOUR)
        elif step in ("recycled", "revoked"):
            recycled(world, days=20, revoked=step == "revoked")
            said = [*said, (now, now + 20 * DAY)] if step == "recycled" else said[:-1]
        else:
            world.act(ADA, step, url="https://x.example/pricing")
            asked += [now] if step in ("page_viewed", "demo_requested") else []
        world.run()
    offers: list[LeadQualified] = world.qualified(KEY)
    for before, after in pairwise(offers):
        between = [each for each in world.scored(KEY) if before.at < each.at <= after.at and not each.qualified]
        assert between or before.at == after.at
        for no, until in said:
            if before.at < no <= after.at and (no, until) == max(each for each in said if each[0] <= after.at):
                assert after.at >= until
                assert any(no // HOUR < at // HOUR and at <= after.at for at in asked)
