"""Tracebacks that may be logged: frames and types in full, messages without what they quote of the input (L8).

A bug's message often quotes the value it stumbled over (`invalid literal for int(): 'Jane'`). Errors that Baton raises,
and the system's and the broker's, hold no input and keep their words; in all others quoted stretches are masked. The
position of the record is on the log line, so whoever may read the log can look the value up.
"""

from __future__ import annotations

import re
import traceback
from typing import Final

from services.runtime.errors import BatonError

MASK: Final = "'...'"

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|input_value=.*?(?=, input_type=)", re.DOTALL)
_SPEAKS_FREELY = ("aiokafka", "aiohttp")


def rendered(error: BaseException) -> str:
    """The chain of `error`, oldest first, as Python shows it, with masked messages."""
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain:
        chain.append(found)
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    return "\ncaused:\n".join(_one(link) for link in reversed(chain))


def message(error: BaseException) -> str:
    """`error` in one line: its type and what may be said of it."""
    kind, text = type(error), str(error)
    safe = isinstance(error, BatonError | OSError) or kind.__module__.split(".")[0] in _SPEAKS_FREELY
    said = text if safe else _QUOTED.sub(MASK, text)
    return f"{kind.__qualname__}: {' '.join(said.split())}" if said else kind.__qualname__


def _one(error: BaseException) -> str:
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=True)
    return "".join(["Traceback (most recent call last):\n", *frames.format(), message(error)])
