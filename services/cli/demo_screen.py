"""What the demo shows: one lead's life above, the counters beneath; plain lines where nobody looks at a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.cli.counters import Counters
from services.cli.story import Line, moment

COLOURS = {"good": "bold green", "bad": "bold red", "warn": "yellow", "plain": "", "dim": "dim"}
_EVERY_S = 5.0
_PER_ROW = 5
_BENEATH = 9
_WHY = 7
"""Rows that the reasons for qualifying keep, on a screen that has them."""
"""Rows that are not the life's: frames, counters, clock."""


class Screen(Protocol):
    """Where the demo speaks."""

    def say(self, text: str) -> None: ...
    def hero(self, who: str) -> None: ...
    def life(self, line: Line) -> None: ...
    def tick(self, now: int, counters: Counters) -> None: ...
    def close(self) -> None: ...


class Rate:
    """Events per second over the last few seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: list[tuple[float, int]] = []

    def of(self, events: int) -> float:
        now = self._monotonic()
        self._seen = [(at, count) for at, count in self._seen if now - at <= _EVERY_S] + [(now, events)]
        at, count = self._seen[0]
        return (events - count) / (now - at) if now > at else 0.0


class PlainScreen:
    """Lines, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0
        self._rate = Rate()

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def hero(self, who: str) -> None:
        self.say(f"one lead's life: {who}")

    def life(self, line: Line) -> None:
        self.say(f"{moment(line.at)}  {line.text}")
        for detail in line.details:
            self.say(f"                  {detail}")

    def tick(self, now: int, counters: Counters) -> None:
        rate = self._rate.of(counters.events)
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY_S
        numbers = ", ".join(f"{name} {count:,}" for name, count in counters.shown())
        self.say(f"[{moment(now)}] {numbers}, {rate:,.0f} events/s")

    def close(self) -> None:
        """Nothing is held."""


class LiveScreen:
    """The terminal: what was said stays above, the live part is redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: list[Line] = []
        self._who = ""
        self._rate = Rate()
        self._live: Live | None = None

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, style="" if self._live is None else "dim")

    def hero(self, who: str) -> None:
        self._who = who
        self._live = Live(console=self._console, refresh_per_second=8, transient=False)
        self._live.start()

    def life(self, line: Line) -> None:
        self._lines.append(line)
        self._lines.sort(key=lambda each: each.at)  # topics are read side by side, life goes in order

    def tick(self, now: int, counters: Counters) -> None:
        if self._live is not None:
            rows = max(6, self._console.height - _BENEATH)
            body = Group(*_fitting(self._lines, rows)) if self._lines else Text("not heard of yet", "dim")
            life = Panel(body, title=f"one lead's life: {self._who}", title_align="left", height=rows + 2)
            self._live.update(Group(life, _numbers(now, counters, self._rate.of(counters.events))))

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def screen(console: Console) -> Screen:
    """The form that suits where the output goes."""
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)


def _numbers(now: int, counters: Counters, rate: float) -> Panel:
    shown = [*counters.shown(), ("events/s", round(rate))]
    table = Table.grid(expand=True, padding=(0, 1))
    for start in range(0, len(shown), _PER_ROW):
        names = shown[start : start + _PER_ROW]
        table.add_row(*[Text(f"{count:,}", "bold") + Text(f" {name}", "dim") for name, count in names])
    return Panel(table, title=moment(now), title_align="left")


def _fitting(lines: list[Line], rows: int) -> list[Text]:
    """The newest lines and why the lead is good; then details as long as there is room, the newest's first."""
    why = next((line for line in lines if line.text.startswith("qualified")), None)
    kept = min(_WHY, rows // 3) if why is not None else 0
    newest = lines[-(rows - kept) :]
    if why is not None and why not in newest:
        newest = [why, *newest[1:]]
    room = rows - len(newest) - kept
    shown: list[list[Text]] = []
    for line in reversed(newest):
        details = line.details[:room] if line is not why else (*line.details[: kept - 1], *line.details[-1:])
        room -= len(details) if line is not why else 0
        block = [Text(f"{moment(line.at)}  {line.text}", COLOURS[line.mood], no_wrap=True, overflow="ellipsis")]
        block += [Text(f"                  {text}", "dim", no_wrap=True, overflow="ellipsis") for text in details]
        shown.append(block)
    return [text for block in reversed(shown) for text in block]
