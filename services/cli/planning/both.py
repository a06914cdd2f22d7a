"""Both sides of a plan, played in parts by as many processes as there are processors.

Where both sides count the same, a part is played once for both; where they do not, once for each.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from services.cli.planning.counting import for_all
from services.cli.planning.groups import parts
from services.cli.planning.sides import Side, played
from services.cli.planning.traffic import Traffic
from services.runtime.clock import TimeScale
from services.scorer.identity import Keyring
from services.scorer.scope import Definitions

_PARTS = 96
"""So many that none is waited for, and a bar moves."""
_WORTH_CUTTING = 5_000
_MOST_PROCESSES = 8


@dataclass(frozen=True, slots=True)
class _Work:
    """What a child finds as it was when it was forked: nothing of it is sent. A job plays one part under some sides."""

    sides: tuple[Definitions, ...]
    keyring: Keyring
    scale: TimeScale
    traffic: Traffic
    end: int
    jobs: list[tuple[tuple[int, ...], list[int]]]


_work: list[_Work] = []


def both(
    old: Definitions,
    new: Definitions,
    keyring: Keyring,
    scale: TimeScale,
    traffic: Traffic,
    *,
    end: int,
    advance: Callable[[int, int], None] = lambda _done, _of: None,
) -> tuple[Side, Side]:
    """Plays the traffic under the old definitions and under the new ones; once where they judge alike."""
    sides = (old,) if old.by_judged.keys() == new.by_judged.keys() else (old, new)
    together = [tuple(range(len(sides)))] if for_all(sides) is not None else [(number,) for number in range(len(sides))]
    alone = len(traffic.records) < _WORTH_CUTTING or "fork" not in multiprocessing.get_all_start_methods()
    places = [list(range(len(traffic.records)))] if alone else parts(traffic.records, keyring, _PARTS)
    jobs = [(each, part) for each in together for part in places]
    _work[:] = [_Work(sides, keyring, scale, traffic, end, jobs)]
    try:
        found = _one_by_one(jobs, advance) if alone else _at_once(jobs, advance)
    finally:
        _work.clear()
    each = [_whole(found, number) for number in range(len(sides))]
    return each[0], each[-1]


def _one_by_one(
    jobs: Sequence[tuple[tuple[int, ...], list[int]]], advance: Callable[[int, int], None]
) -> list[tuple[int, Side]]:
    found, total = [], sum(len(part) for _, part in jobs)
    before = 0
    for number, (_, part) in enumerate(jobs):
        found += _play(number, lambda done, before=before: advance(before + done, total))  # type: ignore[misc]
        before += len(part)
    return found


def _at_once(
    jobs: Sequence[tuple[tuple[int, ...], list[int]]], advance: Callable[[int, int], None]
) -> list[tuple[int, Side]]:
    found: list[tuple[int, Side]] = []
    done, total = 0, sum(len(part) for _, part in jobs)
    gc.freeze()  # or a look at them copies the records in every child
    try:
        most = min(len(os.sched_getaffinity(0)), _MOST_PROCESSES)
        with ProcessPoolExecutor(most, mp_context=multiprocessing.get_context("fork")) as pool:
            # the longest part first, or it is waited for at the end
            order = sorted(range(len(jobs)), key=lambda number: -len(jobs[number][1]))
            waiting = {pool.submit(_play_alone, number): len(jobs[number][1]) for number in order}
            for future in as_completed(waiting):
                found += future.result()
                done += waiting[future]
                advance(done, total)
    finally:
        gc.unfreeze()
    return found


def _play_alone(number: int) -> list[tuple[int, Side]]:
    gc.disable()  # a tenth of the time, and what a part leaves behind in cycles goes with its end
    found = _play(number)
    gc.collect()
    return found


def _play(number: int, done: Callable[[int], None] = lambda _: None) -> list[tuple[int, Side]]:
    [work] = _work
    numbers, part = work.jobs[number]
    records = work.traffic.records
    sides = played(
        [work.sides[each] for each in numbers],
        work.keyring,
        work.scale,
        [records[place] for place in part],
        end=work.end,
        tables=work.traffic.tables,
        done=done,
    )
    return list(zip(numbers, sides, strict=True))


def _whole(found: Iterable[tuple[int, Side]], number: int) -> Side:
    """A side of its parts."""
    every = [side for each, side in found if each == number]
    people = {key: standing for side in every for key, standing in side.people.items()}
    return Side(
        people, sorted((lead for side in every for lead in side.leads), key=lambda lead: (lead.at, lead.person))
    )
