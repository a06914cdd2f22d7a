"""When one piece of work is given up: it failed for long enough while others were served, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from services.connectors.calls import Calls, Door
from services.connectors.errors import Failing, Unavailable
from services.connectors.settings import CallSettings
from services.runtime.metrics import Metrics

pytestmark = pytest.mark.asyncio
SETTINGS = CallSettings.model_validate({"name": "x", "longest_pause_s": 0.001})


class Time:
    """Seconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_hours(self, hours: float) -> None:
        self.now += hours * 3600


def parts(sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> tuple[Time, Door, Calls]:
    async def ping() -> None:
        return None

    time, metrics = Time(), Metrics(CollectorRegistry(), rooms=["connector"])
    door = Door(ping, SETTINGS, metrics, monotonic=time, sleep=sleep)
    return time, door, Calls(door, SETTINGS, metrics)


async def attempts_until_given_up(calls: Calls, *before: Callable[[], None]) -> int:
    """How often work that always fails is tried; before each attempt something happens, after the last nothing may."""
    steps, tried = iter(before), 0

    async def work() -> None:
        nonlocal tried
        step = next(steps, None)
        assert step is not None, "not given up"
        step()
        tried += 1
        raise Failing("server_error")

    with pytest.raises(Failing):
        await calls(work)
    return tried


async def test_a_day_of_failing_while_others_are_served_is_enough() -> None:
    time, door, calls = parts()

    def another_is_served() -> None:
        time.pass_hours(0.1)
        door.answered()

    nothing, nearly_a_day, the_rest = (lambda: None), partial(time.pass_hours, 23.9), partial(time.pass_hours, 0.2)
    assert await attempts_until_given_up(calls, nothing, another_is_served, nearly_a_day, the_rest) == 4


async def test_a_time_in_which_nobody_was_served_does_not_count() -> None:
    time, door, calls = parts()

    def a_weekend_is_over() -> None:
        time.pass_hours(60)
        door.answered()

    nothing, nearly_a_day, the_rest = (lambda: None), partial(time.pass_hours, 23), partial(time.pass_hours, 2)
    assert await attempts_until_given_up(calls, nothing, a_weekend_is_over, nearly_a_day, the_rest) == 4


async def test_it_comes_back_no_sooner_than_it_is_asked_to() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    _, _, calls = parts(sleep)
    answers = iter([Failing("server_error", retry_after_s=120.0), Failing("server_error"), None])

    async def work() -> str:
        if (error := next(answers)) is not None:
            raise error
        return "served"

    assert await calls(work) == "served"
    assert slept[0] == 120.0
    assert slept[1] <= 0.001


async def test_who_waits_at_the_door_fails_nothing() -> None:
    _, _, calls = parts()
    answers = iter([Unavailable("away"), None])

    async def work() -> str:
        if (error := next(answers)) is not None:
            raise error
        return "served"

    assert await calls(work) == "served"
