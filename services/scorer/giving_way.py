"""What gives way when a person is too large, in which order: what hurts least goes first.

Nothing here decides how large that is (`limit.py`). A step names what may go, in a fixed order; of a step only as much
goes as must, then comes the next. First goes what nobody reads, then what is read but not judged by, then the past,
oldest first, and last what the score of these days rests on. What was decided, announced, forbidden or consented to is
in no step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, Literal, NamedTuple

import msgspec

from services.scorer import past
from services.scorer.ledger import IDS_DAYS, Ledger, number_of
from services.scorer.moments import TIME_ENTRY_BYTES
from services.scorer.profile import Latest, Profile, Value

Part = Literal[
    "colleague", "trait", "criterion", "act", "claim", "identity", "ids", "note", "campaign", "day", "time", "value"
]
"""What was cut, as the metric says it."""
NOTE_BYTES, VALUE_BYTES, CAMPAIGN_BYTES = 200, 256, 60
_FEW_TIMES = 4


class Read(NamedTuple):
    """What is read in a profile: traits that conditions, contact and account look at; notes, which only people read;
    names under which something is counted."""

    traits: frozenset[str]
    notes: frozenset[str]
    counted: frozenset[str]


class Cut(NamedTuple):
    """What may go at once: its place among those of its step, about how many bytes that frees, how it goes, and how
    many things that are."""

    place: tuple[Any, ...]
    size: int
    take: Callable[[], object]
    things: int = 1


Step = tuple[Part, Callable[[], Iterator[Cut]]]


def give_way(steps: Sequence[Step], over: Callable[[], int]) -> Counter[Part]:
    """Cuts, step by step, until nothing is `over` (bytes). Answers how much of what went."""
    gone: Counter[Part] = Counter()
    left = over()
    for part, candidates in steps:
        while left > 0:
            freed = cut_here = 0
            found = sorted(candidates(), key=lambda cut: cut.place)
            for cut in found:
                if freed >= left:
                    break
                cut.take()
                freed += cut.size
                cut_here += 1
                gone[part] += cut.things
            left = over()
            if cut_here == len(found):
                break
    return +gone


def of_profile(profile: Profile, read: Read) -> list[Step]:
    """What goes of an identity's own profile, in order."""
    one = [profile]
    return [
        ("trait", partial(unread_traits, one, read)),
        ("criterion", partial(uncounted, one, read)),
        ("act", partial(acts, one)),
        ("ids", partial(ids, profile.ledger)),
        *of_the_past(one, read),
        *of_these_days(one),
    ]


def of_the_past(profiles: Sequence[Profile], read: Read) -> list[Step]:
    """What goes of profiles, once nothing is left in them that is not read."""
    return [
        ("note", partial(_long_texts, profiles, NOTE_BYTES, lambda name: name in read.notes - read.traits)),
        ("campaign", partial(_campaigns, profiles)),
        ("day", partial(days, profiles, IDS_DAYS)),
        ("time", partial(_times, profiles)),
        ("value", partial(_long_texts, profiles, VALUE_BYTES, lambda _: True)),
        ("day", partial(days, profiles, 0)),
    ]


def of_these_days(profiles: Sequence[Profile]) -> list[Step]:
    """What goes last: what is known now."""
    return [
        ("trait", partial(_traits, profiles)),
        ("criterion", partial(_criteria, profiles, lambda _: True)),
    ]


def unread_traits(profiles: Sequence[Profile], read: Read) -> Iterator[Cut]:
    """Traits that nothing looks at, the longest first."""
    for number, profile in enumerate(profiles):
        for name, latest in profile.traits.items():
            if name not in read.traits and name not in read.notes:
                size = _size(name) + _size(latest)
                yield Cut((-size, latest.at, name, number), size, partial(profile.traits.pop, name))


def uncounted(profiles: Sequence[Profile], read: Read) -> Iterator[Cut]:
    """What former definitions counted."""
    return _criteria(profiles, lambda name: name not in read.counted)


def acts(profiles: Sequence[Profile]) -> Iterator[Cut]:
    """Acts that are told in a dossier, the oldest first; backfilled ones before them, and the newest one of a profile
    stays: it says when the person was last active."""
    for number, profile in enumerate(profiles):
        if profile.past and (told := past.acts_in(profile.past)):
            bare = past.without_acts(profile.past)
            size = len(profile.past) - len(bare)
            yield Cut((b"", number), size, partial(setattr, profile, "past", bare), told)
        for act in profile.acts[1:]:
            yield Cut((act, number), len(act) + 2, partial(profile.acts.remove, act))


def ids(ledger: Ledger) -> Iterator[Cut]:
    """Ids of events of days before the two newest, the oldest first: their number stays, so the score does, too; the
    day is closed, as a full one is."""
    for name, buckets in ledger.lines.items():
        for code, held in buckets.items():
            if code & 1 and isinstance(held, bytes):
                closed = partial(buckets.__setitem__, code, number_of(held))
                yield Cut((code, name), len(held) + 1, closed)


def forget_ids(profile: Profile) -> None:
    """Makes numbers of all ids, which only their owner needs. The score stays what it is."""
    for buckets in profile.ledger.lines.values():
        for code, held in buckets.items():
            buckets[code] = number_of(held)


def days(profiles: Sequence[Profile], kept: int) -> Iterator[Cut]:
    """Days of the past as a whole, the oldest first, backfilled or not; of those that were not, the newest one and
    `kept` before it stay."""
    for number, profile in enumerate(profiles):
        ledger = profile.ledger
        counted: dict[int, int] = {}
        for name, buckets in ledger.lines.items():
            for code, held in buckets.items():
                size = _size(held) + 5 + (_size(name) if len(buckets) == 1 else 0)
                counted[code // 48] = counted.get(code // 48, 0) + size
        for day, size in counted.items():
            if day < ledger.newest // 24 - kept:
                yield Cut((day, "", number), size, partial(_drop_day, ledger, day))
        said = past.days_of(profile.past)
        for day, source in said:
            size = max(len(profile.past) // len(said), 1)
            yield Cut((day, source, number), size, partial(_drop_past, profile, day, source))


def _drop_day(ledger: Ledger, day: int) -> None:
    for name, buckets in list(ledger.lines.items()):
        for code in [code for code in buckets if code // 48 == day]:
            ledger.cut += number_of(buckets.pop(code))
        if not buckets:
            del ledger.lines[name]


def _drop_past(profile: Profile, day: int, source: str) -> None:
    profile.past = past.without(profile.past, day, source)


def _long_texts(profiles: Sequence[Profile], most: int, may_go: Callable[[str], bool]) -> Iterator[Cut]:
    """Long values, the longest first: a text is cut, a list loses its last elements."""
    for number, profile in enumerate(profiles):
        for name, latest in profile.traits.items():
            size = _size(latest.value)
            if size > most and may_go(name):
                short = Latest(latest.at, latest.tie, shortened(latest.value, most))
                cut = partial(profile.traits.__setitem__, name, short)
                yield Cut((-size, latest.at, name, number), size - _size(short.value), cut)


def _campaigns(profiles: Sequence[Profile]) -> Iterator[Cut]:
    """Long names of the first and the last campaign."""
    for number, profile in enumerate(profiles):
        for name in ("campaign", "first_touch"):
            latest: Latest | None = getattr(profile, name)
            said = latest.value if latest is not None and isinstance(latest.value, list) else []
            short = [_cut_text(each, CAMPAIGN_BYTES) if isinstance(each, str) else each for each in said]
            if latest is not None and short != said:
                size = _size(said) - _size(short)
                yield Cut(
                    (-size, number, name), size, partial(setattr, profile, name, Latest(latest.at, latest.tie, short))
                )


def _times(profiles: Sequence[Profile]) -> Iterator[Cut]:
    """Times of the steps of sequences, the oldest first; the newest few of each stay."""
    for number, profile in enumerate(profiles):
        for key, held in profile.ledger.times.items():
            for place in range(0, len(held) - _FEW_TIMES * TIME_ENTRY_BYTES, TIME_ENTRY_BYTES):
                entry = held[place : place + TIME_ENTRY_BYTES]
                yield Cut((entry, key, number), TIME_ENTRY_BYTES, partial(_drop_time, profile.ledger, key, entry))


def _drop_time(ledger: Ledger, key: str, entry: bytes) -> None:
    """The oldest go first, so the entry is the first one."""
    ledger.times[key] = ledger.times[key].removeprefix(entry)


def _traits(profiles: Sequence[Profile]) -> Iterator[Cut]:
    """Traits of any kind, the oldest first."""
    for number, profile in enumerate(profiles):
        for name, latest in profile.traits.items():
            size = _size(name) + _size(latest)
            yield Cut((latest.at, name, number), size, partial(profile.traits.pop, name))


def _criteria(profiles: Sequence[Profile], may_go: Callable[[str], bool]) -> Iterator[Cut]:
    """All that is kept under a name, those first under which nothing happened for the longest time."""
    for number, profile in enumerate(profiles):
        ledger = profile.ledger
        kept = (ledger.lines, ledger.times, ledger.first, ledger.last)
        for name in dict.fromkeys(chain.from_iterable(kept)):
            if may_go(name):
                held = [each[name] for each in kept if name in each]
                size = sum(_size(name) + _size(each) for each in held)
                newest = max(ledger.lines.get(name, {-1: 0}))
                yield Cut((newest, name, number), size, partial(_drop_name, ledger, name))


def _drop_name(ledger: Ledger, name: str) -> None:
    for kept in (ledger.lines, ledger.times, ledger.first, ledger.last):
        kept.pop(name, None)


def shortened(value: Value, most: int) -> Value:
    """The value in at most `most` bytes: a text with an ellipsis, a list without its last elements."""
    if isinstance(value, str):
        return _cut_text(value, most - 3)
    if not isinstance(value, list):
        return value
    kept: list[Any] = []
    left = most - 3
    for each in value:
        short = _cut_text(each, left - 3) if isinstance(each, str) and not kept else each
        left -= _size(short)
        if left < 0:
            break
        kept.append(short)
    return kept


def _cut_text(text: str, most: int) -> str:
    packed = text.encode(errors="replace")
    return text if len(packed) <= most else packed[: most - 3].decode(errors="ignore") + "…"


def _size(held: object) -> int:
    return len(_ENCODER.encode(held))


_ENCODER = msgspec.msgpack.Encoder()
