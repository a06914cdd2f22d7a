"""Business hours as people write them: when somebody is there to answer, and on which days nobody is."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from baton_schemas.contract import Name
from baton_schemas.documents.document import Document

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_BLOCK = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")
_END_OF_DAY = 24 * 60


def block_minutes(text: str) -> tuple[int, int]:
    """Start and end of a block in minutes after midnight. Raises ValueError when it is none.

    >>> block_minutes("09:00-12:30")
    (540, 750)
    """
    found = _BLOCK.match(text)
    if found is None:
        raise ValueError(f"{text!r} is no block of hours: write it as 09:00-17:30")
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if end > _END_OF_DAY:
        raise ValueError(f"{text!r} ends after 24:00")
    if start >= end:
        raise ValueError(f"{text!r} ends before it starts: split hours over midnight into two days")
    return start, end


def weekdays(text: str) -> tuple[int, ...]:
    """The days that a key of `hours` names, Monday = 0. Raises ValueError when it names none.

    >>> weekdays("mon-wed")
    (0, 1, 2)
    """
    first, _, last = text.lower().partition("-")
    if first not in DAYS or (last and last not in DAYS):
        raise ValueError(f"{text!r} is no day: use {', '.join(DAYS)}, or a range such as mon-fri")
    start, end = DAYS.index(first), DAYS.index(last or first)
    if start > end:
        raise ValueError(f"{text!r} runs backwards: a week starts on mon")
    return tuple(range(start, end + 1))


class PublicHolidays(Document):
    """Whose public holidays are closed days: ISO 3166-1 country, and its part as the `holidays` library names it."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    subdivision: Name | None = None

    @field_validator("country", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        return refuse_boolean(value)


class CalendarHours(Document):
    """One calendar: open blocks by weekday in its time zone, minus holidays and own closed days. `open_on` are days
    that count as working days although they are a public holiday."""

    name: Name
    time_zone: Name
    hours: dict[str, list[str]]
    holidays: PublicHolidays | None = None
    closed: list[date] = []
    open_on: list[date] = []

    @field_validator("hours")
    @classmethod
    def _hours(cls, hours: dict[str, list[str]]) -> dict[str, list[str]]:
        week = week_of(hours)
        if not any(week):
            raise ValueError("has no open time: give at least one day a block such as 09:00-17:00")
        return hours


class Calendars(Document):
    """All calendars of a set."""

    calendars: list[CalendarHours] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        unique("calendars", [calendar.name for calendar in self.calendars])
        return self


def week_of(hours: dict[str, list[str]]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """For each weekday its blocks in minutes, in order. Raises ValueError for overlaps and for a day named twice."""
    week: list[tuple[tuple[int, int], ...]] = [()] * 7
    for days, blocks in hours.items():
        sorted_blocks = tuple(sorted(block_minutes(block) for block in blocks))
        for (_, end), (start, _) in pairwise(sorted_blocks):
            if start < end:
                raise ValueError(f"{days}: blocks overlap")
        for day in weekdays(days):
            if week[day]:
                raise ValueError(f"{DAYS[day]} is given twice")
            week[day] = sorted_blocks
    return tuple(week)


def unique(what: str, names: list[str]) -> None:
    """Raises ValueError when a name stands twice."""
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{what}: {name!r} is given twice")


def refuse_boolean(value: object) -> object:
    """YAML reads NO (Norway) and ON (Ontario) as false and true: say so instead of taking them for nothing."""
    if isinstance(value, bool):
        raise ValueError("YAML reads NO and ON without quotes as false and true: put them in quotes")
    return value
