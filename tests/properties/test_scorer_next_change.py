"""When time alone brings a sum of lines below a bound: few looks find the hour that halving finds."""

from __future__ import annotations

import math

import hypothesis.strategies as st
from hypothesis import example, given, settings

from services.scorer.qualification import _bracket, _first_below, _first_outside

LINE = st.tuples(
    st.floats(0, 3000), st.sampled_from((12.0, 72.0, 168.0, 336.0, 720.0, 4800.0)), st.sampled_from((80, 180, 450))
)
STEADY = st.tuples(st.integers(1, 300).map(float), st.just(math.inf), st.just(math.inf))
FREE = st.tuples(st.floats(0, 3000), st.floats(1, 5000), st.just(math.inf))


@settings(max_examples=400, deadline=None)
@given(st.lists(LINE | FREE | STEADY, min_size=1, max_size=9), st.integers(1, 1000))
@example([(100.0, 24.0, math.inf)], 100)
@example([(99.4, 24.0, math.inf)], 100)
def test_the_hour_below_is_the_one_that_halving_finds(curves: list[tuple[float, float, float]], floor: int) -> None:
    if sum(int(min(now, cap) + 0.5) for now, _, cap in curves) < floor:
        return  # below already: nothing asks then
    assert _first_below(curves, floor) == _first_outside(curves, floor, 1 << 60)


@settings(max_examples=50, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=4), st.integers(1, 300))
def test_no_hour_before_it_is_below(curves: list[tuple[float, float, float]], floor: int) -> None:
    after = _first_below(curves, floor)
    _, end = _bracket(curves, floor)
    for hours in range(min(after or end, 2000)):
        points = sum(int(min(now * 2.0 ** (-hours / half_life), cap) + 0.5) for now, half_life, cap in curves)
        assert points >= floor or hours == 0
