"""Whatever people do and whenever: one alert in a cool-down at most, none without a crossing, the same under faults."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import hypothesis.strategies as st
from hypothesis import given, settings

from baton_schemas.crm import AccountStanding
from services.runtime.memory import Faults
from tests.unit.alerted import BOTH, CUSTOMER, POINTS, Company, lead
from tests.unit.scorer.world import DAY, HOUR, MINUTE, NOW

NAMES = ("ada", "ben", "col")
POINTS_OF = {"demo_requested": (300, 450), "email_clicked": (25, 10**9), "careers_viewed": (0, 0), "joined": (40, 80)}
"""Tenths and cap of what one act is worth."""
FAR = 40 * DAY


class Act(NamedTuple):
    """Somebody does something, so long ago. An equal number within twenty days is the same event once more."""

    who: str
    what: str
    ago: int
    number: int

    def id(self, now: int) -> str:
        return f"{self.who}{self.what}{self.number}.{now // (20 * DAY)}"


class Pass(NamedTuple):
    milliseconds: int


class Stand(NamedTuple):
    standing: AccountStanding


Step = Act | Pass | Stand
STANDINGS = (CUSTOMER, AccountStanding(owner="ben", open_opportunity=True), AccountStanding())
AGO = st.sampled_from((0, HOUR, 3 * DAY))
ACTS: st.SearchStrategy[Act | Pass] = st.one_of(
    st.builds(Act, st.sampled_from(NAMES), st.sampled_from(sorted(POINTS_OF)), AGO, st.integers(0, 9)),
    st.builds(Act, st.sampled_from(NAMES), st.just("demo_requested"), st.just(0), st.integers(0, 400)),
    st.builds(Pass, st.sampled_from((MINUTE, 6 * HOUR, DAY, 4 * DAY, 8 * DAY))),
)
STEPS: st.SearchStrategy[Step] = ACTS | st.builds(Stand, st.sampled_from(STANDINGS))
STORIES = st.lists(STEPS, min_size=10, max_size=40)


def play(company: Company, steps: list[Step]) -> None:
    company.stands(CUSTOMER)
    company.hire(*NAMES)
    for step in steps:
        match step:
            case Act(who, what, ago):
                now = company.clock.now()
                company.does(who, what, id=step.id(now), at=now - ago)
            case Pass(milliseconds):
                company.wait(milliseconds)
            case Stand(standing):
                company.stands(standing)


@settings(max_examples=60, deadline=None)
@given(STORIES)
def test_an_owner_hears_at_most_once_in_a_cool_down_and_never_without_a_rise(steps: list[Step]) -> None:
    company = Company(BOTH)
    play(company, steps)
    alerts = company.alerts()
    times = [alert.spike.at for alert in alerts]
    assert all(later - earlier >= 14 * DAY for earlier, later in pairwise(times))
    for alert in alerts:
        if alert.spike.kind == "grade":
            assert alert.spike.previous_grade is None or alert.spike.grade[-1] < alert.spike.previous_grade[-1]
        else:
            assert (alert.spike.points or 0) >= 40
    assert company.counted("told") == len(alerts)
    assert company.counted("told") + company.counted("cool_down") + company.counted("nobody_owns") == len(
        company.spikes()
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, min_size=10, max_size=40))
def test_an_account_spikes_exactly_when_the_sum_of_its_days_reaches_the_points(steps: list[Act | Pass]) -> None:
    """Beside a plain count of what happened, kept by this test."""
    seen: dict[str, tuple[str, str, int]] = {}
    company, expected = Company(POINTS), 0
    company.stands(CUSTOMER)
    company.hire(*NAMES)
    for step in steps:
        if isinstance(step, Pass):
            company.wait(step.milliseconds)
        else:
            now = company.clock.now()
            before, event = points(seen, now), step.id(now)
            if event not in seen:
                seen[event] = (step.who, step.what, (now - step.ago) // DAY)
            company.does(step.who, step.what, id=event, at=now - step.ago)
            expected += before < 400 <= points(seen, now)
    assert [spike.points for spike in company.spikes() if (spike.points or 0) < 40] == []
    assert len(company.spikes()) == expected


def points(seen: dict[str, tuple[str, str, int]], now: int) -> int:
    """Tenths of the last seven days: a criterion at most its cap, per person and day."""
    times: dict[tuple[str, str, int], int] = {}
    for who, what, day in seen.values():
        if day > now // DAY - 7:
            times[who, what, day] = times.get((who, what, day), 0) + 1
    return sum(min(number * POINTS_OF[what][0], POINTS_OF[what][1]) for (_, what, _), number in times.items())


@settings(max_examples=25, deadline=None)
@given(STORIES, st.integers(0, 1000))
def test_a_worker_that_is_killed_again_and_again_tells_the_same(steps: list[Step], seed: int) -> None:
    calm, shaken = Company(BOTH), Company(BOTH, seed=seed, max_batch=2, faults=Faults(0.1, most=80))
    for company in (calm, shaken):
        play(company, steps)
    assert told(shaken) == told(calm)


def told(company: Company) -> list[tuple[object, ...]]:
    return [
        (alert.recipient, alert.owned_as, alert.spike.lead, alert.spike.kind, alert.spike.points, alert.spike.event_at)
        for alert in company.alerts()
    ]


def test_what_is_kept_of_an_account_is_let_go_when_nothing_comes_any_more() -> None:
    company = Company(POINTS)
    company.stands(CUSTOMER)
    company.hire(*NAMES)
    for name in NAMES:
        company.does(name)
    assert any(key.startswith(b"w:") for key in company.engine.state("router"))
    company.wait(FAR)
    assert not any(key.startswith(b"w:") for key in company.engine.state("router"))
    assert lead("ada") in [person.person for person in company.alerts()[0].spike.people]
    assert company.clock.now() == NOW + FAR
