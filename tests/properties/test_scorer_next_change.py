"""When time alone brings a sum of lines out of its bounds: few looks find the hour that looking at each hour finds."""

from __future__ import annotations

import math
from collections import Counter

import hypothesis.strategies as st
from hypothesis import example, given, settings

from services.scorer.criteria import NO_GROUP
from services.scorer.qualification import Curve, _first_below, _first_outside

HALF_LIVES = st.sampled_from((12.0, 20.0, 72.0, 168.0))
GROUP = st.sampled_from((NO_GROUP, 0, 1))
LINE = st.tuples(st.floats(0, 3000), HALF_LIVES, st.sampled_from((80.0, 180.0, 450.0, math.inf)), GROUP)
STEADY = st.tuples(st.integers(1, 300).map(float), st.just(math.inf), st.just(math.inf), GROUP)
NEGATIVE = st.tuples(st.floats(-300, -1), HALF_LIVES, st.sampled_from((150.0, math.inf)), st.just(NO_GROUP))
CAPS = st.sampled_from(((), (120, 300)))
LONGEST = 168 * 25 + 1


@settings(max_examples=150, deadline=None)
@given(st.lists(LINE | STEADY, min_size=1, max_size=6), CAPS, st.integers(1, 600))
@example([(100.0, 24.0, math.inf, NO_GROUP)], (), 100)
@example([(99.4, 24.0, math.inf, NO_GROUP)], (), 99)
@example([(300.0, math.inf, math.inf, NO_GROUP)], (), 200)
def test_the_hour_below_is_the_first_below(curves: list[Curve], caps: tuple[int, ...], floor: int) -> None:
    curves = grouped(curves, caps)
    if total(curves, caps, 0) >= floor:  # nothing asks when it is below already
        assert _first_below(curves, caps, floor) == first_outside(curves, caps, floor, 1 << 60)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(LINE | STEADY, min_size=0, max_size=4),
    st.lists(NEGATIVE, min_size=1, max_size=3),
    CAPS,
    st.integers(0, 200),
    st.integers(1, 200),
)
def test_with_negative_lines_it_is_the_first_outside(
    curves: list[Curve], negative: list[Curve], caps: tuple[int, ...], lower: int, higher: int
) -> None:
    curves = [*grouped(curves, caps), *negative]
    now = total(curves, caps, 0)
    floor, roof = now - lower, now + higher
    found = _first_outside(curves, caps, floor, roof)
    wanted = first_outside(curves, caps, floor, roof)
    assert found == wanted


def grouped(curves: list[Curve], caps: tuple[int, ...]) -> list[Curve]:
    """Nobody is in a group where there is none."""
    return curves if caps else [(*curve[:3], NO_GROUP) for curve in curves]


def first_outside(curves: list[Curve], caps: tuple[int, ...], floor: int, roof: int) -> int | None:
    return next((hours for hours in range(1, LONGEST) if not floor <= total(curves, caps, hours) < roof), None)


def total(curves: list[Curve], caps: tuple[int, ...], hours: int) -> int:
    points, together = 0, Counter[int]()
    for now, half_life, cap, group in curves:
        line = int(min(abs(now) * 2.0 ** (-hours / half_life), cap) + 0.5)
        if group == NO_GROUP:
            points += line if now >= 0 else -line
        else:
            together[group] += line
    return points + sum(min(caps[group], line) for group, line in together.items())
