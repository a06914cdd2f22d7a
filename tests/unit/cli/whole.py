"""The three services on the memory engine, fed as the commands feed a cluster: folders and files in, topics out."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from baton_schemas.contract import Contract
from baton_schemas.routing import LeadRouted
from services.cli.applying import plan_set
from services.cli.publish import Times, outcome_sends, sends_of
from services.cli.publishing.reading import csv_table, json_readings, read_mapping
from services.cli.publishing.records import KeyMaker
from services.cli.publishing.report import Report
from services.cli.services import processors
from services.cli.story import contract_of
from services.cli.system import read_checked
from services.runtime.clock import ManualClock
from services.runtime.effects import Send
from services.runtime.memory.engine import MemoryEngine
from services.runtime.settings import load

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
EXAMPLES = ROOT / "config" / "examples"
MONDAY = 1_772_445_600_000  # 2026-03-02T10:00:00Z
SECRET = "a secret of the tests"
KEYS = KeyMaker(SECRET.encode(), "k1")
C = TypeVar("C", bound=Contract)


class Whole:
    """All of Baton in memory, with one folder applied; in shadow with the service that answers."""

    def __init__(self, folder: Path, *, shadow: bool = False) -> None:
        self.clock = ManualClock(MONDAY)
        self.settings = load(person_key_secret=SECRET, shadow=shadow)
        self.engine = MemoryEngine(processors(self.settings), clock=self.clock, partitions=4)
        _, steps = plan_set(read_checked(folder), {}, now=MONDAY)
        for step in steps:
            self.send(step)
        self.engine.run_until_idle()

    def send(self, sends: list[Send]) -> None:
        for topic, key, value, headers in sends:
            self.engine.publish(topic, key, value, headers)
        self.engine.run_until_idle()

    def publish(self, path: Path, mapping: Path | None = None, times: Times = Times.GIVEN) -> Report:
        report = Report(file=str(path))
        if mapping is None:
            readings = json_readings(path, "/import/segment")
        else:
            columns, text = read_mapping(mapping)
            readings = csv_table(path, columns, text, str(mapping)).readings
        self.send(list(sends_of(readings, report, KEYS, times)))
        return report

    def publish_outcomes(self, path: Path, mapping: Path) -> Report:
        report = Report(file=str(path))
        columns, text = read_mapping(mapping)
        table = csv_table(path, columns, text, str(mapping))
        routed = {each.handoff: each for each in self.told("leads.routed", LeadRouted)}
        self.send(list(outcome_sends(table.readings, report, KEYS, columns, routed)))
        return report

    def told(self, topic: str, model: type[C]) -> list[C]:
        found = [contract_of(record) for record in self.engine.records(topic)]
        return [data for data in found if isinstance(data, model)]

    def dead(self, topic: str) -> list[str]:
        return [
            value.decode()
            for record in self.engine.records(f"{topic}.dead")
            for name, value in record.headers
            if name == "baton-dead-code"
        ]
