"""What backfills said of one identity, kept beside its ledger: by source and day, so that a day can be said anew.

Of a day it keeps, per criterion, how many events met it and the hours of the first and the last one; per step of a
sequence the newest 4 times; of the newest 20 days the newest 2 acts. No ids: a day is said whole, and the last word on
it counts. Nothing of it depends on the live events of the person, nor the other way round, so either may come first.

The newest 120 days that were ever said are kept, whatever was said of them since (a day that was taken back keeps its
place): so which ones are kept does not depend on the order in which they came. Read, each source is one more ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

import msgspec

from services.scorer.ledger import FULL_DAY, ID_BYTES, Ledger
from services.scorer.profile import MAX_ACTS, Act, Profile, act_of, latest_act, pack_act

MOST_DAYS = 120
TIMES_A_DAY = 4
ACTS_A_DAY = 2
NOTHING = b""
_MOST_TIMES = 16
_ENTRY = 8 + ID_BYTES
V = TypeVar("V")


class Day(msgspec.Struct, gc=False):
    """What was said of one day. `marks` by criterion: count, hour of the first event, hour of the last (0-23 each); an
    absence's has no count. `times` by step: entries of time (ms, 8 bytes) and id, in order. `acts`, newest first."""

    marks: dict[str, tuple[int, int, int]] = msgspec.field(default_factory=dict)
    times: dict[str, list[bytes]] = msgspec.field(default_factory=dict)
    acts: list[bytes] = msgspec.field(default_factory=list)

    def mark(self, criterion: str, hour: int, *, counts: bool = True) -> bool:
        """Notes an event at an hour of the day (0-23). False when the day is full: the event is not counted."""
        number, first, last = self.marks.get(criterion, (0, hour, hour))
        full = counts and number >= FULL_DAY
        self.marks[criterion] = (number + (counts and not full), min(first, hour), max(last, hour))
        return not full

    def keep_time(self, step: str, at: int, tie: bytes) -> None:
        """Notes the time of an event that is a step; the newest few are kept."""
        kept = {*self.times.get(step, ()), max(at, 0).to_bytes(8, "big") + tie}
        self.times[step] = sorted(kept)[-TIMES_A_DAY:]

    def add_act(self, at: int, tie: bytes, action: str, about: str) -> None:
        """Notes an act; the newest few are kept."""
        self.acts = sorted({*self.acts, pack_act(at, tie, action, about)}, reverse=True)[:ACTS_A_DAY]


class _Source(msgspec.Struct, array_like=True, gc=False):
    """What one source said. `days` has every day it spoke of; the others are transposed, which is a third of the
    bytes: by name, then by day."""

    days: list[int] = msgspec.field(default_factory=list)
    marks: dict[str, dict[int, int]] = msgspec.field(default_factory=dict)
    times: dict[str, dict[int, bytes]] = msgspec.field(default_factory=dict)
    acts: dict[int, list[bytes]] = msgspec.field(default_factory=dict)


def restate(packed: bytes, source: str, day: int, said: Day) -> tuple[bytes, int]:
    """What is kept once `source` has said this of `day` (days since 1970): equal content gives equal bytes. Also how
    many days were given up for it. Of a day that is older than all that are kept nothing is taken in."""
    sources = _DECODER.decode(packed) if packed else {}
    one = sources.get(source)
    if one is None or day not in one.days:
        if not said.marks and not said.times:
            return packed, 0
        one = sources.setdefault(source, _Source())
        one.days = sorted((*one.days, day))
    _forget(one, day)
    for name, (number, first, last) in said.marks.items():
        one.marks.setdefault(name, {})[day] = (number * 24 + first) * 24 + last
    for name, times in said.times.items():
        one.times.setdefault(name, {})[day] = b"".join(times)
    if said.acts:
        one.acts[day] = said.acts
    lost = _cut(sources)
    return _pack(sources), lost


def days_of(packed: bytes) -> list[tuple[int, str]]:
    """Every day that is kept, with the source that spoke of it, the oldest first."""
    sources = _DECODER.decode(packed) if packed else {}
    return sorted((day, name) for name, one in sources.items() for day in one.days)


def without(packed: bytes, day: int, source: str) -> bytes:
    """What is kept once a day of a source is given up."""
    sources = _DECODER.decode(packed)
    _give_up(sources, day, source)
    return _pack(sources)


def acts_in(packed: bytes) -> int:
    """How many acts are kept to be told."""
    return len(_acts(packed))


def without_acts(packed: bytes) -> bytes:
    """What is kept once no act is told of any more; what was counted stays."""
    sources = _DECODER.decode(packed)
    for one in sources.values():
        one.acts = {}
    return _pack(sources)


def ledgers_of(profiles: Sequence[Profile]) -> list[Ledger]:
    """The ledgers of profiles, then those of what backfills said of them: read together, they make the score."""
    ledgers = [profile.ledger for profile in profiles]
    for profile in profiles:
        if profile.past:
            ledgers += _ledgers(profile.past)
    return ledgers


def newest_acts(profiles: Sequence[Profile]) -> list[Act]:
    """The newest acts over all profiles, backfilled ones included, newest first."""
    packed = [act for profile in profiles for act in profile.acts]
    for profile in profiles:
        if profile.past:
            packed += _acts(profile.past)
    return [act_of(each) for each in sorted(packed, reverse=True)[:MAX_ACTS]]


def last_active(profiles: Sequence[Profile]) -> int | None:
    """When the person last did something that counts (ms), as far as anybody said."""
    if not any(profile.past for profile in profiles):
        return latest_act(profiles)
    return next((act.at for act in newest_acts(profiles)), None)


@lru_cache(maxsize=256)
def _ledgers(packed: bytes) -> list[Ledger]:
    """One ledger for each source. Whoever is judged is judged more than once; nobody changes what is read."""
    return [_ledger(one) for one in _DECODER.decode(packed).values()]


def _ledger(one: _Source) -> Ledger:
    ledger = Ledger()
    for name, by_day in sorted(one.marks.items()):
        marks = {day: (mark // 576, day * 24 + mark // 24 % 24, day * 24 + mark % 24) for day, mark in by_day.items()}
        if counts := {day * 48 + 1: number for day, (number, _, _) in sorted(marks.items()) if number}:
            ledger.lines[name] = dict(counts)
            ledger.first[name] = min(first for _, first, _ in marks.values())
        ledger.last[name] = max(last for _, _, last in marks.values())
    for name, times in sorted(one.times.items()):
        newest = b"".join(times[day] for day in sorted(times))
        ledger.times[name] = newest[-_MOST_TIMES * _ENTRY :]
    return ledger


@lru_cache(maxsize=256)
def _acts(packed: bytes) -> list[bytes]:
    return [act for one in _DECODER.decode(packed).values() for acts in one.acts.values() for act in acts]


def _cut(sources: dict[str, _Source]) -> int:
    """Gives up the oldest days beyond the limit; answers how many. Acts are kept of as many days as a dossier can tell
    acts."""
    known = sorted((day, name) for name, one in sources.items() for day in one.days)
    for day, name in known[:-MAX_ACTS]:
        sources[name].acts.pop(day, None)
    for day, name in (over := known[:-MOST_DAYS]):
        _give_up(sources, day, name)
    return len(over)


def _give_up(sources: dict[str, _Source], day: int, name: str) -> None:
    one = sources[name]
    one.days.remove(day)
    _forget(one, day)
    if not one.days:
        del sources[name]


def _forget(one: _Source, day: int) -> None:
    by_name: Mapping[str, dict[int, int]] | Mapping[str, dict[int, bytes]]
    for by_name in (one.marks, one.times):
        for days in by_name.values():
            days.pop(day, None)
    one.acts.pop(day, None)


def _pack(sources: Mapping[str, _Source]) -> bytes:
    ordered = {
        name: _Source(one.days, _ordered(one.marks), _ordered(one.times), dict(sorted(one.acts.items())))
        for name, one in sorted(sources.items())
    }
    return _ENCODER.encode(ordered) if ordered else NOTHING


def _ordered(by_name: Mapping[str, dict[int, V]]) -> dict[str, dict[int, V]]:
    return dict(_nonempty(by_name))


def _nonempty(by_name: Mapping[str, dict[int, V]]) -> Iterator[tuple[str, dict[int, V]]]:
    for name, days in sorted(by_name.items()):
        if days:
            yield name, dict(sorted(days.items()))


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(dict[str, _Source])
