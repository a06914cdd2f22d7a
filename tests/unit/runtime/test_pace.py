"""The size of a batch follows the time that its records take, within its bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.pace import Pace

AIM_S = 0.025


def settled(most: int, each_s: float, overhead_s: float = 0.0) -> Pace:
    pace = Pace(most, AIM_S)
    for _ in range(20):
        pace.took(pace.size, overhead_s + pace.size * each_s)
    return pace


@given(each_us=st.integers(1, 100_000), most=st.integers(1, 5000))
def test_a_backlog_is_cut_into_calls_of_about_the_aim(each_us: int, most: int) -> None:
    each_s = each_us / 1e6
    size = settled(most, each_s).size
    assert 1 <= size <= most
    assert size == 1 or size * each_s <= AIM_S * 1.001
    assert size == most or (size + 2) * each_s >= AIM_S * 0.999


def test_few_records_do_not_make_it_small_however_long_a_call_takes_to_begin() -> None:
    pace = settled(1000, 0.0001, overhead_s=0.005)
    before = pace.size
    for _ in range(10):
        pace.took(1, 0.0051)
    assert pace.size == before


def test_one_fast_call_does_not_make_it_large() -> None:
    pace = settled(1000, 0.0005)
    pace.took(pace.size, 0.0)
    assert pace.size <= 2 * 50


def test_after_a_stall_it_comes_back() -> None:
    pace = settled(1000, 0.0001)
    assert pace.size == 250
    pace.took(250, 5.0)
    assert pace.size == 1
    for _ in range(10):
        pace.took(pace.size, pace.size * 0.0001)
    assert pace.size >= 200


def test_a_call_that_decided_nothing_says_nothing() -> None:
    pace = Pace(1000, AIM_S)
    before = pace.size
    pace.took(0, 9.0)
    assert pace.size == before


def test_it_never_starts_above_what_is_allowed() -> None:
    assert Pace(3).size == 3
