"""Worker processes of one test: started, killed, frozen, asked to stop, always by pid; none outlives the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from services.runtime.exit_codes import ExitCode
from tests.faults.outer_log import OuterLog
from tests.faults.waiting import until

ROOT = Path(__file__).parents[2]
SESSION_MS = 3000
RESTARTABLE = {ExitCode.FENCED, ExitCode.UNAVAILABLE}


class Worker:
    """One process and what it said."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path) -> None:
        self.process = process
        self._said = said

    @property
    def said(self) -> str:
        return self._said.read_text(errors="replace")

    def wait_for(self, words: str) -> str:
        """The first line with `words`, as soon as the worker says it."""
        until(lambda: words in self.said or self.process.poll() is not None, f"said: {words}")
        lines = [line for line in self.said.splitlines() if words in line]
        assert lines, f"ended with {self.process.poll()} without a word of {words}:\n{self.said[-3000:]}"
        return lines[0]

    def wait_frozen(self) -> None:
        """Returns when the process stands still."""
        until(lambda: psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED, "frozen")

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        self.wait_frozen()

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL; works on a frozen process as well."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.terminate()
        return self.wait_exit()

    def wait_exit(self) -> int:
        """Its exit code; minus the signal's number if one ended it."""
        until(lambda: self.process.poll() is not None, "ended")
        return int(self.process.returncode)


class Cluster:
    """Workers over one log. `settings` are the environment of all of them, without `BATON_`."""

    def __init__(self, log: OuterLog, directory: Path, engine: str = "faust", **settings: object) -> None:
        self.log = log
        self.workers: list[Worker] = []
        self.revived = 0
        self._directory = directory
        self._settings = {
            "kafka": log.bootstrap,
            "topic_prefix": log.prefix,
            "partitions": log.partitions,
            "engine": engine,
            "session_timeout_ms": SESSION_MS,
            "heartbeat_ms": 500,
            "journal_batch_bytes": 1024,
            "max_batch": 20,
            **settings,
        }

    def start(self, *, fault: str = "", variant: str = "", service: str = "toy", **settings: object) -> Worker:
        """A new worker; `fault` arms a point (see `services/runtime/kafka/faults.py`)."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
        for name, value in {**self._settings, **settings}.items():
            environment[f"BATON_{name.upper()}"] = str(value)
        environment |= {"BATON_FAULT": fault, "TOY_VARIANT": variant, "TOY_SERVICE": service}
        said = self._directory / f"worker-{len(self.workers)}.log"
        with said.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.worker_program"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        worker = Worker(process, said)
        self.workers.append(worker)
        return worker

    def drain(self, group: str = "toy", *, seconds: float = 60.0) -> None:
        """Waits until the group has committed everything. Workers that end for a restart are started again."""
        living = [worker for worker in self.workers if worker.process.poll() is None]

        def quiet() -> bool:
            for worker in [each for each in living if each.process.poll() is not None]:
                code = worker.process.returncode
                assert code in RESTARTABLE, f"ended with {code}:\n{worker.said[-3000:]}"
                living.remove(worker)
                living.append(self.start(service=group))
                self.revived += 1
            return self.log.lag(group) == 0

        until(quiet, f"drained:\n{self.tell()}", seconds=seconds)

    def tell(self) -> str:
        """The last words of every worker, for a failed test."""
        return "\n".join(f"-- {number}: {each.said[-600:]}" for number, each in enumerate(self.workers))

    def close(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
