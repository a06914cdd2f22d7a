"""Baton beside a CRM, on a real Kafka: decides from the company's own events, hears its export, and touches nothing."""

from __future__ import annotations

import asyncio
import csv
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from baton_schemas.catalogue import OUTSIDE, TOPICS
from baton_schemas.contract import Contract, format_time
from baton_schemas.feedback import OutcomeLabelled, OutcomeReported
from baton_schemas.routing import LeadRouted
from services.cli.home import environment
from services.cli.main import app
from services.cli.publish import Times
from services.cli.services import SHADOW
from services.cli.story import contract_of
from services.cli.supervisor import Supervisor
from services.runtime.embedded.broker import Broker
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings, load
from tests.unit.cli.whole import DATA, EXAMPLES, KEYS, SECRET, Whole

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(170)]
BANK = EXAMPLES / "bank" / "import" / "people.yaml"
FILE = DATA / "bank-cut.csv"
PATIENCE_S = 60
MAPPING = """
source: export
person: {user_id: who}
deal: id
owner: {column: owner, values: {Zed: rep-zed}}
stage: {column: stage, means: {Working: accepted, Sold: won}}
created: created
first_touch: called
"""


@pytest.fixture
def real(
    kafka: Broker, unique: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """An installation that was there before: its topics, and nobody at work. Then one in shadow runs beside it."""
    monkeypatch.setenv("BATON_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("BATON_TOPIC_PREFIX", unique("x").removesuffix("x"))
    monkeypatch.setenv("BATON_PARTITIONS", "2")
    monkeypatch.setenv("BATON_PERSON_KEY_SECRET", SECRET)
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path))
    assert baton("topics", "apply").exit_code == 0
    assert baton("shadow", "report").exit_code == 2, "there is no shadow yet"
    found = load()
    monkeypatch.setenv("BATON_SHADOW", "true")
    assert baton("topics", "apply").exit_code == 0
    assert baton("topics", "check").exit_code == 0
    assert baton("apply", str(EXAMPLES / "bank")).exit_code == 0
    with Supervisor(environment(load()), tmp_path / "logs", also={SHADOW: ("worker", SHADOW)}):
        monkeypatch.delenv("BATON_SHADOW")
        yield found


def baton(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


async def told(settings: Settings, topic: str) -> list[Contract]:
    async with LogClient(settings) as client:
        return [data async for record in client.read(topic) if (data := contract_of(record)) is not None]


async def written(settings: Settings) -> set[str]:
    """The topics of an installation that hold anything."""
    async with LogClient(settings) as client:
        ends = {topic: await client.ends(topic) for topic, each in TOPICS.items() if not each.shadow_only}
    return {topic for topic, end in ends.items() if any(end.values())}


def until(settings: Settings, topic: str, model: type[Contract], wanted: set[str]) -> list[Any]:
    """What a topic holds once it is about all these handoffs."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = [each for each in asyncio.run(told(settings, topic)) if isinstance(each, model)]
        if wanted <= {each.handoff for each in found}:  # type: ignore[attr-defined]
            return found
        assert time.monotonic() < deadline, f"{topic}: {len(found)} of {len(wanted)}"


def export(path: Path, who: dict[str, str], routed: list[LeadRouted]) -> dict[str, LeadRouted]:
    """Two of the leads and a stranger, as a CRM would write them down; the two."""
    first, second = sorted(routed, key=lambda each: each.handoff)[:2]
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["who", "id", "owner", "stage", "created", "called"])
        rows.writerow([who[first.lead], "D1", first.rep, "Sold", format_time(first.at), format_time(first.at + 1)])
        rows.writerow([who[second.lead], "D2", "Zed", "Working", format_time(second.at), ""])
        rows.writerow(["a stranger", "D3", "Zed", "Working", format_time(second.at), ""])
        rows.writerow(["a stranger", "D4", "Zed", "No such stage", format_time(second.at), ""])
    return {"D1": first, "D2": second}


def test_it_decides_hears_what_was_done_and_leaves_everything_else_alone(real: Settings, tmp_path: Path) -> None:
    shadow = real.model_copy(update={"shadow": True})
    in_memory = Whole(EXAMPLES / "bank")
    in_memory.publish(FILE, BANK, Times.ARRIVAL)
    expected = {each.handoff for each in in_memory.told("leads.routed", LeadRouted)}

    assert baton("publish", str(FILE), "--mapping", str(BANK), "--times", "arrival").exit_code == 0
    routed = until(shadow, "leads.routed", LeadRouted, expected)
    who = {KEYS.identifier("user_id", f"bank-{line}"): f"bank-{line}" for line in range(1, 100)}
    (tmp_path / "deals.yaml").write_text(MAPPING)
    deals = export(tmp_path / "deals.csv", who, routed)
    said = baton("shadow", "actual", str(tmp_path / "deals.csv"), "--mapping", str(tmp_path / "deals.yaml"), "--json")
    assert said.exit_code == 0, said.output
    report = json.loads(said.stdout)
    assert (report["accepted"], report["refused"], report["refusals"][0]["field"]) == (3, 1, "stage")

    worked = {each.handoff for each in deals.values()}
    answers = until(shadow, "feedback.events", OutcomeReported, worked)
    assert sorted((each.handoff, each.kind) for each in answers) == sorted(
        [(deals["D1"].handoff, "touched"), (deals["D1"].handoff, "won"), (deals["D2"].handoff, "accepted")]
    )
    (label,) = until(shadow, "feedback.labels", OutcomeLabelled, {deals["D1"].handoff})
    assert label.good, "what people really sold teaches the score"

    shown = baton("shadow", "report", "--json")
    assert shown.exit_code == 0, shown.output
    document = json.loads(shown.stdout)
    entries = {each.get("crm", {}).get("deal"): each for each in document["entries"]}
    assert document["sums"]["qualified"] == len(expected)
    assert (entries["D1"]["standing"], entries["D1"]["owner"], entries["D1"]["differences"]) == ("both", "same", [])
    assert "the CRM had rep-zed" in next(
        each["why"] for each in entries["D2"]["differences"] if each["kind"] == "owner"
    )
    assert entries["D3"]["differences"][0]["kind"] == "unknown"
    plain = baton("shadow", "report").stdout
    assert f"{len(expected)} qualified by Baton: 2 worked in the CRM" in plain
    assert asyncio.run(written(real)) == {"engagement.events"}, "the installation beside it was told nothing"
    assert asyncio.run(written(real)) <= OUTSIDE
