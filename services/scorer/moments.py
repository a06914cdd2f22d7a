"""Times of events that a ledger keeps beside its counts: for sequences, first times and absences.

Of a step of a sequence the newest 16 events are kept, each as its time and id, so a repeat is known and any order
gives the same bytes. Of a first time and of an absence one hour is enough: the earliest, the latest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

from services.scorer.criteria import SequenceRule
from services.scorer.ledger import ID_BYTES, Ledger

MOST_TIMES = 16
_TIME_BYTES = 8
TIME_ENTRY_BYTES = _TIME_BYTES + ID_BYTES
Kept = Literal["new", "known", "cut"]


def keep_time(ledger: Ledger, key: str, at: int, id: bytes) -> Kept:
    """Takes the time (ms) of an event in. `cut` says that the oldest was given up for it; who is older than all that
    are kept is not taken in, and known."""
    entry = max(at, 0).to_bytes(_TIME_BYTES, "big") + id
    held = ledger.times.get(key)
    if held is None:
        ledger.times[key] = entry
        ledger.times = dict(sorted(ledger.times.items()))
        return "new"
    entries = [held[place : place + TIME_ENTRY_BYTES] for place in range(0, len(held), TIME_ENTRY_BYTES)]
    place = bisect_left(entries, entry)
    if place < len(entries) and entries[place] == entry:
        return "known"
    if len(entries) < MOST_TIMES:
        entries.insert(place, entry)
        ledger.times[key] = b"".join(entries)
        return "new"
    if place == 0:
        return "known"
    entries.insert(place, entry)
    ledger.times[key] = b"".join(entries[1:])
    return "cut"


def keeps_time(ledger: Ledger, key: str, at: int, id: bytes) -> bool:
    """Whether the time of this event is kept."""
    held = ledger.times.get(key, b"")
    entry = max(at, 0).to_bytes(_TIME_BYTES, "big") + id
    return any(entry == held[place : place + TIME_ENTRY_BYTES] for place in range(0, len(held), TIME_ENTRY_BYTES))


def note_first(ledger: Ledger, criterion: str, hour: int) -> bool:
    """Notes that the criterion was met at an hour; answers whether that is earlier than known."""
    known = ledger.first.get(criterion)
    if known is not None and known <= hour:
        return False
    ledger.first[criterion] = hour
    if known is None:
        ledger.first = dict(sorted(ledger.first.items()))
    return True


def note_last(ledger: Ledger, criterion: str, hour: int) -> int | None:
    """Notes that something of it happened at an hour; answers the latest hour known before."""
    known = ledger.last.get(criterion)
    if known is None or known < hour:
        ledger.last[criterion] = hour
    if known is None:
        ledger.last = dict(sorted(ledger.last.items()))
    return known


def first_hour(criterion: str, ledgers: Sequence[Ledger]) -> int | None:
    """When the criterion was met first, over all ledgers."""
    return min((ledger.first[criterion] for ledger in ledgers if criterion in ledger.first), default=None)


def last_hour(criterion: str, ledgers: Sequence[Ledger]) -> int | None:
    """When something of it happened last, over all ledgers."""
    return max((ledger.last[criterion] for ledger in ledgers if criterion in ledger.last), default=None)


def completed_at(rule: SequenceRule, ledgers: Sequence[Ledger]) -> int | None:
    """When (ms) the sequence was last completed: the newest last step whose nearest earlier steps, each the newest
    before the next, begin within the window. None when it never was."""
    steps = []
    for step in rule.steps:
        times = _times(step.key, ledgers)
        if not times:
            return None
        steps.append(times)
    for end in reversed(steps[-1]):
        entry = end
        for times in reversed(steps[:-1]):
            place = bisect_left(times, entry)
            if place == 0:
                return None  # nothing is earlier than this, so than any older end
            entry = times[place - 1]
        if _at(end) - _at(entry) <= rule.within_ms:
            return _at(end)
    return None


def _times(key: str, ledgers: Sequence[Ledger]) -> list[bytes]:
    """The kept entries of a step over all ledgers, oldest first."""
    found: list[bytes] = []
    for ledger in ledgers:
        held = ledger.times.get(key)
        if held is not None:
            found += [held[at : at + TIME_ENTRY_BYTES] for at in range(0, len(held), TIME_ENTRY_BYTES)]
    return sorted(set(found)) if len(ledgers) > 1 else found


def _at(entry: bytes) -> int:
    return int.from_bytes(entry[:_TIME_BYTES], "big")
