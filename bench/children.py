"""Programs under measurement: started, watched and ended from outside, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_STOP_S = 20.0


@dataclass(slots=True)
class Child:
    """A process that runs now. `log` is where it writes."""

    process: subprocess.Popen[bytes]
    log: Path

    def ended(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self.process.poll()

    def cpu_s(self) -> float:
        """Seconds of CPU so far; 0 when it is gone."""
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        """Resident memory now."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6

    def kill(self) -> None:
        """SIGKILL: what a crash is."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and SIGKILL to what does not hear it; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def last_words(self) -> str:
        """The end of its log, for errors."""
        return self.log.read_text(errors="replace")[-1500:].strip() if self.log.exists() else ""


@contextmanager
def child(arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[Child]:
    """Runs `python <arguments>` while inside; it is gone afterwards whatever happened."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Child(process, log)
    try:
        yield running
    finally:
        running.stop()
