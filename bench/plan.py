"""`baton plan` as people run it: past traffic on a real Kafka through two definitions, until the answer is there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.lab import Lab
from bench.log import bench_settings, fill
from bench.report import Row, Section, Verdict
from bench.system import environment, plans, prepare
from bench.world import days
from services.cli.system import config_folder
from services.runtime.clock import SystemClock
from services.runtime.errors import UserError
from services.runtime.kafka import admin
from services.runtime.kafka.connection import broker_name

GOAL_S = 30.0
NAME = "replayed under both, in all"
_TWO_DAYS_MS = 2 * 86_400_000
_PATIENCE_S = 900.0
_CHANGES = (("version: 1", "version: 2"), ("enter: 60", "enter: 55"), ("points: 8\n", "points: 11\n"))


def plan(lab: Lab) -> Section:
    """Plans a definition with another threshold and other points, as often as there are runs."""
    sizes = lab.sizes
    records = days(events=sizes.events, people=sizes.people, start=SystemClock().wall() - _TWO_DAYS_MS)
    settings = bench_settings(lab.bootstrap, prefix=f"plan{lab.number()}.")
    asyncio.run(prepare(settings))
    asyncio.run(fill(settings, broker_name(settings, "engagement.events"), records))
    folder = _changed(lab.folder / "planned")
    section = Section(
        "plan",
        "A plan over past traffic",
        f"{len(records):,} events of {sizes.people:,} simulated people are on the log; `baton plan` plays them under "
        "the definition in config/ and under one with another threshold and other points, in parts, on all processors.",
    )
    row = Row(NAME, "s")
    for turn in range(1, sizes.runs + 1):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", "plan", str(folder), "--json"],
            env={**os.environ, **environment(settings, lab.folder)},
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        row.runs.append(time.monotonic() - began)
        if done.returncode:
            raise UserError(f"baton plan: {done.stderr[-500:]}")
        lab.say(f"run {turn}  {row.runs[-1]:.1f} s")
        found = json.loads(done.stdout)["comparison"]
        row.note = f"{found['leads_before']:,} leads before, {found['leads_after']:,} after"
    asyncio.run(admin.delete(settings, [each.name for each in plans(settings)]))
    section.rows.append(row)
    section.verdicts.append(Verdict("plan, seconds", GOAL_S, row.median, at_least=False, unit="s"))
    return section


def _changed(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for path in config_folder(None).glob("*.yaml"):
        text = path.read_text()
        if path.stem == "definition":
            for before, after in (
                ("version: 1", "version: 2"),
                ("enter: 60", "enter: 55"),
                ("points: 8\n", "points: 11\n"),
            ):
                text = text.replace(before, after)
        (folder / path.name).write_text(text)
    return folder
