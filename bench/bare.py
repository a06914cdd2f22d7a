"""The bare engines side by side: decode, decay, threshold, state; one worker process each, the same input log.

One rule for all, from outside. The broker stamps every record with its append time. A run lasts from the first state
that is on the log to the last state or signal; the events of that first instant do not count. Afterwards the states
are read back: a contender that lost an event, counted one twice or came to another score has no rate at all.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import cycle, islice, permutations
from pathlib import Path

from bench.children import Child, child
from bench.contenders.stock_faust import TABLE
from bench.decay import EVENTS, Decay, unpack
from bench.lab import Lab
from bench.log import Keyed, Watcher, bench_settings, create, fill, signals_topic
from bench.report import Row, Section
from services.runtime.errors import UserError
from services.runtime.kafka import admin

FAUST, PLAIN = "Baton on Faust", "Baton on plain aiokafka"
BY_HAND, STOCK = "aiokafka loop by hand", "stock Faust with a Table"
_FAST = (FAUST, PLAIN, BY_HAND)
CONTENDERS = (*_FAST, STOCK)
TARGETS = ((FAUST, PLAIN, 0.9), (FAUST, BY_HAND, 0.8), (FAUST, STOCK, 15.0))
_PATIENCE_S = 60.0
_STATE = ord("s")


@dataclass(slots=True)
class Seen:
    """What a run left on the log."""

    first_at: int = 0
    first_events: int = 0
    last_at: int = 0
    events: int = 0
    people: int = 0
    signals: int = 0
    state_bytes: int = 0
    journal_bytes: int = 0
    digest: str = ""

    @property
    def rate(self) -> float:
        return (self.events - self.first_events) / max(self.last_at - self.first_at, 1) * 1000


@dataclass(slots=True)
class Outcome:
    """All runs of a contender."""

    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def bare(lab: Lab) -> Section:
    """Runs all contenders in turn, `runs` times."""
    settings = bench_settings(lab.bootstrap)
    asyncio.run(create(settings, EVENTS))
    asyncio.run(fill(settings, EVENTS, events(lab.sizes.events, lab.sizes.people)))
    lab.say(f"{lab.sizes.events:,} events of {lab.sizes.people:,} people are on the log")
    outcomes = {name: Outcome() for name in CONTENDERS}
    results: set[tuple[int, int, int, str]] = set()
    for name in _FAST:
        _run(lab, name)  # nobody has to be the one who warms up the broker
    for turn, name in _timetable(lab.sizes.runs):
        if name == STOCK:
            _run(lab, PLAIN)  # what its last run left the broker to do is over when its next one begins
        seen, cpu_s = _run(lab, name)
        outcomes[name].rates.append(seen.rate)
        outcomes[name].cpu_us.append(cpu_s / seen.events * 1e6)
        results.add((seen.events, seen.people, seen.signals, seen.digest))
        lab.say(f"run {turn}  {name:26} {seen.rate:10,.0f} events/s")
    if len(results) != 1:
        raise UserError(f"the contenders came to different results: {sorted(results)}")
    return _section(outcomes, results.pop())


def _timetable(runs: int) -> Iterator[tuple[int, str]]:
    """The fast ones take turns in all orders, in twice as many rounds since theirs are short; the slow one comes after
    them. Its million small writes keep the broker busy for a while, and in a common round that falls to whoever
    follows it: that alone once made a third of the difference between two of the fast."""
    for turn, order in enumerate(islice(cycle(permutations(_FAST)), 2 * runs), 1):
        for name in order:
            yield turn, name
    for turn in range(runs):
        yield turn + 1, STOCK


def events(count: int, people: int) -> Iterator[Keyed]:
    """Seeded, about 190 bytes each."""
    draw = random.Random(1)
    for index in range(count):
        key = b"k1.%032x" % (draw.randrange(people) * 2654435761)
        value = {
            "id": f"evt-{index:012d}",
            "person": key.decode(),
            "type": "baton.engagement.recorded.v1",
            "at": 1_700_000_000_000 + index * 10,
            "points": draw.randrange(1, 9),
            "url": f"/pricing/{draw.randrange(1000)}",
        }
        yield key, json.dumps(value, separators=(",", ":")).encode(), ()


def _run(lab: Lab, name: str) -> tuple[Seen, float]:
    number = lab.number()
    group, journal, signals = f"bench-{number}", f"hand-{number}", signals_topic(number)
    arguments = ["-m", "bench.contenders.engine", lab.bootstrap, str(number), "faust" if name == FAUST else "aiokafka"]
    if name in (FAUST, PLAIN):
        journal = admin.journal_topic(Decay(number, signals))
    elif name == BY_HAND:
        arguments = ["-m", "bench.contenders.by_hand", lab.bootstrap, group, journal, signals]
    else:
        journal = f"{group}-{TABLE}-changelog"
        folder = str(lab.folder / group)
        arguments = ["-m", "bench.contenders.stock_faust", lab.bootstrap, group, signals, folder]
    settings = bench_settings(lab.bootstrap)
    asyncio.run(create(settings, signals, journals=[journal]))
    with child(arguments, lab.folder / f"{group}.log") as contender:
        seen, cpu_s = asyncio.run(_watched(lab, contender, group, journal, signals, prefixed=name != STOCK))
    asyncio.run(admin.delete(settings, [journal, signals]))
    if seen.events != lab.sizes.events:
        raise UserError(f"{name}: {seen.events} events were counted of {lab.sizes.events}")
    return seen, cpu_s


async def _watched(
    lab: Lab, contender: Child, group: str, journal: str, signals: str, *, prefixed: bool
) -> tuple[Seen, float]:
    settings = bench_settings(lab.bootstrap)
    async with Watcher(settings) as watcher:
        try:
            await watcher.until_done(group, EVENTS, alive=contender.ended, patience_s=_PATIENCE_S)
        except UserError as error:
            raise UserError(f"{error}\n{contender.last_words()}") from error
        cpu_s = contender.cpu_s()
        await asyncio.to_thread(contender.stop)
        return await _seen(watcher, journal, signals, prefixed=prefixed), cpu_s


async def _seen(watcher: Watcher, journal: str, signals: str, *, prefixed: bool) -> Seen:
    """Reads the states back. A journal prefixes a state's key; in Baton's, a value starts with the epoch."""
    seen, last, first = Seen(), dict[bytes, bytes](), dict[int, dict[bytes, bytes]]()
    skip = 4 if journal.startswith(admin.JOURNAL_PREFIX) else 0
    async for _, part in watcher.slices(journal):
        for record in part.records:
            if record.value is None or (prefixed and record.key[0] != _STATE):
                continue
            key, value = record.key, record.value[skip:]
            last[key] = value
            seen.journal_bytes += len(record.key) + len(record.value)
            seen.last_at = max(seen.last_at, record.timestamp)
            if not first or record.timestamp <= min(first):
                first.setdefault(record.timestamp, {})[key] = value
    seen.first_at = min(first)
    seen.first_events = sum(unpack(value).count for value in first[seen.first_at].values())
    async for _, part in watcher.slices(signals):
        seen.signals += len(part.records)
        seen.last_at = max(seen.last_at, *(record.timestamp for record in part.records))
    digest = blake2b(digest_size=8)
    for key in sorted(last):
        person = unpack(last[key])
        seen.events += person.count
        seen.state_bytes += len(last[key])
        digest.update(b"%b %r %d" % (key[prefixed:], repr(person.score).encode(), person.count))
    seen.people, seen.digest = len(last), digest.hexdigest()
    return seen


def _section(outcomes: dict[str, Outcome], result: tuple[int, int, int, str]) -> Section:
    count, people, signals, digest = result
    section = Section(
        "bare",
        "Bare engines",
        f"{count:,} events of about 190 bytes over {people:,} people, 8 partitions, one worker process: JSON decoded, "
        "score decayed, threshold checked, 410 bytes of state kept. acks=all, idempotent, journal before offset; the "
        f"fast ones take turns. All contenders came to the same {people:,} states and {signals:,} signals ({digest}). "
        "Measured by the broker's append times, from the first state on the log to the last state or signal.",
    )
    notes = {
        BY_HAND: _lines_note(),
        STOCK: "a weaker promise: its changelog is neither awaited nor atomic",
    }
    for name, outcome in outcomes.items():
        cpu = f"{sorted(outcome.cpu_us)[len(outcome.cpu_us) // 2]:.1f} µs of CPU an event, start included"
        note = "; ".join(filter(None, (cpu, notes.get(name, ""))))
        section.rows.append(Row(name, "events/s", outcome.rates, note))
    for first, second, goal in TARGETS:
        section.compare(first, second, goal, in_turns=second != STOCK)
    return section


def _lines_note() -> str:
    text = (Path(__file__).parent / "contenders" / "by_hand.py").read_text()
    lines = [line for line in text[text.index("async def restore") :].splitlines() if line.strip()]
    return f"{len(lines)} lines, the same promise for one worker"
