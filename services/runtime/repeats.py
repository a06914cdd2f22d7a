"""A library that says the same thing many times a second is heard once in a while, with how often it said it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

EVERY_S = 5.0
_MOST = 500


class Repeats(logging.Filter):
    """Lets the same line of a library pass once in `every_s` seconds; the next one carries `repeats`, the number of
    those that were held back since. Our own lines, and errors with a traceback, all pass.

    The same line is the same template from the same logger: what is filled in may differ.
    """

    def __init__(
        self, libraries: Iterable[str], *, every_s: float = EVERY_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._libraries = frozenset(libraries)
        self._every_s = every_s
        self._now = now
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in self._libraries or record.exc_info:
            return True
        line = (record.name, str(record.msg))
        now = self._now()
        at, held_back = self._said.get(line, (now - self._every_s, 0))
        if now - at < self._every_s:
            self._said[line] = at, held_back + 1
            return False
        if len(self._said) >= _MOST:
            self._said.clear()
        self._said[line] = now, 0
        if held_back:
            record.repeats = held_back
        return True
