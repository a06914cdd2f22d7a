"""History on a real Kafka: published twice, corrected, counted once, and never in the way of the laws."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from baton_schemas.contract import format_time
from services.cli.home import environment
from services.cli.main import app
from services.cli.supervisor import Supervisor
from services.cli.verify import drained, verify
from services.runtime.embedded.broker import Broker
from services.runtime.settings import Settings, load
from tests.unit.cli.whole import EXAMPLES, SECRET

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(170)]
PATIENCE_S = 60
DAY = 86_400_000


@pytest.fixture
def settings(
    kafka: Broker, unique: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """A system of this test's own: its topics on the shared broker, its services."""
    monkeypatch.setenv("BATON_KAFKA", kafka.bootstrap)
    monkeypatch.setenv("BATON_TOPIC_PREFIX", unique("x").removesuffix("x"))
    monkeypatch.setenv("BATON_PARTITIONS", "2")
    monkeypatch.setenv("BATON_PERSON_KEY_SECRET", SECRET)
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path))
    assert baton("topics", "apply")[0] == 0
    assert baton("apply", str(EXAMPLES / "segment"))[0] == 0
    found = load()
    with Supervisor(environment(found), tmp_path / "logs"):
        yield found


def baton(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def act(user: str, action: str, ago: int) -> dict[str, Any]:
    at = round(time.time() * 1000) // DAY * DAY - ago * DAY
    return {
        "type": "track",
        "event": action,
        "userId": user,
        "messageId": f"{user}{action}{ago}",
        "timestamp": format_time(at),
    }


def backfill(path: Path, *calls: dict[str, Any]) -> dict[str, int]:
    path.write_text("\n".join(json.dumps(call) for call in calls))
    code, said = baton("publish", str(path), "--backfill", "old-tool", "--json")
    assert code == 0, said
    found: dict[str, int] = json.loads(said.splitlines()[-1])
    return found


def scores(settings: Settings) -> list[float]:
    """Of the two people, once everything is read."""
    assert asyncio.run(drained(settings, PATIENCE_S))
    found = []
    for user in ("u1", "u2"):
        code, said = baton("explain", user, "--json")
        assert code == 0, said
        found.append(float(json.loads(said.splitlines()[-1])["score"]["score"]))
    return found


def about(points: list[float]) -> Any:
    """Those points, though an hour may have passed: what is counted twice is twice as much."""
    return pytest.approx(points, abs=0.2)


def test_history_is_counted_once_however_often_it_comes(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = [act("u1", "Signed Up", 45), act("u1", "Trial Started", 44), act("u2", "Signed Up", 45)]
    said = backfill(path, *history)
    assert (said["accepted"], said["refused"], said["days"], said["taken_back"]) == (3, 0, 3, 0)
    first = scores(settings)
    assert first[0] > first[1] > 0

    assert backfill(path, *history)["taken_back"] == 0
    assert scores(settings) == about(first)

    assert backfill(path, *history[:2])["taken_back"] == 1
    assert scores(settings) == about([first[0], 0.0])
    assert [verdict for verdict in asyncio.run(verify(settings)) if not verdict.holds] == []
