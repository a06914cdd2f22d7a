"""Turns are fair, whatever happens to the pool: bounds, newcomers, returns, refunds."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.packing import Packing
from services.router.rotation import TURN, Rotation, Seat, admit, charge, cost_of, next_of, refund, standing

WEIGHTS = st.lists(st.integers(1, 12), min_size=2, max_size=6)
PACKING = Packing(Rotation)


def turns(
    rotation: Rotation, weights: dict[str, int], count: int, unavailable: frozenset[str] = frozenset()
) -> list[str]:
    given_to: list[str] = []
    for _ in range(count):
        admit(rotation, weights, unavailable)
        rep = next_of(rotation, [rep for rep in weights if rep not in unavailable])
        if rep is None:
            return given_to
        charge(rotation, rep, weights[rep])
        given_to.append(rep)
    return given_to


def pool(weights: list[int]) -> dict[str, int]:
    return {f"r{n}": weight for n, weight in enumerate(weights)}


@given(WEIGHTS, st.integers(1, 200))
def test_nobody_is_ahead_of_anybody_by_more_than_one_turn(weights: list[int], count: int) -> None:
    members = pool(weights)
    had = Counter(turns(Rotation(), members, count))
    for a in members:
        for b in members:
            ahead = had[a] * cost_of(members[a]) - had[b] * cost_of(members[b])
            assert ahead <= max(cost_of(members[a]), cost_of(members[b]))


@given(WEIGHTS, st.integers(0, 60), st.integers(1, 12), st.integers(1, 60))
def test_a_newcomer_gets_his_share_from_now_on_and_no_more(
    weights: list[int], before: int, weight: int, after: int
) -> None:
    members, rotation = pool(weights), Rotation()
    turns(rotation, members, before)
    grown = {**members, "new": weight}
    had = Counter(turns(rotation, grown, after))
    assert had["new"] <= after * weight / sum(grown.values()) + weight / min(grown.values()) + 1
    for rep in members:
        behind = had["new"] * cost_of(weight) - had[rep] * cost_of(grown[rep])
        assert behind <= 2 * max(cost_of(w) for w in grown.values())


@given(WEIGHTS, st.lists(st.tuples(st.integers(0, 63), st.integers(1, 15)), min_size=1, max_size=8))
def test_who_was_away_or_full_does_not_catch_up(weights: list[int], spells: list[tuple[int, int]]) -> None:
    members, rotation = pool(weights), Rotation()
    for mask, count in spells:
        away = frozenset(rep for n, rep in enumerate(members) if mask >> n & 1)
        there = [rep for rep in members if rep not in away]
        had = Counter(turns(rotation, members, count, away))
        assert not set(had) & away
        for a in there:
            for b in there:
                ahead = had[a] * cost_of(members[a]) - had[b] * cost_of(members[b])
                assert ahead <= 2 * max(cost_of(weight) for weight in weights)


@given(WEIGHTS, st.integers(0, 30), st.lists(st.booleans(), max_size=20))
def test_a_refund_undoes_a_turn_exactly(weights: list[int], before: int, pattern: list[bool]) -> None:
    members, rotation = pool(weights), Rotation()
    turns(rotation, members, before)
    admit(rotation, members, ())
    places = {rep: seat.place for rep, seat in rotation.seats.items()}
    taken = []
    for _ in pattern:
        rep = next_of(rotation, list(members))
        assert rep is not None
        taken.append((rep, charge(rotation, rep, members[rep])))
    for rep, cost in taken:
        refund(rotation, rep, cost)
    assert {rep: seat.place for rep, seat in rotation.seats.items()} == places


@given(WEIGHTS, st.integers(1, 40))
def test_an_absence_does_not_eat_a_refund(weights: list[int], while_away: int) -> None:
    members, rotation = pool(weights), Rotation()
    turns(rotation, members, 1)
    first = next(iter(members))
    cost = cost_of(members[first])
    refund(rotation, first, cost)
    turns(rotation, members, while_away, frozenset({first}))
    admit(rotation, members, ())
    assert rotation.seats[first].place <= rotation.level
    assert rotation.seats[first].credit == cost


@given(WEIGHTS, st.integers(0, 50))
def test_the_state_survives_packing_and_says_where_everybody_stands(weights: list[int], count: int) -> None:
    members, rotation = pool(weights), Rotation()
    turns(rotation, members, count)
    again = PACKING.unpack(PACKING.pack(rotation))
    assert again == rotation
    assert turns(again, members, 20) == turns(rotation, members, 20)
    assert all(abs(place) <= 1.0 + 1e-6 for place in standing(rotation).values())


@settings(max_examples=20)
@given(st.integers(1, 5))
def test_weights_are_shares(scale: int) -> None:
    had = Counter(turns(Rotation(), {"a": scale, "b": 2 * scale, "c": 3 * scale}, 600))
    assert (had["a"], had["b"], had["c"]) == (100, 200, 300)
    assert cost_of(1) == TURN


@given(st.permutations(["ann", "ben", "cyn", "dan"]))
def test_equal_states_are_equal_bytes_in_whatever_order_they_came_to_be(order: list[str]) -> None:
    one = Rotation(1, {rep: Seat(len(rep)) for rep in order})
    other = Rotation(1, {rep: Seat(len(rep)) for rep in sorted(order)})
    assert PACKING.pack(one) == PACKING.pack(other)
