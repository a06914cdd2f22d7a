"""Waiting on conditions, with a deadline and a name for what did not come."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 45.0
_POLL_S = 0.03


def until(
    condition: Callable[[], object],
    what: str,
    *,
    seconds: float = PATIENCE_S,
    tell: Callable[[], str] = str,
    nudge: Callable[[], None] = lambda: None,
) -> None:
    """Returns when `condition()` is true; fails with `what` and `tell()` when it does not become true in time.

    `nudge` is called before each look.
    """
    deadline = time.monotonic() + seconds
    nudge()
    while not condition():
        assert time.monotonic() < deadline, f"not {what} within {seconds:.0f} s\n{tell()}"
        time.sleep(_POLL_S)
        nudge()
