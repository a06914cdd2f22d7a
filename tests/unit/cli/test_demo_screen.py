"""What of a life fits on a screen: turning points keep their reasons, whatever happened around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.demo_screen import fitting
from services.cli.story import Line

QUALIFIED = Line(2, "qualified: grade A1", "good", ("+30 demo", "+15 size", "+10 job", "signed by both"))
ASSIGNED = Line(3, "assigned to rep-1", "good", ("territory dach", "why rep-1: next turn", "not rep-2: absent"))
MODEL = Line(90, "model 2 of b2b: points moved", "good", ("webinar 8.0 -> 8.4", "because of 31 answers"))


def small(count: int) -> list[Line]:
    return [Line(10 + number, f"page viewed {number}", "dim", ("blog",)) for number in range(count)]


def shown(lines: list[Line], rows: int) -> str:
    return "\n".join(text.plain for text in fitting(lines, rows))


def test_turning_points_keep_their_reasons_when_much_happens_after_them() -> None:
    text = shown([QUALIFIED, ASSIGNED, *small(50), MODEL], 16)
    for reason in (*QUALIFIED.details, *ASSIGNED.details, *MODEL.details):
        assert reason in text
    assert "page viewed 49" in text
    assert "page viewed 0" not in text


def test_there_is_room_for_all_when_little_happened() -> None:
    assert shown([QUALIFIED, *small(1)], 20).count("\n") + 1 == 7


def test_the_newest_line_shows_on_the_smallest_screen() -> None:
    assert "page viewed 49" in shown([QUALIFIED, ASSIGNED, *small(50)], 3)


@given(st.lists(st.sampled_from([QUALIFIED, ASSIGNED, MODEL, *small(3)]), min_size=1, max_size=60), st.integers(1, 60))
def test_never_more_rows_than_there_are(lines: list[Line], rows: int) -> None:
    assert 1 <= len(fitting(lines, rows)) <= rows


@pytest.mark.parametrize("rows", [1, 4, 9])
def test_a_cut_story_stays_in_order(rows: int) -> None:
    numbers = [int(line.split()[-1]) for line in shown(small(30), rows).splitlines() if "page viewed" in line]
    assert numbers == sorted(numbers)
