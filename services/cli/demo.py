"""`baton demo`: the whole loop on a real Kafka of its own, in two minutes; then it checks that nothing was lost.

It drives what `up` runs, from outside: a marketing tool that publishes, a CRM that answers, a screen that reads along.
Time runs faster by the clock's setting alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from baton_schemas.contract import format_time
from baton_schemas.engagement import Identifiers
from services.cli.conservation import Verdict
from services.cli.demo_crm import Company, company, notice
from services.cli.demo_screen import Screen, screen
from services.cli.demo_stage import TICK_S, Stage, ended_by_sigterm
from services.cli.demo_time import HOUR_MS, fast_clock, opening
from services.cli.demo_watch import TOPICS, Watch
from services.cli.home import (
    Remembered,
    alone,
    check_ports,
    embedded_settings,
    environment,
    make_secret,
    remember,
    start_broker,
)
from services.cli.publishing.records import KeyMaker
from services.cli.supervisor import Supervisor
from services.cli.system import apply_first, create_topics
from services.cli.terminal import out, own_name, run
from services.cli.verify import drained, verify
from services.runtime.clock import SystemClock
from services.runtime.embedded.broker import Broker, BrokerOptions
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings, load
from services.simulator.main import crm, marketing
from services.simulator.world import World, build

ROOM = "demo"
HOURS = 12
_LEAD_S = 8.0
"""Wall seconds that the services get to start before the simulated day begins."""
_DRAIN_S = 30.0
app = typer.Typer()


@dataclass(slots=True)
class Result:
    """What the demo leaves behind, and when its day ended (Baton ms): its fast clock runs on."""

    watch: Watch
    email: str
    ended: int
    verdicts: list[Verdict] = field(default_factory=list)
    drained: bool = False


@app.command()
def demo(
    people: Annotated[int, typer.Option("--people", min=50, max=20_000, help="How many people are simulated.")] = 2000,
    seconds: Annotated[
        int, typer.Option("--seconds", min=15, max=600, help="How long the simulated working day takes.")
    ] = 50,
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another world.")] = 7,
    crm: Annotated[bool, typer.Option("--crm", help="The reps work in a real CRM (Tryton; make tryton).")] = False,
) -> None:
    """Run the whole loop with simulated people and reps: score, qualify, route, warn, reassign, win, learn.

    It starts a real Kafka and the three services, shows one lead's life and the counters, checks the conservation laws
    (exit code 1 if one is broken), stops everything, and leaves its data for `baton explain` and others.

    Example: baton demo --people 500 --seconds 30
    Example: baton demo --crm --people 500 --seconds 80
    """
    given = load()
    check_ports(given)
    if given.kafka:
        raise UserError("BATON_KAFKA: is set, and the demo has a Kafka of its own", fix="unset BATON_KAFKA")
    console = out()
    shown = screen(console)
    with ended_by_sigterm() as ended, alone(given.data_dir / ROOM, "baton demo"):
        result = _played(given, shown, ended, crm=crm, people=people, seconds=seconds, seed=seed)
    _tell(result, shown)
    if not result.drained or not all(verdict.holds for verdict in result.verdicts):
        raise typer.Exit(1)


def _played(given: Settings, shown: Screen, ended: Event, *, crm: bool, people: int, seconds: int, seed: int) -> Result:
    what = Remembered(kafka=f"{ROOM}/kafka", secret=f"{ROOM}/person-key-secret")
    broker = Broker(given.data_dir / what.kafka, options=BrokerOptions(partitions=what.partitions))
    broker.reset()
    shutil.rmtree(given.data_dir / ROOM / "logs", ignore_errors=True)
    make_secret(given.data_dir / what.secret)
    began = time.monotonic()
    bootstrap = start_broker(broker)
    with contextlib.ExitStack() as stack:
        stack.callback(broker.stop)
        stack.callback(shown.close)
        shown.say(f"Kafka: a real broker at {bootstrap}, up in {time.monotonic() - began:.1f} s")
        settings = embedded_settings(given, what, bootstrap)
        shown.say(f"topics: {len(run(create_topics(settings)))} created")
        changes = run(apply_first(settings, None))
        if changes is not None:
            shown.say(f"configuration: set {changes.set_id}, {len(changes.added)} documents applied")
        start = opening(SystemClock().wall())
        scale = fast_clock(start, HOURS * HOUR_MS / (seconds * 1000), SystemClock().wall() + round(_LEAD_S * 1000))
        what = Remembered(
            kafka=what.kafka, secret=what.secret, clock_rate=scale.rate, clock_anchor=scale.anchor
        )  # fmt: skip
        remember(given.data_dir, what)
        settings = embedded_settings(given, what, bootstrap)
        world = _world(settings, people, seed, start)
        shown.say(
            f"time: {scale.rate / 60:.0f} minutes pass in a second; a working day of {HOURS} hours in {seconds} s"
        )
        shown.say(f"world: {people:,} people, {len(world.emissions):,} events to come, {world.poisoned} of them poison")
        logs = given.data_dir / ROOM / "logs"
        office = stack.enter_context(_office(given.data_dir / ROOM, shown)) if crm else None
        also = {} if office is None else office.command
        with Supervisor(environment(settings), logs, say=shown.say, also=also) as services:
            names = ", ".join(f"{name} (pid {pid})" for name, pid in services.pids().items())
            shown.say(f"services: {names}; they log to {logs}")
            result = run(_day(settings, world, start, seed, Stage(shown, services, SystemClock(scale), ended), office))
        shown.close()
        shown.say("checking the conservation laws, from the topics alone ...")
        result.verdicts += run(verify(settings))
        return result


@contextlib.contextmanager
def _office(room: Path, shown: Screen) -> Iterator[Company]:
    """The CRM of the demo, fresh."""
    shutil.rmtree(room / "tryton", ignore_errors=True)
    if words := notice():
        shown.say(words)
    began = time.monotonic()
    with company(room) as found:
        shown.say(f"CRM: a real Tryton at {found.server.url}, up in {time.monotonic() - began:.1f} s")
        yield found


async def _day(
    settings: Settings,
    world: World,
    start: int,
    seed: int,
    stage: Stage,
    office: Company | None,
) -> Result:
    hero, shown, clock = world.protagonist, stage.shown, stage.clock
    keys = KeyMaker(settings.required_secret("person_key_secret"), settings.person_key_id)
    marks = (hero.email.encode(), f'"{hero.anonymous_id}"'.encode())
    watch = Watch(keys.identifier("email", hero.email), marks)
    company = hero.company
    shown.hero(f"{hero.first_name} {hero.last_name}, {hero.job_title}, {company.name} ({company.country})")
    async with LogClient(settings) as client:
        answers = crm(world, client, clock, seed=seed) if office is None else office.work(world, clock, seed=seed)
        reps = asyncio.create_task(answers)
        reader = asyncio.create_task(_read_along(client, watch, shown))
        sender = asyncio.create_task(marketing(world, client, clock, start))
        beside = (reps, reader)
        try:
            while not sender.done():
                await stage.turn(watch, beside)
            sender.result()
            await client.flush()
            ends_at = start + world.length_ms
            while clock.now() < ends_at:
                await stage.turn(watch, beside)
            reps.cancel()
            await asyncio.gather(reps, return_exceptions=True)
            compared = [] if office is None else await office.compared(settings)
            waiting = asyncio.create_task(drained(settings, _DRAIN_S))
            while not waiting.done():
                await stage.turn(watch, (reader,))
            empty = waiting.result()
            await asyncio.sleep(3 * TICK_S)
        finally:
            for task in (sender, *beside):
                task.cancel()
            await asyncio.gather(sender, *beside, return_exceptions=True)
    shown.tick(clock.now(), watch.counters)
    return Result(watch, hero.email, clock.now(), compared, drained=empty)


async def _read_along(client: LogClient, watch: Watch, shown: Screen) -> None:
    async for records in client.follow(TOPICS):
        for record in records:
            for line in watch.take(record):
                shown.life(line)


def _world(settings: Settings, people: int, seed: int, start: int) -> World:
    keys = KeyMaker(settings.required_secret("person_key_secret"), settings.person_key_id)

    def key_of(person: Identifiers) -> str:
        return keys.person(person)

    return build(seed=seed, people=people, start=start, length_ms=HOURS * HOUR_MS, key_of=key_of)


def _tell(result: Result, shown: Screen) -> None:
    counters = result.watch.counters
    shown.say("")
    shown.say("summary: " + ", ".join(f"{name} {count:,}" for name, count in counters.shown()))
    if not result.drained:
        shown.say("NOT DONE: the services had not read everything when the time was over; see their logs")
    for verdict in result.verdicts:
        shown.say(verdict.text)
    shown.say("")
    shown.say("Everything is stopped; the data stay. These start that Kafka for a moment and tell more:")
    shown.say(f"  {own_name()} explain {result.watch.handoff or '<handoff>'}")
    shown.say(f"  {own_name()} explain {result.email} --at {format_time(result.ended)[:16]}Z")
    shown.say(f"  {own_name()} dead-letters list")
