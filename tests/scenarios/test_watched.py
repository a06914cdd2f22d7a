"""The three real services, a simulated day of marketing and sales, and a real Prometheus that sees what happened."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from baton_schemas.leads import LeadQualified, LeadWithdrawn
from baton_schemas.routing import LeadRouted, SlaEvent
from services.cli.demo_time import HOUR_MS, fast_clock, opening
from services.cli.home import environment
from services.cli.main import app
from services.cli.services import SERVICES
from services.cli.story import contract_of
from services.cli.supervisor import Supervisor
from services.cli.verify import drained
from services.runtime.clock import SystemClock
from services.runtime.embedded.broker import Broker
from services.runtime.kafka.log_client import LogClient
from services.runtime.metrics import CATALOGUE
from services.runtime.settings import Settings, load
from services.simulator.main import crm, marketing
from services.simulator.world import World, build
from tests.scenarios.watching import WAIT_S, get, metrics_in, prometheus, query, until
from tests.unit.cli.whole import KEYS, ROOT, SECRET

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
HOURS = 12
DAY_S = 8.0
PEOPLE = 60


@dataclass(frozen=True, slots=True)
class System:
    """A system of the test's own on the shared broker, its clock fast; `start` is when its day begins."""

    settings: Settings
    start: int
    urls: dict[str, str]


@pytest.fixture
def system(
    kafka: Broker, unique: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[System]:
    start = opening(SystemClock().wall())
    scale = fast_clock(start, HOURS * HOUR_MS / (DAY_S * 1000), SystemClock().wall())
    for name, value in {
        "KAFKA": kafka.bootstrap,
        "TOPIC_PREFIX": unique("x").removesuffix("x"),
        "PARTITIONS": "2",
        "PERSON_KEY_SECRET": SECRET,
        "DATA_DIR": str(tmp_path),
        "CLOCK_RATE": str(scale.rate),
        "CLOCK_ANCHOR": str(scale.anchor),
    }.items():
        monkeypatch.setenv(f"BATON_{name}", value)
    for arguments in (["topics", "apply"], ["apply", str(ROOT / "config")]):
        assert CliRunner().invoke(app, arguments).exit_code == 0
    settings = load()
    with Supervisor(environment(settings), tmp_path / "logs") as services:
        run = tmp_path / "run"
        files = {name: run / f"{name}-{pid}.json" for name, pid in services.pids().items()}
        until(lambda: all(file.exists() for file in files.values()), "all three are announced")
        yield System(settings, start, {name: json.loads(file.read_text())["url"] for name, file in files.items()})


async def play(system: System) -> World:
    """Marketing sends its day, sales answers meanwhile; ends when everything was read."""
    world = build(seed=7, people=PEOPLE, start=system.start, length_ms=HOURS * HOUR_MS, key_of=KEYS.person)
    clock = SystemClock(system.settings.scale)
    async with LogClient(system.settings) as client:
        sales = asyncio.create_task(crm(world, client, clock, seed=7))
        try:
            await marketing(world, client, clock, system.start)
            await client.flush()
            assert await drained(system.settings, WAIT_S)
            async with asyncio.timeout(WAIT_S):  # on a slow machine the day is over before sales took anything on
                async for records in client.follow(("sla.events",)):
                    if steps_in(map(contract_of, records), "disposition"):
                        break
        finally:
            sales.cancel()
            await asyncio.gather(sales, return_exceptions=True)
    return world


def steps_of(system: System, clock: str) -> list[SlaEvent]:
    """Steps of one kind of clock: each kind has its own metric."""
    return steps_in(told(system, "sla.events", SlaEvent), clock)


def steps_in(found: Iterable[object], clock: str) -> list[SlaEvent]:
    return [step for step in found if isinstance(step, SlaEvent) and step.clock == clock]


def told(system: System, topic: str, model: Any) -> list[Any]:
    """What of `model` lies on a topic now; clocks go on, so that may grow."""

    async def read() -> list[object]:
        async with LogClient(system.settings) as client:
            return [contract_of(record) async for record in client.read(topic)]

    return [data for data in asyncio.run(read()) if isinstance(data, model)]


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no `prometheus` here: apt-get install prometheus")
def test_prometheus_sees_what_the_three_services_did(system: System, tmp_path: Path) -> None:
    def number(expression: str) -> float:
        return sum(float(one["value"][1]) for one in query(base, expression))

    def agrees(expression: str, counted: Callable[[], int]) -> None:
        until(lambda: number(expression) == counted() > 0, f"{expression} is what the log says")

    until(lambda: all(get(f"{url}/readyz")[0] == 200 for url in system.urls.values()), "all three are ready")
    with prometheus({name: url.removeprefix("http://") for name, url in system.urls.items()}, tmp_path) as base:
        agrees('sum(up{job="baton"})', lambda: len(SERVICES))
        sent = len(asyncio.run(play(system)).emissions)
        assert sent > 300
        agrees('sum(baton_records_total{service="scorer", topic="engagement.events"})', lambda: sent)
        letters = number('sum(baton_dead_letters_total{service="scorer", topic="engagement.events"})')
        assert 0 < letters < sent
        assert number("sum(baton_events_total)") >= sent, "an event that belongs to another key is counted there too"
        agrees('sum(baton_outputs_total{topic="leads.qualified"})',
               lambda: len(told(system, "leads.qualified", LeadQualified | LeadWithdrawn)))  # fmt: skip
        agrees("sum(baton_leads_qualified_total)", lambda: len(told(system, "leads.qualified", LeadQualified)))
        agrees('sum(baton_leads_routed_total{service="router"})', lambda: len(told(system, "leads.routed", LeadRouted)))
        assert number("sum(baton_event_to_qualified_seconds_count)") > 0
        assert number("sum(baton_qualified_to_routed_seconds_count)") > 0

        agrees("sum(baton_sla_steps_total)", lambda: len(steps_of(system, "first_touch")))
        agrees("sum(baton_disposition_steps_total)", lambda: len(steps_of(system, "disposition")))
        steps = steps_of(system, "first_touch")
        clocks = {(tier, territory) for tier in {s.tier for s in steps} for territory in {s.territory for s in steps}}
        breached = 'baton_sla_steps_total{step="breached"}'
        shown = {(one["metric"]["tier"], one["metric"]["territory"]) for one in query(base, breached)}
        assert shown >= clocks, "also those that nothing happened to"
        until(lambda: number(f"count({breached} > 0)"), "some were late")
        until(lambda: number(f"count(increase({breached}[10m]) > 0)") == number(f"count({breached} > 0)"),
              "the first breach of each clock is an increase")  # fmt: skip

        assert number("sum(baton_observations_refused_total)") == 0
        assert metrics_in(base) <= set(CATALOGUE)
        missing = {name for name, metric in CATALOGUE.items() if not metric.labels} - metrics_in(base)
        assert missing == set(), "what has no labels is there whatever happened"
