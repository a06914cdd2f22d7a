"""The demo in a small form, on its own Kafka and with its own processes, and what still works on the data it left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from services.runtime.embedded.broker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
BATON = [sys.executable, "-m", "services.cli"]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "baton"
    Broker(tmp_path / "baton" / "demo" / "kafka").kill()


def environment(room: Path) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("BATON_")} | {"BATON_DATA_DIR": str(room)}


def baton(room: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BATON, *arguments], env=environment(room), capture_output=True, text=True, check=False, timeout=200
    )


def left_behind(room: Path) -> list[str]:
    """Processes that still work for this data dir."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        environ = process.info["environ"] or {}
        if str(room) in " ".join(process.info["cmdline"] or []) or environ.get("BATON_DATA_DIR") == str(room):
            found.append(" ".join(process.info["cmdline"] or []))
    return found


def test_the_demo_ends_by_itself_with_its_laws_kept_and_its_data_there(room: Path) -> None:
    demo = baton(room, "demo", "--people", "120", "--seconds", "20")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    for words in ("qualified: grade", "signed by", "first touch due", "assigned to rep-", "warned", "breached",
                  "reassigned", "touched by phone", "won", "holds   applied once", "events/s"):  # fmt: skip
        assert words in demo.stdout, words
    assert "BROKEN" not in demo.stdout
    assert left_behind(room) == []

    commands = re.findall(r"^  baton (.+)$", demo.stdout, re.MULTILINE)
    assert len(commands) == 3
    first = baton(room, *commands[0].split())
    assert first.returncode == 0, first.stdout + first.stderr
    assert "starting the embedded Kafka" in first.stderr
    assert left_behind(room) == []

    broker = Broker(room / "demo" / "kafka")
    broker.start()
    for command in commands[1:]:
        again = baton(room, *command.split())
        assert (again.returncode, again.stderr) == (0, ""), again.stdout + again.stderr
    assert "dead letters: " in again.stdout
    told = json.loads(baton(room, *commands[1].split(), "--json").stdout)
    assert told["rebuilt"]
    assert not [note for note in told["notes"] if "no longer" in note]
    (visitor,) = told["linked"]
    same = json.loads(baton(room, "explain", visitor, "--json").stdout)
    assert (same["person"], same["lead"], same["handoffs"]) == (visitor, told["lead"], told["handoffs"])
    letters = json.loads(baton(room, "dead-letters", "list", "--json").stdout)
    assert {letter["code"] for letter in letters} >= {"invalid_json", "null_value", "unknown_type", "too_late"}
    assert broker.status().state == "running", "what runs already is not stopped"


def test_a_demo_that_is_stopped_leaves_nothing_running(room: Path) -> None:
    with subprocess.Popen([*BATON, "demo", "--people", "60", "--seconds", "60"], env=environment(room),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as demo:  # fmt: skip
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("services:"):
                break
        demo.send_signal(signal.SIGTERM)
        demo.stdout.read()
        assert demo.wait(60) != 0
    assert left_behind(room) == []
