"""When time alone brings a sum of lines out of its bounds: few looks find the hour that looking at each hour finds."""

from __future__ import annotations

import math

import hypothesis.strategies as st
from hypothesis import example, given, settings

from services.scorer.qualification import Curve, _first_below, _first_outside

HALF_LIVES = st.sampled_from((12.0, 20.0, 72.0, 168.0))
LINE = st.tuples(st.floats(0, 3000), HALF_LIVES, st.sampled_from((80.0, 180.0, 450.0, math.inf)))
STEADY = st.tuples(st.integers(1, 300).map(float), st.just(math.inf), st.just(math.inf))
NEGATIVE = st.tuples(st.floats(-300, -1), HALF_LIVES, st.sampled_from((150.0, math.inf)))
LONGEST = 168 * 25 + 1


@settings(max_examples=150, deadline=None)
@given(st.lists(LINE | STEADY, min_size=1, max_size=6), st.integers(1, 600))
@example([(100.0, 24.0, math.inf)], 100)
@example([(99.4, 24.0, math.inf)], 99)
@example([(300.0, math.inf, math.inf)], 200)
def test_the_hour_below_is_the_first_below(curves: list[Curve], floor: int) -> None:
    if total(curves, 0) >= floor:  # nothing asks when it is below already
        assert _first_below(curves, floor) == first_outside(curves, floor, 1 << 60)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(LINE | STEADY, min_size=0, max_size=4),
    st.lists(NEGATIVE, min_size=1, max_size=3),
    st.integers(0, 200),
    st.integers(1, 200),
)
def test_with_negative_lines_it_is_the_first_outside(
    curves: list[Curve], negative: list[Curve], lower: int, higher: int
) -> None:
    curves = [*curves, *negative]
    now = total(curves, 0)
    floor, roof = now - lower, now + higher
    found = _first_outside(curves, floor, roof)
    wanted = first_outside(curves, floor, roof)
    assert found == wanted


def first_outside(curves: list[Curve], floor: int, roof: int) -> int | None:
    return next((hours for hours in range(1, LONGEST) if not floor <= total(curves, hours) < roof), None)


def total(curves: list[Curve], hours: int) -> int:
    points = 0
    for now, half_life, cap in curves:
        line = int(min(abs(now) * 2.0 ** (-hours / half_life), cap) + 0.5)
        points += line if now >= 0 else -line
    return points
