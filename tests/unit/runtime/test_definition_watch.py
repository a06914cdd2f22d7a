"""A worker says once what people should hear of its configuration, without names, and shows it as gauges."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from structlog.typing import EventDict

from baton_schemas.configuration import ConfigKind
from baton_schemas.contract import format_time
from services.cli.applying import plan_set
from services.runtime.agreement import DAY_MS
from services.runtime.config_set import CONFIG_TOPIC
from services.runtime.definition_watch import OVERDUE, REMOVED, DefinitionWatch
from services.runtime.kafka.core import Core
from services.runtime.metrics import Metrics
from services.runtime.operating import Operating
from services.runtime.processor import Globals
from services.runtime.settings import load
from tests.signing import AT, SIGNERS, listed, signed
from tests.unit.scorer.world import DEFINITION, SIGNED

DUE = signed(DEFINITION + "review_by: 2026-03-31\n")
BEGINS = 1_774_915_200_000  # 2026-03-31T00:00:00Z


class Worker:
    """A worker's watch over one growing topic, and what it logged."""

    def __init__(self) -> None:
        self.metrics = Metrics(CollectorRegistry(), strict=True)
        self.watch = DefinitionWatch(self.metrics)
        self.table: dict[bytes, bytes] = {}
        self.offset = 0

    def apply(self, definition: str, signers: str = SIGNERS) -> None:
        documents: dict[tuple[ConfigKind, str], str] = {
            ("definition", "definition"): definition,
            ("signers", "signers"): signers,
        }
        _, steps = plan_set(documents, self.table, now=AT)
        for send in (each for step in steps for each in step):
            if send.value is None:
                self.table.pop(send.key)
            else:
                self.table[send.key] = send.value
        self.offset += 1

    def look(self, now: int = BEGINS) -> list[EventDict]:
        with capture_logs() as logs:
            self.watch.look(Globals({CONFIG_TOPIC: dict(self.table)}, {CONFIG_TOPIC: self.offset}), now)
        return logs


def test_nothing_is_said_of_no_configuration_and_a_set_is_said_once() -> None:
    worker = Worker()
    assert worker.look() == []
    worker.apply(SIGNED)
    assert [line["event"] for line in worker.look()] == ["config.in_force"]
    worker.offset += 1  # somebody proposed something
    assert worker.look() == []


@pytest.mark.parametrize("refused", [DEFINITION, SIGNED.replace("enter: 50", "enter: 49")])
def test_an_unsigned_or_altered_set_is_one_clear_line(refused: str) -> None:
    worker = Worker()
    worker.apply(SIGNED)
    worker.look()
    worker.apply(refused)
    (line,) = worker.look()
    assert (line["event"], line["log_level"]) == ("config.refused", "error")
    assert "marketing" in line["error"]
    assert line["stays"] == "the set before stays in force"
    worker.offset += 1
    assert worker.look() == []
    worker.apply(SIGNED)
    assert [line["event"] for line in worker.look()] == ["config.in_force"]


def test_a_review_that_is_overdue_is_said_when_its_day_is_over_and_counted_on() -> None:
    worker = Worker()
    worker.apply(DUE)
    assert [line["event"] for line in worker.look(BEGINS + DAY_MS)] == ["config.in_force"]
    assert worker.metrics.value(OVERDUE, "small") == 0
    (line,) = worker.look(BEGINS + DAY_MS + 5000)
    assert (line["event"], line["review_by"]) == ("definition.review_overdue", "2026-03-31")
    assert worker.look(BEGINS + 2 * DAY_MS) == []
    assert worker.metrics.value(OVERDUE, "small") == DAY_MS / 1000
    worker.apply(signed(DEFINITION + "review_by: 2027-03-31\n"))
    assert [line["event"] for line in worker.look(BEGINS + 2 * DAY_MS)] == ["config.in_force"]
    assert worker.metrics.value(OVERDUE, "small") == 0


def test_a_removed_signer_is_said_by_key_and_team_and_counted() -> None:
    worker = Worker()
    worker.apply(SIGNED, listed("marketing", f", until: {format_time(AT + DAY_MS)}") + listed("sales"))
    _, line = worker.look()
    assert (line["event"], line["team"]) == ("definition.signer_removed", "marketing")
    assert line["key"].startswith("SHA256:")
    assert "Mia" not in str(line)
    assert worker.metrics.value(REMOVED, "small") == 1
    worker.apply(SIGNED)
    worker.look()
    assert worker.metrics.value(REMOVED, "small") == 0


def test_a_definition_that_is_gone_is_overdue_no_more() -> None:
    worker = Worker()
    worker.apply(DUE)
    worker.look(BEGINS + 9 * DAY_MS)
    worker.apply(signed(DEFINITION.replace("name: small", "name: other")))
    worker.look(BEGINS + 9 * DAY_MS)
    assert worker.metrics.value(OVERDUE, "small") == 0


def test_every_worker_looks_once_a_second_at_what_it_read(monkeypatch: pytest.MonkeyPatch) -> None:
    operating = Operating("scorer", load(), strict=True)
    looked: list[Globals] = []
    monkeypatch.setattr(DefinitionWatch, "look", lambda _self, snapshot, _now: looked.append(snapshot))
    progress = SimpleNamespace(connected=True, globals_read=True, restoring=(), assigned=None, timers=0, keys=0)
    core = SimpleNamespace(progress=lambda: progress, stopped=asyncio.Event(), globals=Globals())
    operating._look(cast(Core, core))
    assert looked == [core.globals]
