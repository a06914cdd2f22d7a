"""Both sides at once, a process for each: a replay is as long as its traffic, and a machine has more than one core."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized

from services.cli.planning.sides import Side, played
from services.cli.planning.traffic import Traffic
from services.runtime.clock import TimeScale
from services.scorer.identity import Keyring
from services.scorer.scope import Definitions

_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class _Work:
    """What a child finds as it was when it was forked: nothing of it is sent."""

    sides: tuple[Definitions, ...]
    keyring: Keyring
    scale: TimeScale
    traffic: Traffic
    end: int
    done: tuple[Synchronized[int], ...]


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
    context = multiprocessing.get_context("fork") if "fork" in multiprocessing.get_all_start_methods() else None
    done = tuple((context or multiprocessing.get_context()).Value("q", 0) for _ in sides)
    _work[:] = [_Work(sides, keyring, scale, traffic, end, done)]
    total = len(sides) * len(traffic.records)

    def tell() -> None:
        advance(sum(each.value for each in done), total)

    try:
        if context is None or len(sides) == 1:
            found = [
                _play(number, lambda: advance(sum(each.value for each in done), total)) for number in range(len(sides))
            ]
            return found[0], found[-1]
        gc.freeze()  # or a look at them copies the records in every child
        with ProcessPoolExecutor(len(sides), mp_context=context) as pool:
            futures: list[Future[Side]] = [pool.submit(_played_alone, number) for number in range(len(sides))]
            while wait(futures, timeout=_LOOK_S).not_done:
                tell()
            return futures[0].result(), futures[-1].result()
    finally:
        gc.unfreeze()
        _work.clear()


def _played_alone(number: int) -> Side:
    gc.disable()  # a tenth of the time, for nothing: what a turn leaves behind is in no cycle, and the child ends soon
    return _play(number)


def _play(number: int, after: Callable[[], None] | None = None) -> Side:
    [work] = _work

    def done(count: int) -> None:
        work.done[number].value = count
        if after is not None:
            after()

    return played(
        work.sides[number],
        work.keyring,
        work.scale,
        work.traffic.records,
        end=work.end,
        tables=work.traffic.tables,
        done=done,
    )
