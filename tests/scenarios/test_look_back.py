"""`baton apply --look-back` on a real Kafka with a running scorer: what is new counts the past, before it judges."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from baton_schemas.engagement import EngagementRecorded, PersonIdentified
from baton_schemas.envelope import envelop, from_record
from baton_schemas.leads import LeadQualified
from services.cli.main import app
from services.cli.services import processor
from services.cli.verify import drained, verify
from services.runtime.clock import SystemClock
from services.runtime.effects import Send
from services.runtime.embedded.broker import Broker
from services.runtime.kafka import admin
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings, load
from tests.scenarios.watching import ROOT
from tests.signing import SIGNERS, signed, signed_by_others

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(170)]
RUNNER = CliRunner()
PEOPLE, DAY = 1000, 86_400_000
NEW = """  - id: comparison
    label: Read how we compare
    action: comparison_read
    points: 20
    half_life_days: 30
    cap: 20
"""


@pytest.fixture
def settings(kafka: Broker, unique: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A stage of the test's own with all topics, and the worked example signed by the tests' people."""
    for name, value in {
        "KAFKA": kafka.bootstrap,
        "TOPIC_PREFIX": unique("") + ".",
        "PARTITIONS": "2",
        "DATA_DIR": str(tmp_path / "baton"),
        "PERSON_KEY_SECRET": "a secret of the tests",
        "LOG_FORMAT": "json",
    }.items():
        monkeypatch.setenv(f"BATON_{name}", value)
    settings = load()
    asyncio.run(admin.apply(settings, admin.plan(settings, processors=[processor("scorer", settings)])))
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("examples", "connectors"))
    (tmp_path / "config" / "signers.yaml").write_text(SIGNERS)
    return settings


@contextmanager
def scorer(log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "services.cli", "worker", "scorer"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(60) == 0, log.read_text()


def define(folder: Path, version: int, *changes: str) -> None:
    """The worked example, with changes (before, after), signed anew."""
    text, _, _ = (ROOT / "config" / "definition.yaml").read_text().partition("signatures:")
    text = text.replace("version: 1", f"version: {version}")
    for before, after in zip(changes[::2], changes[1::2], strict=True):
        assert before in text
        text = text.replace(before, after, 1)
    (folder / "definition.yaml").write_text(signed(text))


def baton(*arguments: str | Path, code: int = 0) -> str:
    result = RUNNER.invoke(app, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result.output if code else result.stdout


def happened(now: int) -> Iterator[Send]:
    """Everybody fits and looked at prices; every tenth compared us with others, weeks ago, and one asked for a demo."""
    traits = {"seniority": "director", "employees": 200, "industry": "software", "country": "DE"}
    for number in range(PEOPLE):
        who = {"email": f"person-{number}@company-{number}.example"}
        events: list[tuple[int, PersonIdentified | EngagementRecorded]] = [
            (25, PersonIdentified.model_validate({"person": who, "traits": traits})),
            (3, EngagementRecorded.model_validate({"person": who, "action": "pricing_viewed"})),
        ]
        if number % 10 == 0:
            events.append((20, EngagementRecorded.model_validate({"person": who, "action": "comparison_read"})))
        if number == 1:
            events.append((2, EngagementRecorded.model_validate({"person": who, "action": "demo_requested"})))
        for days, data in events:
            headers, value = envelop(data, id=f"{number}-{days}", source="/site", time=now - days * DAY)
            yield Send("engagement.events", f"session-{number}".encode(), value, headers)


async def publish(settings: Settings, sends: Iterator[Send]) -> None:
    async with LogClient(settings) as client:
        for send in sends:
            await client.send(send)
        await client.flush()
    assert await drained(settings, 60.0, ("scorer",))


@contextmanager
def visitors(settings: Settings) -> Iterator[list[int]]:
    """Somebody new reads how we compare every few milliseconds, all the while."""
    came: list[int] = []
    gone = threading.Event()

    async def come() -> None:
        async with LogClient(settings) as client:
            while not gone.is_set():
                who = {"email": f"visitor-{len(came)}@example.com"}
                data = EngagementRecorded.model_validate({"person": who, "action": "comparison_read"})
                headers, value = envelop(data, id=f"v{len(came)}", source="/site", time=SystemClock().now())
                await client.write(Send("engagement.events", b"visitors", value, headers))
                came.append(1)
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(come()))
    thread.start()
    try:
        yield came
    finally:
        gone.set()
        thread.join()


async def qualified(settings: Settings) -> list[LeadQualified]:
    async with LogClient(settings) as client:
        records = [record async for record in client.read("leads.qualified")]
    events = [from_record(record.headers, record.value) for record in records]
    return [LeadQualified.model_validate_json(each.data or b"") for each in events if each.type == LeadQualified.TYPE]


def test_new_criteria_know_the_past_before_they_judge(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    define(folder, 1)
    baton("apply", folder)
    with scorer(tmp_path / "scorer.log"):
        asyncio.run(publish(settings, happened(SystemClock().now())))
        before = asyncio.run(qualified(settings))
        assert len(before) == 1, "who asked for a demo"

        define(folder, 2, "contains: /pricing", "contains: /prices")
        assert "pricing_page: counts something else" in baton("apply", folder, code=2)
        define(folder, 2, "name: b2b-saas", "name: renamed", "contains: /pricing", "contains: /prices")
        assert "pricing_page: counts something else" in baton("apply", folder, code=2), "kept by criterion, not by name"
        define(folder, 2, "label: Read pages", "label: Saw pages")
        assert "no criterion that did not count before" in baton("apply", folder, "--look-back", code=2)

        define(folder, 2, "engagement:\n", "engagement:\n" + NEW)
        planned = json.loads(baton("plan", folder, "--json"))
        assert planned["fresh"] == ["comparison"]
        assert (planned["events"], planned["comparison"]["people"]) == (PEOPLE * 21 // 10 + 1, PEOPLE)
        compared = planned["comparison"]
        assert (compared["leads_before"], compared["enters"], compared["leaves"]) == (1, PEOPLE // 10, 0)

        text, signers = signed_by_others((folder / "definition.yaml").read_text().partition("signatures:")[0])
        (folder / "definition.yaml").write_text(text)
        (folder / "signers.yaml").write_text(signers)
        with visitors(settings) as came:
            found = json.loads(baton("apply", folder, "--look-back", "--per-second", "1000", "--json"))
        assert asyncio.run(drained(settings, 60.0, ("scorer",)))
        assert (found["criteria"], found["changes"]["applied"], found["changes"]["fresh"]) == (["comparison"], True, [])
        assert PEOPLE <= found["people"] < PEOPLE + len(came), "some came while it was read, some later"
        assert found["events"] == sum(found["until"].values()) >= PEOPLE * 21 // 10 + 1
        after = asyncio.run(qualified(settings))
        assert [lead for lead in after if lead in before] == before
        entered = [lead for lead in after if lead not in before]
        assert len(entered) == PEOPLE // 10 == len(after) - 1, "announced once, and nobody else"
        assert all(lead.cause.startswith("/baton/look-back#") for lead in entered)
        assert {lead.versions.definition_version for lead in entered} == {2}
        assert "already" in baton("apply", folder)
    verdicts = {verdict.law: verdict for verdict in asyncio.run(verify(settings))}
    assert verdicts["applied_once"].holds, verdicts["applied_once"].text
    assert verdicts["applied_once"].looked_at == PEOPLE + len(came)
