"""A CSV connector on a real Kafka: every lead in one file, whatever crashes when; answers told once."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from baton_schemas.connectors import ConnectorFile
from baton_schemas.envelope import from_record
from baton_schemas.routing import LeadRouted
from services.connectors.drop.notes import Notes
from services.connectors.drop.settings import CsvSettings
from services.connectors.drop.worker import CsvDrop
from services.runtime.embedded.broker import Broker
from services.runtime.kafka.subscription import Subscription
from services.runtime.settings import Settings
from tests.connectors.running import Baton, at_work, baton, settings_for, until
from tests.unit.connectors.test_csv_files import settings as example

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio]


@pytest.fixture
def settings(kafka: Broker, unique: Callable[[str], str]) -> Settings:
    assert kafka.bootstrap is not None
    return settings_for(kafka.bootstrap, unique(""), partitions=1)


@pytest_asyncio.fixture
async def side(settings: Settings) -> AsyncIterator[Baton]:
    async with baton(settings, "privacy.erasures") as found:
        yield found


def config(folder: Path, **fields: Any) -> CsvSettings:
    known: dict[str, Any] = {"folder": folder, "rows": 3, "every_s": 0.5, "poll_s": 0.1, "settle_s": 0.0}
    return example(**{**known, **fields})


@asynccontextmanager
async def running(side: Baton, config: CsvSettings) -> AsyncIterator[CsvDrop]:
    connector = CsvDrop(side.settings, config)
    async with at_work(connector):
        yield connector


def files(folder: Path, what: str = "leads") -> list[Path]:
    return sorted((folder / what).glob("*.csv")) if folder.joinpath(what).is_dir() else []


def rows(paths: list[Path]) -> list[dict[str, str]]:
    return [row for path in paths for row in csv.DictReader(io.StringIO(path.read_text(), newline=""))]


async def test_leads_go_into_files_and_answers_come_back_once(side: Baton, tmp_path: Path) -> None:
    orders = [await side.route(number) for number in (1, 2, 3)]
    await side.withdraw(2)
    async with running(side, config(tmp_path)) as connector:
        await until(lambda: len(rows(files(tmp_path))) == 4, "four rows")
        assert [len(rows([path])) for path in files(tmp_path)] == [3, 1], "one when it is full, one when it is time"
        assert [row["What"] for row in rows(files(tmp_path))] == ["assigned"] * 3 + ["withdrawn"]
        answers = answer(orders[0], "called") + answer(orders[2], "won") + "hnobody,won,,2026-03-02T10:00,,\n"
        for name in ("monday.csv", "again.csv"):
            (tmp_path / name).write_text("Handoff,Outcome,Reason,Time,Owner,To\n" + answers)
            (tmp_path / name).rename(tmp_path / "outcomes" / name)
        await until(lambda: len(list((tmp_path / "outcomes/done").iterdir())) == 2, "both files put away")
        await until(lambda: connector.metrics.value("baton_csv_rows_rejected_total", "csv") == 2)
    assert [await side.kinds(number) for number in (1, 2, 3)] == [["touched"], [], ["won"]]
    assert len(await side.records("feedback.events")) == 4, "told twice, under the same ids"
    [refusal] = rows([tmp_path / "outcomes/monday.rejected.csv"])
    assert (refusal["line"], refusal["field"]) == ("4", "Handoff")


async def test_a_planned_file_is_made_as_it_was_planned_whatever_comes_meanwhile(side: Baton, tmp_path: Path) -> None:
    (tmp_path / "leads").write_text("in the way")
    async with running(side, config(tmp_path, rows=2)) as connector:
        await side.route(1)
        await side.route(2)
        await until(connector.waits_for, "it says that the folder fails")
    (tmp_path / "leads").unlink()
    await side.route(3)
    async with running(side, config(tmp_path, rows=100)):
        await until(lambda: len(rows(files(tmp_path))) == 3, "all three")
    assert [path.name for path in files(tmp_path)] == [
        "leads-000-000000000000-000000000001.csv", "leads-000-000000000002-000000000002.csv"
    ]  # fmt: skip


async def test_a_crash_after_a_file_is_there_makes_the_same_file_again(
    side: Baton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = Notes.note

    async def never(self: Notes, file: ConnectorFile) -> None:
        await (asyncio.Event().wait() if file.written else note(self, file))

    async def pretend(_: Subscription) -> bool:
        return True

    monkeypatch.setattr(Subscription, "_commit", pretend)  # it dies before the offsets of the first file are committed
    async with running(side, config(tmp_path, rows=2)):
        await side.route(1)
        await side.route(2)
        await until(lambda: len(files(tmp_path)) == 1)
        monkeypatch.setattr(Notes, "note", never)
        await side.route(3)
        await side.route(4)
        await until(lambda: len(files(tmp_path)) == 2, "the file that is not noted")
    monkeypatch.setattr(Notes, "note", note)
    taken = {path.name: path.read_bytes() for path in files(tmp_path)}
    files(tmp_path)[-1].unlink()  # the import took it
    for number in (5, 6):
        await side.route(number)
        async with running(side, config(tmp_path, rows=100)):
            await until(lambda count=number - 2: len(files(tmp_path)) == count)  # type: ignore[misc]
    made = {path.name: path.read_bytes() for path in files(tmp_path)}
    assert made.items() >= taken.items(), "the same names and bytes"
    assert [row["Handoff"] for row in rows(files(tmp_path))] == [f"h{number:024x}" for number in range(1, 7)]


async def test_what_is_no_lead_becomes_a_dead_letter_and_who_is_forgotten_no_row(side: Baton, tmp_path: Path) -> None:
    broken = (await side.route(1)).model_copy(update={"version": -1})
    await side.send("leads.routed", broken.lead, broken)
    await side.route(2)
    erased = await side.route(3)
    await side.erase(3, erased.at)
    await side.withdraw(3, reason="erased")
    async with running(side, config(tmp_path, rows=5)):
        await until(lambda: len(rows(files(tmp_path))) == 3)
    assert [row["What"] for row in rows(files(tmp_path))] == ["assigned", "assigned", "withdrawn"]
    assert "company-3" not in files(tmp_path)[0].read_text()
    [letter] = await side.records("leads.routed.dead")
    assert dict(letter.headers)["baton-dead-code"] == b"invalid_field"
    assert from_record(letter.headers, letter.value).type == LeadRouted.TYPE


def answer(order: LeadRouted, outcome: str) -> str:
    return f"{order.handoff},{outcome},,2026-03-02T10:00,,\n"
