"""A worker that `up` or the demo started ends with it, also when that was killed and could end nobody."""

from __future__ import annotations

import os
import signal
import threading
import time

PARENT = "BATON_SUPERVISOR_PID"
_LOOK_S = 1.0


def end_with_parent() -> None:
    """Sends this process SIGTERM when the one that the environment names as its parent is gone. Else does nothing."""
    named = os.environ.get(PARENT, "")
    if named.isdigit():
        threading.Thread(target=_watch, args=(int(named),), name="companion", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
