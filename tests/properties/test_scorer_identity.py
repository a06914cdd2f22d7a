"""Identity over partitions: links, moves and unlinks in any order end at the same roots with the same scores."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from baton_schemas.identity import IdentityLinked
from tests.unit.scorer.world import HOUR, NOW, World, key_of

VISITORS = [{"anonymous_id": f"a{n}"} for n in range(2)]
USERS = [{"user_id": f"u{n}"} for n in range(2)]
MAILS = [{"email": f"m{n}@example.com"} for n in range(2)]
ANYBODY = [*VISITORS, *USERS, *MAILS]


def both(weaker: dict[str, str], stronger: dict[str, str]) -> dict[str, str]:
    return {**weaker, **stronger}


STEP = st.one_of(
    st.tuples(st.just("act"), st.sampled_from(ANYBODY)),
    st.tuples(st.just("act"), st.builds(both, st.sampled_from(VISITORS), st.sampled_from([*USERS, *MAILS]))),
    st.tuples(st.just("act"), st.builds(both, st.sampled_from(USERS), st.sampled_from(MAILS))),
    st.tuples(st.just("act"), st.builds(both, st.builds(both, st.sampled_from(VISITORS), st.sampled_from(USERS)),
                                        st.sampled_from(MAILS))),
    st.tuples(st.just("unlink"), st.sampled_from([*VISITORS, *USERS])),
)  # fmt: skip


def expected(steps: list[tuple[str, dict[str, str]]]) -> dict[str, int]:
    """The links that the latest evidence leaves, and with them each root's page views."""
    parent: dict[str, str | None] = {}
    views: dict[str, int] = {}
    for kind, who in steps:
        if kind == "unlink":
            parent[key_of(who)] = None
            continue
        owner = key_of(who)
        views[owner] = views.get(owner, 0) + 1
        for name in ("user_id", "anonymous_id"):
            if name in who and (weaker := key_of({name: who[name]})) != owner:
                parent[weaker] = owner
    total: dict[str, int] = {}
    for key, number in views.items():
        root: str = key
        while (above := parent.get(root)) is not None:
            root = above
        total[root] = total.get(root, 0) + number
    return total


@settings(max_examples=50, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=12), st.randoms(use_true_random=False), st.integers(0, 1000))
def test_any_order_of_events_and_links_ends_at_the_same_roots(
    steps: list[tuple[str, dict[str, str]]], random: Any, seed: int
) -> None:
    world = World(seed=seed, max_batch=3)
    order = list(enumerate(steps))
    random.shuffle(order)
    for place, (kind, who) in order:
        at = NOW - 20 * HOUR + place * HOUR // 2
        if kind == "act":
            world.act(who, "joined", at=at, id=f"e{place}")
        else:
            world.unlink(who, at=at)
        if random.random() < 0.3:
            world.run()
    world.run()
    counted = {}
    for key in world.people():
        one = world.person(key)
        if one is not None and one.root is None:
            lines = [line for line in world.judgement(key).readings if line.rule.id == "steady"]
            if lines:
                counted[key] = lines[0].times
    assert counted == expected(steps)
    assert not world.dead()
    assert not world.dead("engagement.linked")
    assert all(world.scored(key) for key in counted)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 100))
def test_contradicting_aliases_leave_one_root(order: list[int], seed: int) -> None:
    """u0 -> u1, u1 -> u0, later: whatever comes first, one of the two is the root and has it all."""
    world = World(seed=seed)
    steps = [
        lambda: world.act(USERS[0], "joined", id="x0"),
        lambda: world.act(USERS[1], "joined", id="x1"),
        lambda: world.alias(USERS[0], USERS[1], at=NOW - 2 * HOUR),
        lambda: world.alias(USERS[1], USERS[0], at=NOW - HOUR),
        world.run,
        world.run,
    ]
    for index in order:
        steps[index]()
    world.run()
    roots = {key: world.judgement(key) for key in world.people() if (one := world.person(key)) and one.root is None}
    assert list(roots) == [key_of(USERS[1])]
    assert roots[key_of(USERS[1])].readings[0].times == 2


@pytest.mark.parametrize("seed", range(6))
def test_evidence_that_was_not_sent_again_still_wins_over_older(seed: int) -> None:
    """m0 said so at 1 and 3 (held: not sent again); at last m1's word of 2 comes in: it is still m0."""
    world = World(seed=seed)
    for mail, hour in ((MAILS[0], 1), (MAILS[0], 3), (MAILS[1], 2)):
        world.act(both(VISITORS[0], mail), "joined", at=NOW - 10 * HOUR + hour * HOUR)
        world.run()
    visitor = world.person(key_of(VISITORS[0]))
    assert visitor is not None
    assert visitor.root == key_of(MAILS[0])
    told = [record for record in world.records("engagement.linked") if isinstance(record, IdentityLinked)]
    assert len(told) == 3, "the first word, the older one of somebody else, and the answer to it"


@pytest.mark.parametrize("seed", range(6))
def test_what_is_passed_on_late_does_not_undo_what_came_directly(seed: int) -> None:
    """The visitor was m0's through u0, then m0's own: u0's taking back arrives after the visitor's own profile."""
    world = World(seed=seed)
    world.act(VISITORS[0], "joined")
    for hour, who in enumerate((both(VISITORS[0], USERS[0]), both(USERS[0], MAILS[0]), both(VISITORS[0], MAILS[0]))):
        world.act(who, "page_viewed", at=NOW - 10 * HOUR + hour * HOUR)
        world.run()
    lines = {line.rule.id: line.times for line in world.judgement(key_of(MAILS[0])).readings}
    assert lines == {"steady": 1, "view": 3}


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 2, 3, 0), (3, 1, 0, 2)])
@pytest.mark.parametrize("seed", range(8))
def test_a_newer_version_of_equal_content_refuses_the_older_taking_back(order: tuple[int, ...], seed: int) -> None:
    """The visitor was m1's through u0, unchanged it became m1's own: then u0's late taking back must not count."""
    who: tuple[dict[str, str], ...] = ({}, USERS[0], {**USERS[0], **MAILS[1]}, MAILS[1])
    world = World(seed=seed, max_batch=3)
    for index, place in enumerate(order):
        acts = who[place] if place == 2 else {**VISITORS[1], **who[place]}
        world.act(acts, "joined", at=NOW - 20 * HOUR + place * HOUR // 2, id=f"e{place}")
        if index == 1:
            world.run()
    world.run()
    assert world.judgement(key_of(MAILS[1])).readings[0].times == 4
