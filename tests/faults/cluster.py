"""Worker processes of one test: started, killed, frozen, asked to stop, always by pid; none outlives the test."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import psutil

from services.runtime.exit_codes import ExitCode
from tests.faults import worker_program
from tests.faults.outer_log import OuterLog
from tests.faults.verifier import Findings, verify
from tests.faults.waiting import until

SESSION_MS = 3000
RESTARTABLE = {ExitCode.FENCED, ExitCode.UNAVAILABLE}


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([worker_program.__name__])
"""What a worker has to import is imported once; each worker is a process of its own all the same."""


class Worker:
    """One process and what it said."""

    def __init__(self, environment: Mapping[str, str], said: Path) -> None:
        self._said = said
        said.touch()
        self.process = _FORKS.Process(target=worker_program.main, args=(dict(environment), str(said)))
        self.process.start()
        self.pid = self.process.pid or 0
        self.over = False  # its end was meant, or is mended

    @property
    def said(self) -> str:
        return self._said.read_text(errors="replace")

    @property
    def ended(self) -> int | None:
        """Its exit code; minus the signal's number if one ended it; None while it lives."""
        return self.process.exitcode

    def wait_for(self, words: str) -> str:
        """The first line with `words`, as soon as the worker says it."""
        until(lambda: words in self.said or self.ended is not None, f"said: {words}")
        lines = [line for line in self.said.splitlines() if words in line]
        assert lines, f"ended with {self.ended} without a word of {words}:\n{self.said[-3000:]}"
        return lines[0]

    def wait_frozen(self) -> None:
        """Returns when the process stands still."""
        until(lambda: psutil.Process(self.pid).status() == psutil.STATUS_STOPPED, "frozen")

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        self.wait_frozen()

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL; works on a frozen process as well."""
        self.over = True
        self.process.kill()
        self.process.join()

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.terminate()
        return self.wait_exit()

    def wait_exit(self) -> int:
        """Its exit code, as soon as it has one."""
        self.over = True
        until(lambda: self.ended is not None, "ended")
        return int(self.ended or 0)


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
        environment = {f"BATON_{name.upper()}": str(value) for name, value in {**self._settings, **settings}.items()}
        environment |= {"BATON_FAULT": fault, "TOY_VARIANT": variant, "TOY_SERVICE": service}
        worker = Worker(environment, self._directory / f"worker-{len(self.workers)}.log")
        self.workers.append(worker)
        return worker

    def drain(self, group: str = "toy", *, seconds: float = 60.0) -> None:
        """Waits until the group has committed everything. Workers that end for a restart are started again."""

        def quiet() -> bool:
            for worker in [each for each in self.workers if each.ended is not None and not each.over]:
                assert worker.ended in RESTARTABLE, f"ended with {worker.ended}:\n{worker.said[-3000:]}"
                worker.over = True
                self.start(service=group)
                self.revived += 1
            return self.log.lag(group) == 0

        until(quiet, "drained", seconds=seconds, tell=self.tell)

    def tell(self) -> str:
        """The last words of every worker, for a failed test."""
        return "\n".join(f"-- {number}: {each.said[-600:]}" for number, each in enumerate(self.workers))

    def check(self, *groups: str, complete: bool = True) -> Findings:
        """The verifier's findings; fails when there is an anomaly."""
        findings = verify(self.log.observe(*(groups or ("toy",))), complete=complete)
        assert not findings.anomalies, f"{findings.anomalies[:10]}\n{self.tell()}"
        return findings

    def close(self) -> None:
        for worker in self.workers:
            if worker.ended is None:
                worker.kill()
