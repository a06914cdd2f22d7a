"""A file of past events as records of the log; a large one is read by two processes, each its half.

Checking a line by its contract costs nearly as much as replaying it on one side does.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from baton_schemas.contract import parse_time
from services.cli.publish import Times, sends_of
from services.cli.publishing.lines import halves
from services.cli.publishing.reading import json_readings
from services.cli.publishing.records import KeyMaker
from services.cli.publishing.report import Report
from services.runtime.record import Headers

REPLAYED = ("engagement.events", "crm.facts")
_SOURCE = "/import/plan"
_EVERY = 5_000


class Told(NamedTuple):
    """A line's record: what `baton publish` would send, and when it happened (Baton ms)."""

    at: int
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class Found(NamedTuple):
    """What a file holds that can be replayed, in its order; and how many lines can't be used: no event, or one
    without a time, which nothing can tell when to replay."""

    told: list[Told]
    refused: int


def read_past(file: Path, keys: KeyMaker, done: Callable[[int], None] = lambda _: None) -> Found:
    """Everything of a file; `done` hears how many records this process has. Raises UserError where it can't be read
    at all."""
    parts = halves(file)
    if len(parts) == 1 or "fork" not in multiprocessing.get_all_start_methods():
        return read_part(file, keys, None, done)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        later = pool.submit(read_part, file, keys, parts[1])
        first = read_part(file, keys, parts[0], done)
        with _uncollected():
            second = later.result()
    return Found(first.told + second.told, first.refused + second.refused)


def read_part(file: Path, keys: KeyMaker, part: range | None, done: Callable[[int], None] = lambda _: None) -> Found:
    """What a part of it holds (None: all of it)."""
    report, told, timeless = Report(file=str(file)), [], 0
    with _uncollected():
        for send in sends_of(json_readings(file, _SOURCE, part), report, keys, Times.GIVEN):
            if send.topic not in REPLAYED:
                continue  # what sales said is replayed by nobody: the scorer has no part in it
            time = next((text for name, text in send.headers if name == "ce_time"), None)
            if time is None:
                timeless += 1
            else:
                told.append(Told(parse_time(time.decode()), send.topic, send.key, send.value, send.headers))
                if len(told) % _EVERY == 0:
                    done(len(told))
    return Found(told, report.refused + timeless)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for garbage in cycles: there is none, and each look goes over all records read so far."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
