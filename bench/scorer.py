"""The real scorer with the definition in `config/`, on a backlog of simulated events; and where its time goes.

Measured from outside: the journal's commit records say which positions were reached, the broker's stamps say when. A
run lasts from the first group on the log until the last one that moved a position, internal hops included.
"""

from __future__ import annotations

import asyncio
import pstats
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.children import child
from bench.lab import Lab
from bench.log import Keyed, Watcher, bench_settings, fill
from bench.report import Row, Section, Verdict
from bench.system import environment, plans, prepare, worker
from bench.world import days, foreign
from services.cli.services import processor
from services.runtime.clock import SystemClock
from services.runtime.errors import UserError
from services.runtime.kafka import admin
from services.runtime.kafka.connection import broker_name
from services.runtime.kafka.group import EPOCH_BYTES, read_commit
from services.runtime.processor import Processor
from services.runtime.settings import Settings

GOAL = 20_000.0
KNOWN, FOREIGN = "keys as Baton makes them", "all keys the publisher's own"
_EVENTS = "engagement.events"
_TWO_DAYS_MS = 2 * 86_400_000
_PATIENCE_S = 60.0
_STATE, _COMMIT, _TIMER = ord("s"), ord("c"), ord("t")
_TOP = 16


@dataclass(slots=True)
class Seen:
    """What a run left on the log."""

    first_at: int = 0
    last_at: int = 0
    first_events: int = 0
    reached: dict[tuple[int, str], int] = field(default_factory=dict)
    states: dict[bytes, int] = field(default_factory=dict)
    journal_bytes: int = 0
    qualified: int = 0
    dead: int = 0

    @property
    def events(self) -> int:
        return sum(offset for (_, topic), offset in self.reached.items() if topic == _EVENTS)

    @property
    def records(self) -> int:
        return sum(self.reached.values())

    @property
    def rate(self) -> float:
        return (self.events - self.first_events) / max(self.last_at - self.first_at, 1) * 1000


def scorer(lab: Lab) -> Section:
    """Runs both variants in turn, then once more under a profiler."""
    sizes = lab.sizes
    start = SystemClock().wall() - _TWO_DAYS_MS
    known = days(events=sizes.events, people=sizes.people, start=start)
    variants: dict[str, list[Keyed]] = {KNOWN: known, FOREIGN: list(foreign(known))}
    lab.say(f"{len(known):,} events of {sizes.people:,} simulated people are ready")
    seen: dict[str, list[tuple[Seen, float]]] = {name: [] for name in variants}
    for turn in range(1, sizes.runs + 1):
        for name, records in variants.items():
            one = _run(lab, records, worker("scorer"))
            seen[name].append(one)
            lab.say(f"run {turn}  {name:30} {one[0].rate:10,.0f} events/s")
    file = lab.folder / "scorer.prof"
    profiled, _ = _run(lab, known, ["-m", "cProfile", "-o", str(file), *worker("scorer")])
    return _section(lab, seen, profiled, file)


def _run(lab: Lab, records: Sequence[Keyed], arguments: Sequence[str]) -> tuple[Seen, float]:
    settings = bench_settings(lab.bootstrap, prefix=f"scorer{lab.number()}.")
    asyncio.run(prepare(settings))
    asyncio.run(fill(settings, broker_name(settings, _EVENTS), records))
    log = lab.folder / f"{settings.topic_prefix}log"
    with child(arguments, log, environment(settings, lab.folder)) as running:
        one = processor("scorer", settings)
        try:
            found = asyncio.run(_watched(settings, one, running.ended))
        except UserError as error:
            raise UserError(f"{error}\n{running.last_words()}") from error
        cpu_s = running.cpu_s()
    asyncio.run(admin.delete(settings, [each.name for each in plans(settings)]))
    if found.events != len(records):
        raise UserError(f"the scorer's journal has {found.events} events of {len(records)}")
    return found, cpu_s


async def _watched(settings: Settings, one: Processor, alive: object) -> Seen:
    inputs = [broker_name(settings, topic) for topic in one.inputs]
    async with Watcher(settings) as watcher:
        await watcher.until_done(broker_name(settings, one.name), *inputs, alive=alive, patience_s=_PATIENCE_S)
        return await _seen(watcher, settings, one)


async def _seen(watcher: Watcher, settings: Settings, one: Processor) -> Seen:
    seen = Seen()
    commits: list[tuple[int, int, dict[str, int]]] = []
    async for tp, part in watcher.slices(broker_name(settings, admin.journal_topic(one))):
        for record in part.records:
            kind = record.key[0]
            if kind == _STATE:
                seen.states[record.key] = 0 if record.value is None else len(record.value) - EPOCH_BYTES
            elif kind == _COMMIT and record.value is not None:
                commits.append((record.timestamp, tp.partition, read_commit(record.value).positions))
            seen.journal_bytes += len(record.key) + len(record.value or b"")
    for at, partition, positions in sorted(commits, key=lambda commit: commit[0]):
        before = seen.records
        seen.reached |= {(partition, topic): offset for topic, offset in positions.items()}
        if seen.records == before:
            continue
        seen.last_at = at
        if seen.first_at in (0, at):
            seen.first_at, seen.first_events = at, seen.events
    ends = await watcher.ends(broker_name(settings, "leads.qualified"))
    seen.qualified = sum(ends.values())
    seen.dead = sum((await watcher.ends(broker_name(settings, f"{_EVENTS}.dead"))).values())
    return seen


def _section(lab: Lab, seen: dict[str, list[tuple[Seen, float]]], profiled: Seen, file: Path) -> Section:
    sizes = lab.sizes
    section = Section(
        "scorer",
        "The scorer with the definition in config/",
        f"{sizes.events:,} events of {sizes.people:,} simulated people (bots, repeats, late events and poison "
        "included) wait on the log; one `baton worker scorer` process on Faust, metrics and health on. From the first "
        "group in its journal to the last, hops between its own topics included.",
    )
    for name, runs in seen.items():
        last, _ = runs[-1]
        cpu = sorted(cpu / one.events * 1e6 for one, cpu in runs)[len(runs) // 2]
        note = f"{cpu:.0f} µs of CPU an event, start included; {last.records:,} records with hops"
        section.rows.append(Row(name, "events/s", [one.rate for one, _ in runs], note))
    last, _ = seen[KNOWN][-1]
    live = [size for size in last.states.values() if size]
    section.verdicts.append(Verdict("scorer, events/s", GOAL, section.row(KNOWN).median, at_least=True))
    size, written = sum(live) / max(len(live), 1), last.journal_bytes / last.events
    told = (
        f"It qualified {last.qualified:,} leads and put {last.dead} records aside as dead letters. "
        f"{len(live):,} states of {size:,.0f} bytes on average; {written:,.0f} bytes of journal an event."
    )
    section.notes = [told, "", *_profile(file, profiled)]
    return section


def _profile(file: Path, profiled: Seen) -> list[str]:
    """Where the time goes: by room, then the functions with the most time of their own."""
    stats = pstats.Stats(str(file))
    own: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    rooms: defaultdict[str, float] = defaultdict(float)
    for (path, _, name), each in own.items():
        rooms[_room(path, name)] += each[2]
    waiting = rooms.pop("waiting", 0.0)
    whole = sum(rooms.values())
    shares = sorted(rooms.items(), key=lambda each: -each[1])[:8]
    lines = [
        f"Profile (cProfile, a run of its own at {profiled.rate:,.0f} events/s; {whole:.1f} s at work, start included, "
        f"{waiting:.1f} s waiting), time of their own by room: "
        + ", ".join(f"{room} {spent / whole:.0%}" for room, spent in shares),
        "",
        "| calls an event | own | with callees | function |",
        "|--:|--:|--:|---|",
    ]
    busy = [(key, each) for key, each in own.items() if _room(key[0], key[2]) != "waiting"]
    for (path, line, name), (_, calls, seconds, total, _) in sorted(busy, key=lambda one: -one[1][2])[:_TOP]:
        where = f"{_short(path)}:{line} {name}" if line else name.strip("<>")
        share, deep = seconds / whole, total / whole
        lines.append(f"| {calls / profiled.events:.2f} | {share:.1%} | {deep:.1%} | `{where}` |")
    return lines


def _room(path: str, name: str) -> str:
    if "poll" in name and "select" in name:
        return "waiting"
    for mark, room in (
        ("services/scorer/", "scorer"),
        ("services/runtime/", "runtime"),
        ("baton_schemas/", "contracts"),
        ("pydantic", "pydantic"),
        ("aiokafka", "aiokafka"),
        ("faust", "Faust"),
        ("mode/", "Faust"),
        ("prometheus_client", "metrics"),
        ("asyncio", "asyncio"),
    ):
        if mark in path or mark in name:
            return room
    return "built in" if path.startswith("~") else "imports and the rest"


def _short(path: str) -> str:
    parts = Path(path).parts
    for mark in ("services", "baton_schemas", "site-packages"):
        if mark in parts:
            index = len(parts) - 1 - parts[::-1].index(mark)
            return "/".join(parts[index + (mark == "site-packages") :])
    return "/".join(parts[-2:])
