"""The broker's process is found from the moment it was started, and not when it is gone."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import psutil

from services.runtime.embedded import process

ROUNDS = 8
"""A process just started has no command line yet more often than not, so one look would not show it reliably."""


def test_a_process_can_be_found_as_soon_as_it_was_started(tmp_path: Path) -> None:
    marked = [sys.executable, "-c", "import time; time.sleep(60)", process.mark(tmp_path)]
    for _ in range(ROUNDS):
        pid = process.spawn(marked, tmp_path / "console.log")
        found = process.find(tmp_path, pid)
        assert process.end(psutil.Process(pid), signal.SIGKILL, 10.0)
        assert found is not None
        assert found.pid == pid


def test_one_that_ends_at_once_is_not_found(tmp_path: Path) -> None:
    pid = process.spawn(["/bin/false", process.mark(tmp_path)], tmp_path / "console.log")
    psutil.Process(pid).wait(10.0)
    assert process.find(tmp_path, pid) is None


def test_stopped_is_who_has_no_thread_that_runs(tmp_path: Path) -> None:
    busy = "import threading\nfor _ in range(4): threading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()"
    pid = process.spawn([sys.executable, "-c", busy, process.mark(tmp_path)], tmp_path / "console.log")
    running = psutil.Process(pid)
    try:
        assert not process.wait_until_stopped(running, 0.05)
        running.suspend()
        assert process.wait_until_stopped(running, 10.0)
        running.resume()
        assert not process.wait_until_stopped(running, 0.05)
    finally:
        assert process.end(running, signal.SIGKILL, 10.0)
    assert not process.wait_until_stopped(running, 10.0)
