"""The ledger of one identity: how often each criterion was met, and when. The score is read from it (L1; `reading.py`).

It holds integers only: per criterion, buckets of distinct events. The two newest days are kept by the hour, older ones
by the day; for 31 days a bucket holds the ids of its events (so a repeat counts nothing), later their number. Every
step is a function of the set of events, not of their order:

- what is coarse follows from the newest event alone, and coarsening adds up what the finer buckets hold;
- a criterion counts at most 20 events of one day: then the day is full, and its ids are let go;
- a criterion keeps its 60 newest days beyond the ids' horizon; what is cut off is added to `cut`.

So events may come in any order and any number of times and give the same bytes, as long as none comes more than 31
days after a newer one; such a late one is refused, because nobody knows any more whether it is a repeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

HOUR_MS = 3_600_000
ID_BYTES = 6
IDS_DAYS = 31
FULL_DAY = 20
COUNT_DAYS = 60
ALL = "*"
"""The line of all events that met any criterion; no criterion can have this name."""

Buckets = dict[int, bytes | int]
"""By code: an even code is twice the hour since 1970, an odd one 48 x the day + 1. Ids (sorted), or a number."""
Added = Literal["counted", "filled", "repeated", "full"]


class Ledger(msgspec.Struct, array_like=True, gc=False):
    """Buckets by criterion, the hour of the newest event, what `moments` keeps. Changed in place by the one batch that
    decoded it."""

    newest: int = 0
    cut: int = 0
    lines: dict[str, Buckets] = msgspec.field(default_factory=dict)
    times: dict[str, bytes] = msgspec.field(default_factory=dict)
    first: dict[str, int] = msgspec.field(default_factory=dict)
    last: dict[str, int] = msgspec.field(default_factory=dict)


def advance(ledger: Ledger, hour: int) -> Sequence[tuple[str, int]]:
    """Takes note of an event at `hour`. Answers how many events of which criteria moved from hours to their day;
    `cut` grows when buckets were cut off."""
    before = ledger.newest
    if hour <= before:
        return ()
    ledger.newest = hour
    today = hour // 24
    if today == before // 24 or not ledger.lines:
        return ()
    coarser: list[tuple[str, int]] = []
    for name, buckets in ledger.lines.items():
        if _is_stale(buckets, today):
            ledger.lines[name], moved, lost = _coarsened(buckets, today)
            ledger.cut += lost
            coarser.append((name, moved))
    return coarser


def is_too_late(ledger: Ledger, hour: int) -> bool:
    """Whether an event at `hour` is older than the ids that are kept: nobody knows whether it is a repeat."""
    return hour // 24 < ledger.newest // 24 - IDS_DAYS


def add(ledger: Ledger, criterion: str, hour: int, id: bytes) -> Added:
    """Counts one event once. It must not be too late, and `advance` must have been told of its hour before."""
    day = hour // 24
    code = by_day = day * 48 + 1
    if day >= ledger.newest // 24 - 1:
        code = hour * 2
    lines = ledger.lines
    buckets = lines.get(criterion)
    if buckets is None:
        late = bool(lines) and criterion < next(reversed(lines))
        lines[criterion] = {code: id}
        if late:
            ledger.lines = dict(sorted(lines.items()))
        return "counted"
    if type(buckets.get(by_day)) is int:
        return "full"
    for held in buckets.values():
        if type(held) is bytes and id in held and _holds(held, id):
            return "repeated"
    before = buckets.get(code)
    if before is None:
        late = code < next(reversed(buckets))
        buckets[code] = id
        if late:
            ledger.lines[criterion] = buckets = dict(sorted(buckets.items()))
    else:
        buckets[code] = _with(before, id)
    return "filled" if _fill_up(ledger, buckets, criterion, day) else "counted"


def latest_hour(criteria: Iterable[str], ledgers: Iterable[Ledger]) -> int | None:
    """The hour of the newest bucket of any of the criteria."""
    latest: int | None = None
    wanted = tuple(criteria)
    for ledger in ledgers:
        for name in wanted:
            if buckets := ledger.lines.get(name):
                code = next(reversed(buckets))
                hour = (code >> 1) + 23 * (code & 1)
                latest = hour if latest is None or hour > latest else latest
    return latest


def counted(ledgers: Iterable[Ledger]) -> int:
    """How many events met any criterion (at most 20 a day and source; cut days included)."""
    return sum(sum(map(number_of, ledger.lines.get(ALL, {}).values())) for ledger in ledgers)


def number_of(held: bytes | int) -> int:
    """How many events a bucket holds."""
    return held if isinstance(held, int) else len(held) // ID_BYTES


def _holds(held: bytes | int, id: bytes) -> bool:
    if isinstance(held, int):
        return False
    at = held.find(id)
    while at >= 0:
        if at % ID_BYTES == 0:
            return True
        at = held.find(id, at + 1)
    return False


def _with(held: bytes | int, id: bytes) -> bytes:
    if isinstance(held, int):
        raise TypeError("a full bucket takes no ids")
    if id > held[-ID_BYTES:]:
        return held + id
    ids = [held[at : at + ID_BYTES] for at in range(0, len(held), ID_BYTES)]
    return b"".join(sorted((*ids, id)))


def _fill_up(ledger: Ledger, buckets: Buckets, criterion: str, day: int) -> bool:
    """Makes a day that holds 20 events one bucket without ids; answers whether it did."""
    first, length = day * 48, 0
    beyond = first + 48
    for code in reversed(buckets):  # the usual event is of the newest day, so few buckets are looked at
        if code < first:
            break
        if code < beyond:
            length += len(buckets[code])  # type: ignore[arg-type]  # a day that is not full holds ids alone
    if length < FULL_DAY * ID_BYTES:
        return False
    kept = {code: held for code, held in buckets.items() if not first <= code < beyond}
    kept[first + 1] = FULL_DAY
    ledger.lines[criterion] = dict(sorted(kept.items()))
    return True


def _is_stale(buckets: Mapping[int, bytes | int], today: int) -> bool:
    by_hour, with_ids = (today - 1) * 48, (today - IDS_DAYS) * 48
    for code, held in buckets.items():
        if code >= by_hour:
            return False
        if not code & 1 or (code < with_ids and type(held) is bytes):
            return True
    return False


def _coarsened(buckets: Buckets, today: int) -> tuple[Buckets, int, int]:
    """The buckets as of `today`, how many events moved from hours to days, and how many were cut off.

    Codes come in order and no day has both hours and a bucket of its own, so the result is in order, too.
    """
    by_hour, with_ids = (today - 1) * 48, (today - IDS_DAYS) * 48
    result: Buckets = {}
    moved = lost = 0
    for code, held in buckets.items():
        if code >= by_hour or code & 1:
            result[code] = held
            continue
        moved += number_of(held)
        day = code // 48 * 48 + 1
        earlier = result.get(day)
        result[day] = held if earlier is None else union(earlier, held)
    numbers = [code for code in result if code < with_ids]
    for code in numbers:
        result[code] = number_of(result[code])
    for code in numbers[:-COUNT_DAYS]:
        lost += number_of(result.pop(code))
    return result, moved, lost


def union(one: bytes | int, other: bytes | int) -> bytes:
    """The ids of two buckets, sorted, each once. Neither may be a number: a full day has no hours."""
    if isinstance(one, int) or isinstance(other, int):
        raise TypeError("a full day has no hours")
    both = one + other
    return b"".join(sorted({both[at : at + ID_BYTES] for at in range(0, len(both), ID_BYTES)}))
