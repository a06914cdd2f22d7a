"""Business time: what a deadline of four business hours means over nights, weekends, holidays and clock changes.

An instant is open when its local wall time lies in a block of its local day, and that day is neither a holiday nor
closed. Intervals are half-open, all instants are UTC milliseconds. On the day the clocks change a block is as long as
the wall clock makes it: an hour that does not exist is not open, one that comes twice is open twice.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from baton_schemas.documents.calendars import CalendarHours, week_of
from services.runtime.errors import UserError

MINUTE_MS = 60_000
DAY_MS = 86_400_000
LONGEST_WALK_DAYS = 4000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_WIDEST_OFFSET_MS = 26 * 3_600_000

Interval = tuple[int, int]
Week = tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Business hours of one zone. `open_intervals` of a day are worked out once and kept."""

    name: str
    zone: ZoneInfo
    week: Week
    holidays: Container[date] = ()
    closed: frozenset[date] = frozenset()
    open_on: frozenset[date] = frozenset()
    _days: dict[int, tuple[Interval, ...]] = field(default_factory=dict, repr=False, compare=False)

    def deadline(self, start: int, seconds: int) -> int:
        """The first instant by which `seconds` of business time have passed since `start`.

        An hour that ends with the working day is due at its end, not at the next opening; 0 seconds are due at once.
        Nothing is due later than `LONGEST_WALK_DAYS` from `start`; `checks` refuses targets that would come near it.
        """
        left = seconds * 1000
        if left <= 0:
            return start
        day = self._day_of(start)
        for walked in range(LONGEST_WALK_DAYS):
            for opens, closes in self.open_intervals(day + walked):
                begins = max(opens, start)
                if begins >= closes:
                    continue
                if closes - begins >= left:
                    return begins + left
                left -= closes - begins
        return start + LONGEST_WALK_DAYS * DAY_MS

    def business_ms(self, start: int, end: int) -> int:
        """Business milliseconds in [start, end); 0 when `end` is not after `start`."""
        if end <= start:
            return 0
        total = 0
        for day in range(self._day_of(start), self._day_of(end) + 1):
            for opens, closes in self.open_intervals(day):
                total += max(0, min(closes, end) - max(opens, start))
        return total

    def business_seconds(self, start: int, end: int) -> float:
        """Business seconds in [start, end), to the millisecond."""
        return self.business_ms(start, end) / 1000

    def midnight(self, day: date) -> int:
        """The first instant of a local day."""
        number = day.toordinal() - _EPOCH_DAY
        return self._cut(number, ((0, 24 * 60),))[0][0]

    def open_intervals(self, day: int) -> tuple[Interval, ...]:
        """The open intervals of a local day (days since 1970), in order."""
        known = self._days.get(day)
        if known is None:
            known = self._days[day] = self._cut(day, self._blocks(day))
        return known

    def _blocks(self, day: int) -> tuple[tuple[int, int], ...]:
        local = date.fromordinal(day + _EPOCH_DAY)
        if local in self.closed or (local in self.holidays and local not in self.open_on):
            return ()
        return self.week[local.weekday()]

    def _cut(self, day: int, blocks: tuple[tuple[int, int], ...]) -> tuple[Interval, ...]:
        """Blocks of a local day as UTC intervals: each stretch of constant offset cuts its share of every block."""
        if not blocks:
            return ()
        midnight = day * DAY_MS
        pieces = [
            (max(begins, midnight + start * MINUTE_MS - offset), min(ends, midnight + end * MINUTE_MS - offset))
            for begins, ends, offset in self._stretches(midnight - _WIDEST_OFFSET_MS, midnight + 2 * DAY_MS)
            for start, end in blocks
        ]
        return tuple(sorted(piece for piece in pieces if piece[0] < piece[1]))

    def _stretches(self, start: int, end: int) -> list[tuple[int, int, int]]:
        """[start, end) cut where the zone's offset changes: (begin, end, offset ms). Within three days a zone changes
        at most once, so comparing both ends finds it."""
        first, last = self._offset(start), self._offset(end)
        if first == last:
            return [(start, end, first)]
        low, high = start, end
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(middle) == first else (low, middle)
        return [(start, high, first), (high, end, last)]

    def _offset(self, instant: int) -> int:
        offset = (_EPOCH + timedelta(milliseconds=instant)).astimezone(self.zone).utcoffset()
        return 0 if offset is None else offset // timedelta(milliseconds=1)

    def _day_of(self, instant: int) -> int:
        return (instant + self._offset(instant)) // DAY_MS


ALWAYS = Calendar("always", ZoneInfo("UTC"), (((0, 24 * 60),),) * 7)
"""Every minute counts: for a handoff whose calendar is gone from the configuration."""


def compile_calendar(hours: CalendarHours) -> Calendar:
    """The calendar that a document describes. Raises UserError for an unknown zone, country or subdivision, and for a
    calendar without open time."""
    where = f"calendars[{hours.name}]"
    try:
        zone = ZoneInfo(hours.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(f"{where}.time_zone: {hours.time_zone!r} is unknown", fix="write it as Europe/Berlin") from None
    free: Container[date] = ()
    if hours.holidays is not None:
        country, part = hours.holidays.country, hours.holidays.subdivision
        try:
            free = holidays.country_holidays(country, subdiv=part)
        except NotImplementedError as error:
            known = holidays.list_supported_countries().get(country, [])
            fix = f"one of {', '.join(known)}" if known else "use an ISO 3166-1 code that has holidays, or leave it out"
            raise UserError(f"{where}.holidays: {error}", fix=fix) from None
    week = week_of(hours.hours)
    if not any(week):
        raise UserError(f"{where}.hours: has no open time", fix="give at least one day a block such as 09:00-17:00")
    return Calendar(hours.name, zone, week, free, frozenset(hours.closed), frozenset(hours.open_on))
