"""How Python's garbage collector runs in a worker: seldom, over little, and never while a restore fills the memory.

What a worker keeps (code, state, timers) stays for hours, and what a batch makes is freed by its last reference; only
the few objects that refer to each other in a ring need the collector. By default it walks the youngest after every 700
allocations, so several times within a batch, and finds nothing but what the batch still uses.

The first threshold bounds what such rings can hold: they are looked for after so many containers that were not freed,
a few megabytes at the most. What is frozen is never walked, so nothing may stay frozen that can die: when the lanes of
a worker end, everything is thawed and looked through once. (Not in a process that is no worker: it may hold millions of
objects of its own.)
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (10_000, 20, 10)
"""Containers that were not freed until the youngest are walked; how many such walks until the next older ones are."""


@contextmanager
def tuned() -> Iterator[None]:
    """For as long as a process is a worker."""
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def hold() -> None:
    """Before a restore: it makes millions of objects that stay."""
    gc.disable()


def settle() -> None:
    """After a restore: what is there now stays, the collector need not walk it."""
    gc.enable()
    gc.freeze()


def thaw() -> None:
    """When what was restored goes: a ring in it would stay for good in a frozen heap."""
    gc.enable()
    if gc.get_threshold() == THRESHOLDS and gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
