"""Child processes that are kept running: started, watched, started again with a pause, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.companion import PARENT
from services.cli.services import SERVICES
from services.runtime.errors import UserError
from services.runtime.exit_codes import ExitCode

_STOP_S = 20.0
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
_QUIET_S = 60.0
"""After so long without an end, a child counts as well again."""
_PASSING = frozenset({ExitCode.OK, ExitCode.STUCK, ExitCode.FENCED, ExitCode.UNAVAILABLE, ExitCode.SPLIT})
"""Ends that are nobody's mistake: the child is started again however often; as is one that a signal killed."""


@dataclass(slots=True)
class Child:
    """One service's process. `log` is where it writes; None: where we write."""

    name: str
    command: Sequence[str]
    log: Path | None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    start_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """A context manager: children run inside, and are gone afterwards whatever happened. `also` are sub-commands of
    `baton` that run beside the services, by name."""

    environment: Mapping[str, str]
    logs: Path | None = None
    say: Callable[[str], None] = lambda _: None
    also: Mapping[str, Sequence[str]] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> Supervisor:
        commands = {name: ("worker", name) for name in SERVICES} | dict(self.also)
        for name, arguments in commands.items():
            command = [sys.executable, "-m", "services.cli", *arguments]
            log = None if self.logs is None else self.logs / f"{name}.log"
            self.children.append(Child(name, command, log))
        if self.logs is not None:
            self.logs.mkdir(parents=True, exist_ok=True)
        for child in self.children:
            self._start(child)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def watch(self) -> None:
        """Call it now and then: starts again what ended. Raises UserError when a child ended for a person to fix, or
        again and again for its own sake."""
        now = time.monotonic()
        for child in self.children:
            if child.process is not None and (code := child.process.poll()) is not None:
                child.process = None
                hopeless = code not in _PASSING and code > 0 and child.failures >= len(_PAUSES_S)
                if code == ExitCode.USER or hopeless:
                    raise UserError(f"{child.name} ended with {code}: {self._last_words(child)}", fix="see its log")
                pause = _PAUSES_S[min(child.failures, len(_PAUSES_S) - 1)]
                child.failures = child.failures + 1 if now - child.started_at < _QUIET_S else 1
                child.start_at = now + pause
                self.say(f"{child.name} ended with {code}; starting it again in {pause:g} s")
            elif child.process is None and child.start_at is not None and now >= child.start_at:
                self._start(child)

    def pids(self) -> dict[str, int]:
        """The processes that run now, by service."""
        return {child.name: child.process.pid for child in self.children if child.process is not None}

    def stop(self) -> None:
        """SIGTERM to all, so that they drain and commit together; SIGKILL to what is still there after a while."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for child in self.children:
            child.process = None

    def _start(self, child: Child) -> None:
        child.start_at = None
        child.started_at = time.monotonic()
        with contextlib.ExitStack() as files:
            target = None if child.log is None else files.enter_context(child.log.open("ab"))
            child.process = subprocess.Popen(
                child.command,
                env={**self.environment, PARENT: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=subprocess.STDOUT if target is not None else None,
                start_new_session=True,  # Ctrl-C reaches us alone, and we end them in order
                cwd=Path.cwd(),
            )

    def _last_words(self, child: Child) -> str:
        if child.log is None:
            return ""
        with child.log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2000))
            lines = file.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:500] if lines else ""
