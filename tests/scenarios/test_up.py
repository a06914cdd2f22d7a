"""`baton up` on a broker of its own: alone in its folder, not ended by its broker's end, and nobody is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from services.runtime.embedded.broker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(170)]
WAIT_S = 60


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "baton"
    Broker(tmp_path / "baton" / "kafka").kill()


@pytest.fixture
def up(room: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts `baton up`; what it says is in `said` beside the room."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("BATON_")}
        environ |= {"BATON_DATA_DIR": str(room), "BATON_PARTITIONS": "2"}
        with (room.parent / "said").open("ab") as said:
            command = [sys.executable, "-m", "services.cli", "up", "--no-logs"]
            started.append(subprocess.Popen(command, env=environ, stdout=said, stderr=subprocess.STDOUT))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def workers(room: Path) -> list[psutil.Process]:
    """Worker processes of this data dir."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        own = (process.info["environ"] or {}).get("BATON_DATA_DIR") == str(room)
        if own and "worker" in (process.info["cmdline"] or []):
            found.append(process)
    return found


def test_up_revives_its_broker_is_alone_and_leaves_nobody_behind(
    room: Path, up: Callable[[], subprocess.Popen[bytes]]
) -> None:
    said = room.parent / "said"
    first = up()
    until(lambda: "running: " in said.read_text(), "it runs")
    broker = Broker(room / "kafka")

    assert up().wait(WAIT_S) == 2
    assert f"baton up runs here already (pid {first.pid})" in said.read_text()
    assert broker.status().state == "running", "whoever was refused has stopped nothing"

    first.kill()
    first.wait()
    until(lambda: not workers(room), "workers end with it")
    second = up()
    until(lambda: said.read_text().count("running: ") == 2, "it runs again")
    assert len(workers(room)) == 3

    broker.kill()
    until(lambda: broker.status().state == "running", "the broker is started again")
    assert "Kafka ended; starting it again" in said.read_text()

    second.send_signal(signal.SIGINT)
    assert second.wait(WAIT_S) == 0
    assert workers(room) == []
    assert broker.status().state == "stopped", "also the broker that the killed one had started"
