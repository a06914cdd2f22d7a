"""Two profiles of one identity become one: what each was told of, together, as if one had been told of all of it.

Everything in a profile is a set, or the newest or oldest of a set, so joining is: in any order, any number of times.
That is what a look-back rests on: the log is read once more for criteria that were not counted then, and what comes out
is joined to what is known, while events go on coming.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

from services.scorer.ledger import COUNT_DAYS, FULL_DAY, IDS_DAYS, Buckets, Ledger, advance, number_of, union
from services.scorer.moments import MOST_TIMES, TIME_ENTRY_BYTES
from services.scorer.profile import MAX_ACTS, MAX_TRAITS, Facts, Latest, Profile, earlier, later


def join(profile: Profile, other: Profile) -> None:
    """Takes all that `other` knows into `profile`; both are changed. Both must be of the same identity, and neither may
    know of an event that is too late for the other. What backfills said is no set that can be joined: at most one of
    them may know of any."""
    _join_ledger(profile.ledger, other.ledger)
    profile.email = profile.email or other.email
    profile.traits = _newest_traits(profile.traits, other.traits)
    profile.acts = sorted({*profile.acts, *other.acts}, reverse=True)[:MAX_ACTS]
    profile.campaign = later(profile.campaign, other.campaign)
    profile.first_touch = earlier(profile.first_touch, other.first_touch)
    profile.stopped = later(profile.stopped, other.stopped)
    profile.facts = _newer(profile.facts, other.facts)
    profile.past = profile.past or other.past


def _newest_traits(one: Mapping[str, Latest], other: Mapping[str, Latest]) -> dict[str, Latest]:
    found = dict(one)
    for name, latest in other.items():
        newest = later(found.get(name), latest)
        if newest is not None:
            found[name] = newest
    while len(found) > MAX_TRAITS:
        del found[min(found, key=lambda each: (found[each].at, each))]
    return dict(sorted(found.items()))


def _newer(one: Facts | None, other: Facts | None) -> Facts | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda each: (each.at, each.tie))


def _join_ledger(ledger: Ledger, other: Ledger) -> None:
    advance(ledger, other.newest)
    advance(other, ledger.newest)
    ledger.cut = max(ledger.cut, other.cut)
    today = ledger.newest // 24
    for name, buckets in other.lines.items():
        mine = ledger.lines.get(name)
        ledger.lines[name] = buckets if mine is None else _joined(mine, buckets, today)
    ledger.lines = dict(sorted(ledger.lines.items()))
    times = {**other.times, **ledger.times}
    for name in ledger.times.keys() & other.times.keys():
        times[name] = _newest_times(ledger.times[name], other.times[name])
    ledger.times = dict(sorted(times.items()))
    ledger.first = _each(ledger.first, other.first, min)
    ledger.last = _each(ledger.last, other.last, max)


def _joined(mine: Buckets, others: Buckets, today: int) -> Buckets:
    """Both hold what they do as of `today`: hours of two days, days of ids, then days of numbers."""
    found: Buckets = {}
    for code in sorted({*mine, *others}):
        held = [each[code] for each in (mine, others) if code in each]
        found[code] = max(map(number_of, held)) if any(isinstance(each, int) for each in held) else reduce(union, held)
    with_ids = (today - IDS_DAYS) * 48
    for day in {code // 48 for code in found if code >= with_ids}:
        codes = [code for code in found if code // 48 == day]
        number = sum(number_of(found[code]) for code in codes)
        if closed := any(isinstance(found[code], int) for code in codes):  # whose ids were let go
            number = max(sum(number_of(each[code]) for code in codes if code in each) for each in (mine, others))
        if closed or number >= FULL_DAY:
            for code in codes:
                del found[code]
            found[day * 48 + 1] = min(number, FULL_DAY)
    old = sorted(code for code in found if code < with_ids)
    for code in old[:-COUNT_DAYS]:
        del found[code]
    return dict(sorted(found.items()))


def _newest_times(one: bytes, other: bytes) -> bytes:
    both, size = one + other, TIME_ENTRY_BYTES
    entries = sorted({both[at : at + size] for at in range(0, len(both), size)})
    return b"".join(entries[-MOST_TIMES:])


def _each(one: Mapping[str, int], other: Mapping[str, int], choose: Callable[[int, int], int]) -> dict[str, int]:
    found = dict(one)
    for name, hour in other.items():
        found[name] = choose(found.get(name, hour), hour)
    return dict(sorted(found.items()))
