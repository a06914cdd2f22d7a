"""The real scorer on a backlog of simulated events, with the definition in `config/` and with a scorecard of 25
criteria and 3 sequences, on both engines; and where its time goes.

Measured from outside: the journal's commit records say which positions were reached, the broker's stamps say when. A
run lasts from the first group on the log until the last one that moved a position, internal hops included.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.children import child
from bench.lab import Lab
from bench.log import Keyed, Watcher, bench_settings, fill
from bench.profile import profile
from bench.report import Row, Section, Verdict
from bench.system import environment, plans, prepare, worker
from bench.world import days, foreign
from services.cli.config_folder import Documents, read_folder
from services.cli.services import processor
from services.cli.system import config_folder, read_checked
from services.runtime.clock import SystemClock
from services.runtime.errors import UserError
from services.runtime.kafka import admin
from services.runtime.kafka.connection import broker_name
from services.runtime.kafka.group import EPOCH_BYTES, read_commit
from services.runtime.processor import Processor
from services.runtime.settings import Settings
from services.scorer import person

GOAL, SCORECARD_GOAL, RATIO_GOAL = 20_000.0, 25_000.0, 0.8
MEDIAN_BYTES, MOST_BYTES = 2_048.0, 16_384.0
_EVENTS = "engagement.events"
_TWO_DAYS_MS = 2 * 86_400_000
_PATIENCE_S = 60.0
_STATE, _COMMIT, _TIMER = ord("s"), ord("c"), ord("t")


class Variant(NamedTuple):
    """What is measured: whose keys the events have, the folder of the definition, the engine."""

    name: str
    foreign: bool = False
    definition: str = ""
    engine: str = "faust"


KNOWN = Variant("config/, keys as Baton makes them")
FOREIGN = Variant("config/, all keys the publisher's own", foreign=True)
SCORECARD = Variant("25 criteria, 3 sequences", definition="examples/scorecard")
PLAIN = Variant("25 criteria, 3 sequences, plain aiokafka", definition="examples/scorecard", engine="aiokafka")
VARIANTS = (KNOWN, FOREIGN, SCORECARD, PLAIN)


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
    """Runs the variants in turn, then the first once more under a profiler."""
    sizes = lab.sizes
    start = SystemClock().wall() - _TWO_DAYS_MS
    known = days(events=sizes.events, people=sizes.people, start=start)
    others = list(foreign(known))
    lab.say(f"{len(known):,} events of {sizes.people:,} simulated people are ready")
    seen: dict[Variant, list[tuple[Seen, float]]] = {variant: [] for variant in VARIANTS}
    for turn in range(1, sizes.runs + 1):
        for variant in VARIANTS:
            one = _run(lab, others if variant.foreign else known, worker("scorer"), variant)
            seen[variant].append(one)
            lab.say(f"run {turn}  {variant.name:42} {one[0].rate:10,.0f} events/s")
    file = lab.folder / "scorer.prof"
    profiled, _ = _run(lab, known, ["-m", "cProfile", "-o", str(file), *worker("scorer")], KNOWN)
    return _section(lab, seen, profiled, file)


def _run(lab: Lab, records: Sequence[Keyed], arguments: Sequence[str], variant: Variant) -> tuple[Seen, float]:
    settings = bench_settings(lab.bootstrap, prefix=f"scorer{lab.number()}.")
    asyncio.run(prepare(settings, _documents(variant)))
    asyncio.run(fill(settings, broker_name(settings, _EVENTS), records))
    log = lab.folder / f"{settings.topic_prefix}log"
    with child(arguments, log, environment(settings, lab.folder) | {"BATON_ENGINE": variant.engine}) as running:
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


def _documents(variant: Variant) -> Documents:
    """Those of config/, with the variant's own in their place."""
    folder = config_folder(None)
    own = read_folder(folder / variant.definition) if variant.definition else {}
    replaced = {kind for kind, _ in own}
    return {name: text for name, text in read_checked(folder).items() if name[0] not in replaced} | own


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


def _section(lab: Lab, seen: dict[Variant, list[tuple[Seen, float]]], profiled: Seen, file: Path) -> Section:
    sizes = lab.sizes
    section = Section(
        "scorer",
        "The scorer with the definition in config/, and with a scorecard of 25 criteria and 3 sequences",
        f"{sizes.events:,} events of {sizes.people:,} simulated people (bots, repeats, late events and poison "
        "included) wait on the log; one `baton worker scorer` process, on Faust if nothing else is said, metrics and "
        "health on. From the first group in its journal to the last, hops between its own topics included.",
    )
    for variant, runs in seen.items():
        last, _ = runs[-1]
        cpu = sorted(cpu / one.events * 1e6 for one, cpu in runs)[len(runs) // 2]
        note = f"{cpu:.0f} µs of CPU an event, start included; {last.records:,} records with hops"
        section.rows.append(Row(variant.name, "events/s", [one.rate for one, _ in runs], note))
    faust, plain = section.row(SCORECARD.name).median, section.row(PLAIN.name).median
    section.ratios.append(("25 criteria, Faust / plain aiokafka", faust / plain, ""))
    sizes_of = _people(seen[SCORECARD][-1][0])
    section.verdicts += [
        Verdict("scorer, events/s", GOAL, section.row(KNOWN.name).median, at_least=True),
        Verdict("scorer, 25 criteria, events/s", SCORECARD_GOAL, faust, at_least=True),
        Verdict("scorer, 25 criteria, Faust / plain aiokafka", RATIO_GOAL, faust / plain, at_least=True),
        Verdict("person, 25 criteria, median", MEDIAN_BYTES, median(sizes_of), at_least=False, unit="bytes"),
        Verdict("person, 25 criteria, largest", MOST_BYTES, sizes_of[-1], at_least=False, unit="bytes"),
    ]
    last, _ = seen[KNOWN][-1]
    live = [size for size in last.states.values() if size]
    size, written = sum(live) / max(len(live), 1), last.journal_bytes / last.events
    told = (
        f"It qualified {last.qualified:,} leads and put {last.dead} records aside as dead letters. "
        f"{len(live):,} states of {size:,.0f} bytes on average; {written:,.0f} bytes of journal an event."
    )
    section.notes = [told, "", *profile(file, profiled.rate, profiled.events)]
    return section


def _people(seen: Seen) -> list[int]:
    """The bytes of each person's state, the smallest first."""
    return sorted(size for key, size in seen.states.items() if size and key[1:].startswith(person.PREFIX))
