"""Ends the brokers of a test session that was itself killed, since brokers outlive what started them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.runtime.embedded.process import mark

# Waits until the other end of its standard input is gone, however that went, then looks for what was left behind.
_GUARD = """
import sys
sys.stdin.read()
import psutil
for process in psutil.process_iter(["cmdline"]):
    if any(argument.startswith("-D" + sys.argv[1]) for argument in process.info["cmdline"] or []):
        process.kill()
"""


@contextmanager
def guarded(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """While this process lives nothing happens; if it dies in here, every broker below `directory` is killed."""
    below = mark(directory).removeprefix("-D") + "/"
    command = [sys.executable, "-c", _GUARD, below]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as guard:
        try:
            yield guard
        finally:
            guard.kill()
