"""A file of past events as records of the log; a large one is read by two processes, each its half.

Most lines are the usual ones and read fast (`usual_line.py`); all others are checked as `baton publish` checks them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from baton_schemas.contract import parse_time
from services.cli.planning.usual_line import Told, UsualLines
from services.cli.publish import Times, sends_of
from services.cli.publishing.lines import document, halves, texts_within
from services.cli.publishing.reading import json_readings, reading_of
from services.cli.publishing.records import KeyMaker
from services.cli.publishing.report import Report
from services.runtime.effects import Send

REPLAYED = ("engagement.events", "crm.facts")
_SOURCE = "/import/plan"
_EVERY = 5_000


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
        second = later.result()
    return Found(first.told + second.told, first.refused + second.refused)


def read_part(file: Path, keys: KeyMaker, part: range | None, done: Callable[[int], None] = lambda _: None) -> Found:
    """What a part of it holds (None: all of it)."""
    report, told, timeless = Report(file=str(file)), [], 0
    for one in _told(file, keys, part, report):
        if one is None:
            timeless += 1
        else:
            told.append(one)
            if len(told) % _EVERY == 0:
                done(len(told))
    return Found(told, report.refused + timeless)


def _told(file: Path, keys: KeyMaker, part: range | None, report: Report) -> Iterator[Told | None]:
    """The records that are replayed; None for one without a time."""
    if part is None:
        yield from _of_sends(sends_of(json_readings(file, _SOURCE), report, keys, Times.GIVEN))
        return
    usual = UsualLines(keys)
    for item in texts_within(file, part):
        fast = None if item.refused is not None else usual.read(item.content)
        if fast is not None:
            yield fast
        else:
            yield from _of_sends(sends_of([reading_of(document(item), _SOURCE)], report, keys, Times.GIVEN))


def _of_sends(sends: Iterable[Send]) -> Iterator[Told | None]:
    for send in sends:
        if send.topic in REPLAYED:  # what sales said is replayed by nobody: the scorer has no part in it
            time = next((text for name, text in send.headers if name == "ce_time"), None)
            at = None if time is None else parse_time(time.decode())
            yield None if at is None else Told(at, send.topic, send.key, send.value, send.headers)
