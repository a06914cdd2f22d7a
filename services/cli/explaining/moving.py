"""Why a score moved, in a rep's words: what came, what wore off, what is no longer so; the parts sum to the whole.

Two ledgers are compared, line by line. Where a criterion was met again, its whole difference is the event's (what wore
off of it meanwhile is in it); lines that only grew older are one reason together. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from baton_schemas.leads import LeadScored, LedgerLine, Versions
from services.cli.explaining.document import Bar, Movement, Reason

DAY_MS = 86_400_000
_WEEK = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Lines = Mapping[str, LedgerLine | Bar]


def movements(
    said: Sequence[LeadScored], grade: str, lines: Sequence[Bar], now: int, versions: Versions
) -> list[Movement]:
    """How the last published change of grade came about, where the one before is known; and what happened since, to
    the `lines` and the `grade` that `versions` give at `now`. `said` is what was published, oldest first."""
    if not said:
        return []
    last = said[-1]
    found = []
    if len(said) > 1:
        before = said[-2]
        found.append(
            Movement(
                since=before.at,
                until=last.at,
                from_grade=before.grade,
                to_grade=last.grade,
                from_score=before.score,
                to_score=last.score,
                by_time_alone=last.cause.startswith("timer:"),
                other_points=before.versions != last.versions,
                reasons=reasons(before.ledger, last.ledger, last.at, now),
            )
        )
    found.append(
        Movement(
            since=last.at,
            until=now,
            from_grade=last.grade,
            to_grade=grade,
            from_score=last.score,
            to_score=sum(map(_tenths, lines)) / 10,
            other_points=last.versions != versions,
            reasons=reasons(last.ledger, lines, now, now),
        )
    )
    return found


def reasons(
    before: Sequence[LedgerLine | Bar], after: Sequence[LedgerLine | Bar], until: int, now: int
) -> list[Reason]:
    """Why `after`, the lines at `until`, are not `before`, told at `now`; what moved most first."""
    old, new = {line.criterion: line for line in before}, {line.criterion: line for line in after}
    found = [*_fit(old, new), *_engagement(old, new, until, now)]
    return sorted((each for each in found if each.points), key=lambda each: -abs(each.points))


def _fit(old: Lines, new: Lines) -> Iterator[Reason]:
    for name in (*new, *(each for each in old if each not in new)):
        was, now = old.get(name), new.get(name)
        line = now or was
        if line is None or line.kind != "fit":
            continue
        if was is None:
            words = f"{_small(line.label)}: known now"
        elif now is None:
            words = f"{_small(line.label)}: no longer so"
        else:
            words = f"{_small(line.label)}: counts {now.points:+g} instead of {was.points:+g}"
        yield Reason(words=words, points=_difference(was, now))


def _engagement(old: Lines, new: Lines, until: int, now: int) -> Iterator[Reason]:
    aged: dict[str, list[tuple[float, LedgerLine | Bar]]] = {}
    for name, line in new.items():
        if line.kind == "fit":
            continue
        was = old.get(name)
        times = line.count - (was.count if was is not None else 0)
        moved = _difference(was, line)
        if line.kind in ("absence", "group"):
            yield Reason(words=_small(line.label), points=moved)
        elif was is None or times > 0:
            often = f" {times} times, last" if times > 1 else ""
            yield Reason(words=f"{_small(line.label)}{often} {day(line.latest_at or until, now)}", points=moved)
        elif moved:
            kind = "faded" if moved < 0 < was.points else "forgiven" if was.points < 0 < moved else "other"
            aged.setdefault(kind, []).append((moved, line))
    for gone in (line for name, line in old.items() if name not in new and line.kind != "fit"):
        yield Reason(words=f"{_small(gone.label)}: counts no longer", points=_difference(gone, None))
    for kind, part in aged.items():
        what = ", ".join(_small(line.label) for _, line in sorted(part, key=lambda each: -abs(each[0])))
        words = {
            "faded": f"nothing new for {length(until - max(line.latest_at or 0 for _, line in part))} ({what})",
            "forgiven": f"longer ago now ({what})",
            "other": f"counted anew ({what})",
        }
        yield Reason(words=words[kind], points=sum(_tenths_of(moved) for moved, _ in part) / 10)


def day(at: int, now: int) -> str:
    """When something was, as people say it, seen from `now`; in UTC.

    >>> day(1772443800000, 1772443900000), day(1772443800000, 1772703000000), day(1772443800000, 1779000000000)
    ('today', 'on Monday', 'on 2 March')
    """
    days = now // DAY_MS - at // DAY_MS
    when = _EPOCH + timedelta(milliseconds=at)
    if days <= 1:
        return "yesterday" if days == 1 else "today"
    if days < _WEEK:
        return f"on {when:%A}"
    return f"on {when.day} {when:%B}"


def length(milliseconds: int) -> str:
    """A stretch of time, in its largest whole unit.

    >>> length(12 * 86_400_000), length(3_600_000), length(60_000)
    ('12 days', '1 hour', '1 minute')
    """
    for unit, size in (("day", DAY_MS), ("hour", 3_600_000), ("minute", 60_000)):
        if (number := milliseconds // size) or unit == "minute":
            return f"{number} {unit}{'s' if number != 1 else ''}"
    raise AssertionError("minutes always do")


def _difference(was: LedgerLine | Bar | None, now: LedgerLine | Bar | None) -> float:
    return (_tenths(now) - _tenths(was)) / 10


def _tenths(line: LedgerLine | Bar | None) -> int:
    return 0 if line is None else _tenths_of(line.points)


def _tenths_of(points: float) -> int:
    return round(points * 10)


def _small(label: str) -> str:
    """A label within a sentence: `CTO asked` stays, `Asked for a demo` does not."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]
