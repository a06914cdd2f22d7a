"""When the demo's day begins, and how fast its clock runs: settings of the clock, nothing else (H7). Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import holidays

from services.runtime.clock import TimeScale

HOUR_MS = 3_600_000
OPENS_AT = 7
"""Hour (UTC) at which Europe's offices open."""


def opening(now: int) -> int:
    """The next Monday, seven o'clock UTC, that is no public holiday anywhere in Germany; both in ms."""
    day = datetime.fromtimestamp(now / 1000, UTC).date()
    day += timedelta(days=(7 - day.weekday()) % 7 or 7)
    while _is_holiday(day):
        day += timedelta(days=7)
    opened = datetime(day.year, day.month, day.day, OPENS_AT, tzinfo=UTC)
    return round(opened.timestamp() * 1000)


def fast_clock(start: int, rate: float, wall: int) -> TimeScale:
    """A clock that runs at `rate` and shows `start` when the wall clock shows `wall` (ms)."""
    return TimeScale(anchor=wall - round((start - wall) / (rate - 1)), rate=rate)


def _is_holiday(day: date) -> bool:
    subdivisions = holidays.country_holidays("DE").subdivisions
    return any(day in holidays.country_holidays("DE", subdiv=name) for name in subdivisions)
