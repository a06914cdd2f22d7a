"""When one piece of work is given up: it failed for long enough while others were served, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import CollectorRegistry

from services.connectors.calls import Calls, Door
from services.connectors.errors import Failing, Unavailable
from services.connectors.settings import CallSettings
from services.runtime.metrics import Metrics

pytestmark = pytest.mark.asyncio
HOUR = 3600.0
SETTINGS = CallSettings(name="x", longest_pause_s=0.001)


class Time:
    """Seconds that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def parts(sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> tuple[Time, Door, Calls]:
    async def ping() -> None:
        return None

    time, metrics = Time(), Metrics(CollectorRegistry(), rooms=["connector"])
    door = Door(ping, SETTINGS, metrics, monotonic=time, sleep=sleep)
    return time, door, Calls(door, SETTINGS, metrics)


def failing(time: Time, steps: list[Callable[[], None]]) -> tuple[list[float], Callable[[], object]]:
    """Work that always fails; before each attempt something happens."""
    tried: list[float] = []

    async def work() -> None:
        if tried[len(steps) :]:
            raise AssertionError("not given up")
        if len(tried) < len(steps):
            steps[len(tried)]()
        tried.append(time.now)
        raise Failing("server_error")

    return tried, work


async def test_a_day_of_failing_while_others_are_served_is_enough() -> None:
    time, door, calls = parts()
    pass_hours = lambda hours: lambda: setattr(time, "now", time.now + hours * HOUR)  # noqa: E731
    served = lambda: (pass_hours(0.1)(), door.answered())  # noqa: E731
    tried, work = failing(time, [lambda: None, served, pass_hours(23.9), pass_hours(0.2)])  # type: ignore[list-item]
    with pytest.raises(Failing):
        await calls(work)  # type: ignore[arg-type]
    assert len(tried) == 4, "neither before a day was over nor long after"


async def test_a_time_in_which_nobody_was_served_does_not_count() -> None:
    time, door, calls = parts()
    pass_hours = lambda hours: lambda: setattr(time, "now", time.now + hours * HOUR)  # noqa: E731
    back = lambda: (pass_hours(60)(), door.answered())  # noqa: E731
    tried, work = failing(time, [lambda: None, back, pass_hours(23), pass_hours(2)])  # type: ignore[list-item]
    with pytest.raises(Failing):
        await calls(work)  # type: ignore[arg-type]
    assert len(tried) == 4, "a weekend without anybody is nobody's fault"


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
