"""Deadlines over nights, weekends, holidays and clock changes, as a person would count them."""

from __future__ import annotations

from datetime import date

import pytest

from baton_schemas.contract import format_time, parse_time
from baton_schemas.documents.calendars import CalendarHours, Calendars
from services.router.calendars import Calendar, compile_calendar
from services.runtime.documents import parse
from services.runtime.errors import UserError

HOURS = """
calendars:
  - name: berlin
    time_zone: Europe/Berlin
    hours: {mon-fri: ["09:00-12:30", "13:30-17:00"]}
    holidays: {country: DE, subdivision: BE}
    closed: [2026-12-24]
    open_on: [2026-03-08]
"""


def berlin() -> Calendar:
    return compile_calendar(parse(Calendars, HOURS, "calendars.yaml").calendars[0])


@pytest.mark.parametrize(
    ("start", "minutes", "due"),
    [
        ("2026-03-02T10:00:00+01:00", 60, "2026-03-02T11:00:00+01:00"),  # within a block
        ("2026-03-02T12:00:00+01:00", 60, "2026-03-02T14:00:00+01:00"),  # over lunch
        ("2026-03-02T16:00:00+01:00", 60, "2026-03-02T17:00:00+01:00"),  # ends with the day, not the next morning
        ("2026-03-02T16:30:00+01:00", 60, "2026-03-03T09:30:00+01:00"),  # over night
        ("2026-02-28T15:00:00+01:00", 60, "2026-03-02T10:00:00+01:00"),  # Saturday afternoon
        ("2026-02-28T23:00:00+01:00", 60, "2026-03-02T10:00:00+01:00"),  # Saturday night is the same
        ("2026-04-02T16:30:00+02:00", 60, "2026-04-07T09:30:00+02:00"),  # Good Friday and Easter Monday
        ("2026-03-27T16:30:00+01:00", 60, "2026-03-30T09:30:00+02:00"),  # clocks go forward over the weekend
        ("2026-10-23T16:30:00+02:00", 60, "2026-10-26T09:30:00+01:00"),  # and back
        ("2026-12-23T16:30:00+01:00", 60, "2026-12-28T09:30:00+01:00"),  # closed 24th, holidays 25th, 26th, weekend
        ("2024-02-29T16:30:00+01:00", 60, "2024-03-01T09:30:00+01:00"),  # leap day
        ("2026-02-28T15:00:00+01:00", 0, "2026-02-28T15:00:00+01:00"),
    ],
)
def test_deadline(start: str, minutes: int, due: str) -> None:
    found = berlin().deadline(parse_time(start), minutes * 60)
    assert format_time(found) == format_time(parse_time(due))


def test_an_hour_that_does_not_exist_is_not_open_and_one_that_comes_twice_is_open_twice() -> None:
    night = compile_calendar(
        CalendarHours(name="n", time_zone="Europe/Berlin", hours={"sun": ["01:00-04:00"]}, holidays=None)
    )
    spring, autumn = parse_time("2026-03-29T00:00:00+01:00"), parse_time("2026-10-25T00:00:00+02:00")
    assert night.business_seconds(spring, spring + 86_400_000) == 2 * 3600
    assert night.business_seconds(autumn, autumn + 86_400_000) == 4 * 3600


def test_midnight_is_the_first_instant_of_the_local_day() -> None:
    assert berlin().midnight(date(2026, 7, 1)) == parse_time("2026-07-01T00:00:00+02:00")


@pytest.mark.parametrize(
    ("replace", "by", "says"),
    [
        ("Europe/Berlin", "Europe/Berlim", "calendars[berlin].time_zone: 'Europe/Berlim' is unknown"),
        ("subdivision: BE", "subdivision: XX", "does not have subdivision XX"),
        ("country: DE, subdivision: BE", "country: QQ", "Country QQ not available"),
        ("country: DE", "country: NO", "put them in quotes"),
        ('"09:00-12:30", "13:30-17:00"', "", "has no open time: give at least one day a block"),
        ("13:30-17:00", "12:00-17:00", "blocks overlap"),
        ("13:30-17:00", "18:00-02:00", "split hours over midnight"),
        ("13:30-17:00", "9-5", "write it as 09:00-17:30"),
        ("mon-fri:", "mon-fir:", "'mon-fir' is no day"),
    ],
)
def test_a_calendar_that_cannot_work_is_refused_with_field_and_fix(replace: str, by: str, says: str) -> None:
    with pytest.raises(UserError) as refused:
        compile_calendar(parse(Calendars, HOURS.replace(replace, by, 1), "calendars.yaml").calendars[0])
    assert says in str(refused.value)
