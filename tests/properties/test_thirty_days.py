"""Thirty days of a company, many times: no handoff with two owners, no lead taken back from a human, no false breach.

A thousand months take an hour: `make months`. Here a few dozen, and the proof that the judge sees what he looks for.
"""

from __future__ import annotations

from collections import Counter

import pytest

from baton_schemas.contract import parse_time
from tests.month.__main__ import judged
from tests.month.company import ZONES
from tests.month.verdict import business_minutes_after

MONTHS, PER_TEST = 24, 6
SEEN = (
    "routed: assigned", "routed: reassigned", "routed: passed_on", "routed: owner_changed", "told: released",
    "told: reopened", "clock: breached", "clock: met", "withdrawn: customer", "crashes", "connector killed",
)  # fmt: skip


@pytest.fixture(scope="module")
def seen() -> Counter[str]:
    """What happened in all months of this module."""
    return Counter()


@pytest.mark.parametrize("first", range(0, MONTHS, PER_TEST))
def test_a_month_keeps_the_rules_of_a_handoff(first: int, seen: Counter[str]) -> None:
    for seed in range(first, first + PER_TEST):
        _, happened, broken = judged(seed)
        assert not broken, f"seed {seed}:\n" + "\n".join(broken)
        seen.update(happened)
        seen["months"] += 1


def test_the_months_hold_what_can_go_wrong(seen: Counter[str]) -> None:
    if seen["months"] < MONTHS:
        pytest.skip("not all months were told: run the whole module")
    assert [what for what in SEEN if not seen[what]] == []


@pytest.mark.parametrize(
    ("start", "minutes", "team", "end"),
    [
        ("2026-03-02T09:00:00+01:00", 30, "dach", "2026-03-02T09:30:00+01:00"),
        ("2026-03-06T16:45:00+01:00", 30, "dach", "2026-03-09T09:15:00+01:00"),
        ("2026-03-27T16:00:00+00:00", 120, "uk", "2026-03-30T10:00:00+01:00"),
        ("2026-03-07T12:00:30Z", 240, "uk", "2026-03-09T13:00:00Z"),
    ],
)
def test_business_time_by_hand(start: str, minutes: int, team: str, end: str) -> None:
    assert team in ZONES
    assert business_minutes_after(parse_time(start), minutes, team) == parse_time(end)
