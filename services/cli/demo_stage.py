"""What a demo's day is played on, and how it ends before its time: with every process that it has started."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

from services.cli.demo_screen import Screen
from services.cli.demo_watch import Watch
from services.cli.supervisor import Supervisor
from services.runtime.clock import SystemClock

TICK_S = 0.1


@dataclass(frozen=True, slots=True)
class Stage:
    """What a day is played on. `ended` is set when somebody wants it to end: where a library swallows the interrupt,
    the next turn sees it."""

    shown: Screen
    services: Supervisor
    clock: SystemClock
    ended: Event

    async def turn(self, watch: Watch, beside: tuple[asyncio.Task[None], ...]) -> None:
        """A moment passes. Raises what ended a service or a task beside, and KeyboardInterrupt."""
        if self.ended.is_set():
            raise KeyboardInterrupt
        self.services.watch()
        for task in beside:
            if task.done():
                task.result()
        self.shown.tick(self.clock.now(), watch.counters)
        await asyncio.sleep(TICK_S)


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[Event]:
    """SIGTERM ends the demo as Ctrl-C does, so that no process is left behind; the event is set then."""
    ended = Event()

    def end(*_: object) -> None:
        ended.set()
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield ended
    finally:
        signal.signal(signal.SIGTERM, before)
