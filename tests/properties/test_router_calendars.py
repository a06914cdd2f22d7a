"""Business time against a counter that asks minute by minute what the wall clock shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.router.calendars import Calendar, Week

MINUTE = 60_000
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "America/Santiago")
# Around the changes of clocks, a leap day, a year's end, and an ordinary week.
MONDAYS = (
    date(2026, 3, 23),
    date(2026, 10, 19),
    date(2024, 2, 26),
    date(2026, 3, 2),
    date(2025, 12, 29),
    date(2026, 4, 1),
)


def ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def is_open(calendar: Calendar, instant: int) -> bool:
    local = datetime.fromtimestamp(instant / 1000, UTC).astimezone(calendar.zone)
    if local.date() in calendar.closed:
        return False
    if local.date() in calendar.holidays and local.date() not in calendar.open_on:
        return False
    minute = local.hour * 60 + local.minute
    return any(start <= minute < end for start, end in calendar.week[local.weekday()])


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    days = []
    for _ in range(7):
        edges = sorted(draw(st.sets(st.integers(0, 48), max_size=4)))
        days.append(tuple((a * 30, b * 30) for a, b in zip(edges[::2], edges[1::2], strict=False)))
    return tuple(days)


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Calendar, int]:
    first = draw(st.sampled_from(MONDAYS))
    days = [first + timedelta(days=n) for n in range(9)]
    calendar = Calendar(
        "c",
        ZoneInfo(draw(st.sampled_from(ZONES))),
        draw(weeks()),
        frozenset(draw(st.lists(st.sampled_from(days), max_size=3))),
        frozenset(draw(st.lists(st.sampled_from(days), max_size=2))),
        frozenset(draw(st.lists(st.sampled_from(days), max_size=2))),
    )
    return calendar, ms(datetime(first.year, first.month, first.day, tzinfo=UTC))


@settings(max_examples=60, deadline=None)
@given(calendars(), st.integers(0, 3 * 1440), st.integers(0, 5 * 1440))
def test_business_time_is_the_count_of_open_minutes(at: tuple[Calendar, int], start: int, length: int) -> None:
    calendar, origin = at
    begin, end = origin + start * MINUTE, origin + (start + length) * MINUTE
    counted = sum(is_open(calendar, instant) for instant in range(begin, end, MINUTE))
    assert calendar.business_ms(begin, end) == counted * MINUTE


@settings(max_examples=60, deadline=None)
@given(calendars(), st.integers(0, 3 * 1440), st.integers(1, 600))
def test_a_deadline_is_the_first_instant_with_so_much_business_time(
    at: tuple[Calendar, int], start: int, minutes: int
) -> None:
    calendar, origin = at
    begin = origin + start * MINUTE
    left, instant = minutes, begin
    while left and instant < begin + 8 * 1440 * MINUTE:
        left -= is_open(calendar, instant)
        instant += MINUTE
    if left:
        return
    due = calendar.deadline(begin, minutes * 60)
    assert due == instant
    assert calendar.business_ms(begin, due) == minutes * MINUTE


@settings(max_examples=60, deadline=None)
@given(calendars(), st.lists(st.integers(0, 9 * 1440), min_size=3, max_size=3).map(sorted))
@example(
    (Calendar("c", ZoneInfo("Europe/Berlin"), ((), (), (), (), (), (), ((60, 240),))), 1_774_224_000_000),
    [0, 6 * 1440 + 70, 9 * 1440],
)
def test_business_time_adds_up_and_halves_of_a_minute_count(at: tuple[Calendar, int], cuts: list[int]) -> None:
    calendar, origin = at
    a, b, c = (origin + cut * MINUTE + 30_000 for cut in cuts)
    assert calendar.business_ms(a, c) == calendar.business_ms(a, b) + calendar.business_ms(b, c)
    assert calendar.business_ms(c, a) == 0
