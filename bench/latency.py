"""From an event to the rep who has the lead, through all services as processes of their own, at a fixed rate of events.

Open loop: events have a timetable, and what is late counts from the timetable, not from when it was sent at last. Both
clocks, the load's and the broker's, are this machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import quantiles

import yaml

from bench.children import Child, child
from bench.hops import HOPS, Hops, read_hops
from bench.lab import Lab
from bench.log import Watcher, bench_settings, fill
from bench.report import Row, Section, Verdict
from bench.sales import Sales
from bench.stories import Tiling, record, tip_id
from bench.system import environment, prepare, worker
from services.cli.config_folder import Documents
from services.cli.services import SERVICES
from services.cli.services import processor as wired
from services.cli.system import config_folder, read_checked
from services.runtime.errors import UserError
from services.runtime.settings import Settings

RATE = 500
GOAL_P50_MS, GOAL_P99_MS = 20.0, 100.0
WARN_S = 6
_EVENTS = "engagement.events"
_LENGTH = 20
_BACKLOG_LENGTH = 200
_WARM_UP_S = 60
_PATIENCE_S = 60.0


@dataclass(slots=True)
class Window:
    """One run, from `begin` to `end` (seconds): what came, in milliseconds."""

    begin: float
    end: float
    to_append: list[float] = field(default_factory=list)
    to_arrival: list[float] = field(default_factory=list)
    most_late_ms: float = 0.0

    def holds(self, due: float) -> bool:
        """Whether an event that is due then belongs to it."""
        return self.begin <= due < self.end


def latency(lab: Lab) -> Section:
    """The services run all the time; windows of load one after the other; at last the backlog."""
    settings = bench_settings(lab.bootstrap)
    asyncio.run(prepare(settings, documents()))
    home = environment(settings, lab.folder)
    with contextlib.ExitStack() as children:
        services = {
            name: children.enter_context(child(worker(name), lab.folder / f"{name}.log", home)) for name in SERVICES
        }
        windows, hops = asyncio.run(_windows(lab, settings, services))
        services["scorer"].stop()
        since = asyncio.run(_pile_up(lab, settings))
        services["scorer"] = children.enter_context(child(worker("scorer"), lab.folder / "scorer-2.log", home))
        loaded = asyncio.run(_backlog(lab, settings, services, since))
    return _section(lab, windows, hops, loaded)


def documents() -> Documents:
    """`config/`, but: open day and night, room for every lead, and a warning after seconds instead of hours."""
    found = read_checked(config_folder(None))
    for (kind, name), text in found.items():
        content = yaml.safe_load(text)
        if kind == "calendars":
            for calendar in content["calendars"]:
                calendar["hours"] = {"mon-sun": ["00:00-24:00"]}
                for key in ("holidays", "closed", "open_on"):
                    calendar.pop(key, None)
        elif kind == "teams":
            for rep in (rep for team in content["teams"] for rep in team["reps"]):
                rep["capacity"] = 10_000
                rep.pop("absences", None)
        elif kind == "sla":
            for target in (target for policy in content["policies"] for target in policy["tiers"].values()):
                target.update(first_touch_minutes=1, warn_at=WARN_S / 60, reassign_after_minutes=60)
        else:
            continue
        found[kind, name] = yaml.safe_dump(content, sort_keys=False)
    return found


async def _windows(lab: Lab, settings: Settings, services: dict[str, Child]) -> tuple[list[Window], Hops]:
    """One load without a break: a warm-up, then window after window. Stories end at an even pace all the time, which
    they would not if each window told its own from their beginnings to their ends."""
    seconds, runs = lab.sizes.seconds, lab.sizes.runs
    async with Sales(settings) as sales, Watcher(settings) as watcher:
        begin = time.time() + 0.2
        first = begin + _WARM_UP_S
        windows = [Window(first + run * seconds, first + (run + 1) * seconds) for run in range(runs)]
        planned = await load(sales, begin, windows)
        for run, window in enumerate(windows, 1):
            await settle(sales, window, planned)
            p50, p99 = percentiles(window.to_append)
            lab.say(f"run {run}  {len(window.to_append):,} leads, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        alive(services)
        await sales.at_rest()
        people = {person for person, due in planned.items() if any(window.holds(due) for window in windows)}
        return windows, await read_hops(watcher, since=round(windows[0].begin * 1000), persons=people, length=_LENGTH)


async def load(sales: Sales, begin: float, windows: list[Window], first: int = 1_000_000) -> dict[int, float]:
    """Publishes by the timetable until the last window is over; when each person's last event was due. `first` numbers
    the people."""
    planned = dict[int, float]()
    most = round((windows[-1].end - begin) * RATE)  # more people than begin a story: no story is the last one
    for number, (person, step) in enumerate(Tiling(first, most, _LENGTH)):
        due = begin + number / RATE
        if due >= windows[-1].end:
            break
        if step == _LENGTH - 1:
            planned[person] = due
        ahead = due - time.time()
        if ahead > 0:
            await asyncio.sleep(ahead)
            ahead = due - time.time()
        for window in windows:
            if window.holds(due):
                window.most_late_ms = max(window.most_late_ms, -ahead * 1000)
        await sales.publish(record(person, step, _LENGTH, round(due * 1000)))
    return planned


async def settle(sales: Sales, window: Window, planned: dict[int, float]) -> None:
    """Waits for the leads of a window and takes their times. Raises UserError when they do not come."""
    tips = {tip_id(person, _LENGTH): due for person, due in planned.items() if window.holds(due)}
    deadline = time.monotonic() + _PATIENCE_S
    while not tips.keys() <= sales.routed.keys():
        if time.monotonic() > deadline:
            missing = len(tips.keys() - sales.routed.keys())
            raise UserError(f"{missing} of {len(tips)} leads were not routed within {_PATIENCE_S:g} s")
        await asyncio.sleep(0.05)
    for tip, due in tips.items():
        appended_ms, arrived = sales.routed[tip]
        window.to_append.append(appended_ms - due * 1000)
        window.to_arrival.append((arrived - due) * 1000)


async def _pile_up(lab: Lab, settings: Settings) -> int:
    """Puts the backlog on the log while nobody reads it; the moment (ms) when it was there."""
    people = max(1, lab.sizes.backlog // _BACKLOG_LENGTH)
    now = round(time.time() * 1000)
    tiles = Tiling(10_000_000, people, _BACKLOG_LENGTH)
    count = await fill(settings, _EVENTS, (record(person, step, _BACKLOG_LENGTH, now) for person, step in tiles))
    lab.say(f"a backlog of {count:,} events waits for the scorer")
    return round(time.time() * 1000)


async def _backlog(lab: Lab, settings: Settings, services: dict[str, Child], since: int) -> Hops:
    """Lets the scorer work its backlog off; what router and clocks did meanwhile."""
    async with Sales(settings) as sales, Watcher(settings) as watcher:
        scorer = wired("scorer", settings)
        await watcher.until_done("scorer", *scorer.inputs, alive=services["scorer"].ended, patience_s=_PATIENCE_S)
        until = round(time.time() * 1000)
        lab.say(f"the backlog is worked off after {(until - since) / 1000:.1f} s")
        await sales.at_rest()
        alive(services)
        people = range(10_000_000, 10_000_000 + max(1, lab.sizes.backlog // _BACKLOG_LENGTH))
        return await read_hops(watcher, since=since, until=until, persons=people, length=_BACKLOG_LENGTH)


def alive(services: dict[str, Child]) -> None:
    for name, running in services.items():
        if running.ended() is not None:
            raise UserError(f"{name} ended with {running.ended()}\n{running.last_words()}")


def percentiles(values: Iterable[float]) -> tuple[float, float]:
    """p50 and p99."""
    found = list(values)
    if len(found) < 2:
        return (found * 2)[0], (found * 2)[0]
    cuts = quantiles(found, n=100, method="inclusive")
    return cuts[49], cuts[98]


def _section(lab: Lab, windows: list[Window], hops: Hops, loaded: Hops) -> Section:
    leads = len(windows[0].to_append)
    section = Section(
        "latency",
        f"From an event to the routed lead at {RATE} events/s",
        f"Scorer, router and feedback as processes of their own on Faust; {lab.sizes.seconds} s a run after a warm-up "
        f"of {_WARM_UP_S} s, {leads:,} leads in each; one event in {_LENGTH} tips a lead, whose rep answers seconds "
        "later. Open loop: measured from the timetable of the event that tipped it to the broker's append time of its "
        "record on leads.routed. `config/` with its definition; calendars open, reps with room, "
        f"warnings after {WARN_S} s.",
    )
    append = [percentiles(each.to_append) for each in windows]
    arrival = [percentiles(each.to_arrival) for each in windows]
    for name, pairs in (("event to routed lead", append), ("event to a connector that has it", arrival)):
        section.rows.append(Row(f"{name}, p50", "ms", [p50 for p50, _ in pairs]))
        section.rows.append(Row(f"{name}, p99", "ms", [p99 for _, p99 in pairs]))
    behind = max(each.most_late_ms for each in windows)
    section.rows[0].note = f"the load was at most {behind:.1f} ms behind its timetable, which counts"
    goals = ((GOAL_P50_MS, "p50"), (GOAL_P99_MS, "p99"))
    for (goal, which), row in zip(goals, section.rows, strict=False):
        section.verdicts.append(Verdict(f"event to routed lead, {which}, ms", goal, row.median, at_least=False))
    for name, seen in ((f"at {RATE} events/s", hops), ("with the scorer's backlog", loaded)):
        for what, values in (
            ("qualified to routed", seen.routing),
            ("a clock's warning after its due time", seen.late),
        ):
            if values:
                p50, p99 = percentiles(values)
                note = f"p50 {p50:.1f} ms, {len(values):,} of them"
                section.rows.append(Row(f"{what} {name}, p99", "ms", [p99], note))
    told = (
        f"The backlog: {lab.sizes.backlog:,} events, one in {_BACKLOG_LENGTH} tips a lead; the scorer works it off on "
        "the same cores, and only what happens meanwhile counts."
    )
    shares = ", ".join(f"{name} {p50:.1f} / {p99:.1f}" for name, (p50, p99) in _by_hop(hops))
    section.notes = [
        told,
        "",
        f"Where the time of a lead goes, p50 / p99 in ms by the broker's stamps: {shares}.",
    ]
    return section


def _by_hop(hops: Hops) -> list[tuple[str, tuple[float, float]]]:
    return [(name, percentiles(values)) for name, values in zip(HOPS, hops.each, strict=True) if values]
