"""Does history get in the way? From a live event to the routed lead while backfilled events wait, beside without them.

The services, the load and the measure are those of `latency`; between two series of windows the scorer is stopped until
the history lies on its bulk topic, so all of it waits when live events come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

from baton_schemas.backfill import BackfilledAct, DayBackfilled
from baton_schemas.engagement import Identifiers
from baton_schemas.envelope import envelop
from bench.children import Child, child
from bench.lab import Lab
from bench.latency import RATE, Window, alive, documents, load, percentiles, settle
from bench.log import SECRET, Keyed, Watcher, bench_settings, fill
from bench.report import Row, Section, Verdict
from bench.sales import Sales
from bench.system import environment, prepare, worker
from services.cli.publishing.days import BULK
from services.cli.publishing.records import KeyMaker
from services.cli.services import SERVICES
from services.runtime.settings import Settings

GOAL = 2.0
_ACTS = 4
_DAYS = 5
_DAY_MS = 86_400_000
_WARM_UP_S = 20
_BATCH_BYTES = 16_384
"""As `baton publish` writes."""
_KEYS = KeyMaker(SECRET.encode(), "k1")


def backfill(lab: Lab) -> Section:
    """Windows without history, then windows with it."""
    settings = bench_settings(lab.bootstrap)
    asyncio.run(prepare(settings, documents()))
    home = environment(settings, lab.folder)
    with contextlib.ExitStack() as children:
        services = {
            name: children.enter_context(child(worker(name), lab.folder / f"{name}.log", home)) for name in SERVICES
        }
        without, _ = asyncio.run(_series(lab, settings, services, 1_000_000, "without history"))
        services["scorer"].stop()
        count = asyncio.run(fill(settings, BULK, history(lab.sizes.bulk), _BATCH_BYTES))
        lab.say(f"{lab.sizes.bulk:,} events of the past wait in {count:,} records")
        services["scorer"] = children.enter_context(child(worker("scorer"), lab.folder / "scorer-2.log", home))
        beside, left = asyncio.run(_series(lab, settings, services, 5_000_000, "with history"))
    return _section(lab, without, beside, left)


def history(events: int) -> Iterator[Keyed]:
    """So many acts of the past, by days of people: pages and mails, weeks ago."""
    today = round(time.time() * 1000) // _DAY_MS
    for number in range(-(-events // _ACTS)):
        person, day = number // _DAYS, today - 40 - 7 * (number % _DAYS)
        who = Identifiers(email=f"past.{person}@company-{person // 5}.example")
        acts = [
            BackfilledAct(
                source="/bench/old",
                id=f"{number}-{step}",
                time=day * _DAY_MS + step * 3_600_000,
                action="page_viewed" if step % 2 else "email_opened",
                url=f"https://baton.example/blog/{step}",
            )
            for step in range(min(_ACTS, events - number * _ACTS))
        ]
        date = time.strftime("%Y-%m-%d", time.gmtime(day * 86_400))
        data = DayBackfilled(person=who, source="bench", day=date, acts=acts)
        headers, value = envelop(data, id=f"day-{number}", source="/backfill/bench", time=acts[-1].time)
        yield _KEYS.person(who).encode(), value, headers


async def _series(
    lab: Lab, settings: Settings, services: dict[str, Child], first: int, name: str
) -> tuple[list[Window], list[int]]:
    """Windows of live load; and how many bulk records waited before the first one and at the end of each."""
    seconds, runs = lab.sizes.seconds, lab.sizes.runs
    async with Sales(settings) as sales, Watcher(settings) as watcher:
        begin = time.time() + 0.2
        start = begin + _WARM_UP_S
        windows = [Window(start + run * seconds, start + (run + 1) * seconds) for run in range(runs)]
        counting = asyncio.create_task(_left(watcher, [start, *(window.end for window in windows)]))
        planned = await load(sales, begin, windows, first)
        for run, window in enumerate(windows, 1):
            await settle(sales, window, planned)
            p50, p99 = percentiles(window.to_append)
            lab.say(f"{name}, run {run}  {len(window.to_append):,} leads, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        alive(services)
        left = await counting
        await sales.at_rest()
        lab.say(f"{name}: bulk records that waited: {left}")
        return windows, left


async def _left(watcher: Watcher, moments: list[float]) -> list[int]:
    found = []
    for moment in moments:
        await asyncio.sleep(max(0.0, moment - time.time()))
        found.append(await watcher.behind("scorer", BULK))
    return found


def _section(lab: Lab, without: list[Window], beside: list[Window], left: list[int]) -> Section:
    section = Section(
        "backfill",
        f"From an event to the routed lead at {RATE} events/s while history waits",
        f"The services and the load of the latency measurement; {lab.sizes.seconds} s a run after {_WARM_UP_S} s. "
        f"First without history, then with {lab.sizes.bulk:,} backfilled events, {_ACTS} in a record, that are read "
        "meanwhile.",
    )
    rows = {name: [percentiles(each.to_append) for each in windows] for name, windows in _named(without, beside)}
    for name, pairs in rows.items():
        section.rows.append(Row(f"event to routed lead {name}, p50", "ms", [p50 for p50, _ in pairs]))
        section.rows.append(Row(f"event to routed lead {name}, p99", "ms", [p99 for _, p99 in pairs]))
    _, alone, _, loaded = (row.median for row in section.rows)
    section.verdicts.append(Verdict("p99 with history : without", GOAL, loaded / alone, at_least=False))
    taken = (left[0] - left[-1]) * _ACTS / (lab.sizes.seconds * lab.sizes.runs)
    waited = ", ".join(f"{each:,}" for each in left)
    note = f"Bulk records that waited before the first run with history and after each: {waited}"
    section.notes = [f"{note}; {taken:,.0f} events/s of the past were taken in meanwhile."]
    return section


def _named(without: list[Window], beside: list[Window]) -> tuple[tuple[str, list[Window]], ...]:
    return (("without history", without), ("with history", beside))
