"""The broker as a process of the system: found by its mark, never by a number that may be another's by now."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil

_MARK = "-Dbaton.kafka.data="
_POLL_S = 0.001


def mark(data: Path) -> str:
    """The JVM argument that says whose broker this process is."""
    return _MARK + str(data)


def spawn(command: list[str], console: Path) -> int:
    """Starts the program in a session of its own (so Ctrl-C spares it), output to `console`; gives its pid.

    When this returns the process can be found by its mark: the system wakes us before its command line can be read.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(console), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions, setsid=True)
    with contextlib.suppress(psutil.Error):  # it has ended already: whoever looks for it will see
        process = psutil.Process(pid)
        while not process.cmdline():
            time.sleep(_POLL_S)
    return pid


def find(data: Path, pid_hint: int | None) -> psutil.Process | None:
    """The living broker of this data dir, also when its pid file is missing, stale or names another program."""
    if pid_hint is not None:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid_hint)
            if _is_broker(process, data):
                return process
    return next((process for process in psutil.process_iter() if _is_broker(process, data)), None)


def wait_until_stopped(process: psutil.Process, timeout_s: float) -> bool:
    """Waits after SIGSTOP until every thread has heard of it; whether that came about in time. One thread takes the
    signal and stops the others, and until it is given a processor they go on."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):  # a thread that ended meanwhile
            threads = [psutil.Process(thread.id) for thread in process.threads()] if psutil.LINUX else [process]
            if all(thread.status() == psutil.STATUS_STOPPED for thread in threads):
                return True
        if not process.is_running():
            return False
        time.sleep(_POLL_S)
    return False


def end(process: psutil.Process, signal_number: signal.Signals, timeout_s: float) -> bool:
    """Sends the signal and waits; whether the process is gone. Collects it if it is a child of ours."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal_number)
    try:
        process.wait(timeout_s)
    except psutil.TimeoutExpired:
        return False
    except psutil.NoSuchProcess:
        pass
    return True


def _is_broker(process: psutil.Process, data: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            if process.ppid() == os.getpid():
                process.wait(0)
            return False
        return mark(data) in process.cmdline()
    except psutil.Error:
        return False
