"""A bank's file on a real Kafka: in by `baton publish`, through three processes, out as routed leads and labels."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from baton_schemas.contract import format_time
from baton_schemas.feedback import OutcomeLabelled
from baton_schemas.routing import LeadRouted
from services.cli.home import environment
from services.cli.main import app
from services.cli.publish import Times
from services.cli.story import contract_of
from services.cli.supervisor import Supervisor
from services.cli.verify import drained, verify
from services.runtime.effects import Send
from services.runtime.embedded.broker import Broker
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings, load
from tests.unit.cli.whole import DATA, EXAMPLES, SECRET, Whole

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(170)]
BANK = EXAMPLES / "bank" / "import" / "people.yaml"
FILE = DATA / "bank-cut.csv"
PATIENCE_S = 60
_RUNNING: dict[str, Supervisor] = {}


@pytest.fixture
def settings(
    kafka: Broker, unique: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """A system of this test's own: its topics on the shared broker, its three processes."""
    monkeypatch.setenv("BATON_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("BATON_TOPIC_PREFIX", unique("x").removesuffix("x"))
    monkeypatch.setenv("BATON_PARTITIONS", "2")
    monkeypatch.setenv("BATON_PERSON_KEY_SECRET", SECRET)
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path))
    assert baton("topics", "check").exit_code == 1
    assert baton("topics", "apply").exit_code == 0
    assert baton("topics", "check").exit_code == 0
    assert baton("apply", str(EXAMPLES / "bank")).exit_code == 0
    found = load()
    with Supervisor(environment(found), tmp_path / "logs") as supervisor:
        _RUNNING[found.topic_prefix] = supervisor
        yield found


def baton(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def published(*arguments: str) -> dict[str, int]:
    result = baton("publish", str(FILE), "--mapping", str(BANK), "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, int] = json.loads(result.stdout)
    return found


async def told(settings: Settings, topic: str) -> dict[str, LeadRouted | OutcomeLabelled]:
    async with LogClient(settings) as client:
        found = [contract_of(record) async for record in client.read(topic)]
    return {data.handoff: data for data in found if isinstance(data, LeadRouted | OutcomeLabelled)}


def until(settings: Settings, topic: str, wanted: set[str]) -> dict[str, LeadRouted | OutcomeLabelled]:
    deadline = time.monotonic() + PATIENCE_S
    while set(found := asyncio.run(told(settings, topic))) != wanted:
        assert time.monotonic() < deadline, f"{topic}: {len(found)} of {len(wanted)}"
    return found


def test_a_file_goes_in_and_comes_out_as_leads_outcomes_and_labels(settings: Settings) -> None:
    in_memory = Whole(EXAMPLES / "bank")
    in_memory.publish(FILE, BANK, Times.ARRIVAL)
    expected = {each.handoff for each in in_memory.told("leads.routed", LeadRouted)}

    report = published("--times", "arrival")
    assert (report["accepted"], report["refused"], report["events"]) == (61, 0, 122)
    routed = until(settings, "leads.routed", expected)
    answered = published("--outcomes")
    assert (answered["accepted"], answered["without_handoff"]) == (len(expected), 61 - len(expected))
    until(settings, "feedback.labels", expected)

    before = asyncio.run(told(settings, "leads.routed"))
    published("--times", "arrival")
    published("--outcomes")
    assert asyncio.run(drained(settings, PATIENCE_S))
    assert asyncio.run(told(settings, "leads.routed")) == before

    handoff, lead = next((handoff, data.lead) for handoff, data in routed.items())
    explained = baton("explain", handoff)
    assert explained.exit_code == 0, explained.output
    for words in (
        "qualified",
        "Jonas Weber, Head of Sales for sales",
        "assigned to rep-",
        "touched by phone",
        "counts as",
    ):
        assert words in explained.output.replace("\n", " ")
    assert json.loads(baton("explain", lead, "--json").stdout)["handoffs"] == [handoff]
    given = routed[handoff]
    assert isinstance(given, LeadRouted)
    qualified = given.qualified
    then = json.loads(baton("explain", lead, "--at", format_time(qualified.at), "--json").stdout)
    assert (then["rebuilt"], then["notes"], then["score"]["qualified"]) == (True, [], True)
    assert (then["score"]["grade"], then["score"]["score"]) == (qualified.grade, qualified.score)
    unknown = baton("explain", "nobody@x.example")
    assert (unknown.exit_code, unknown.output.count("nobody is known by this id")) == (2, 1)
    assert json.loads(baton("tail", "leads.routed", "--until-end", "--max", "1", "--json").stdout)["data"]["rep"]
    assert [verdict for verdict in asyncio.run(verify(settings)) if not verdict.holds] == []


def test_a_killed_service_comes_back_and_dead_letters_are_listed_shown_and_replayed(settings: Settings) -> None:
    supervisor = _RUNNING[settings.topic_prefix]
    killed = supervisor.pids()["scorer"]
    os.kill(killed, signal.SIGKILL)
    bad = Send("engagement.events", b"k", b"{oops", (("ce_id", b"1"), ("ce_specversion", b"1.0")))

    async def spoil() -> None:
        async with LogClient(settings) as client:
            await client.send(bad)

    asyncio.run(spoil())

    def listed() -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(baton("dead-letters", "list", "--json").stdout)
        return found

    deadline = time.monotonic() + PATIENCE_S
    while not (found := listed()):
        supervisor.watch()
        assert time.monotonic() < deadline
    assert supervisor.pids()["scorer"] != killed
    letter = found[0]
    shown = json.loads(baton("dead-letters", "show", letter["letter"], "--json").stdout)
    assert shown["original"]["data"] == "{oops"
    assert shown["original"]["headers"] == {"ce_id": "1", "ce_specversion": "1.0"}
    assert baton("dead-letters", "replay", letter["letter"]).exit_code == 0
    topic, partition, offset = letter["from"].split("/")
    assert baton("skip", topic, partition, offset, "--reason", "a try").exit_code == 0
    assert baton("skip", topic, partition, "99999", "--reason", "a try").exit_code == 2

    async def originals() -> list[tuple[bytes | None, bytes | None]]:
        async with LogClient(settings) as client:
            return [(record.key, record.value) async for record in client.read(topic, [int(partition)])]

    assert asyncio.run(originals()) == [(b"k", b"{oops")] * 2
