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
"""Rows that are not the life's: frames, counters, clock."""
_TURNING_POINTS = {"qualified": 7, "assigned": 4, "taken from": 4, "model": 3}
"""Lines that say why, and how many rows of reasons they keep."""


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
            body = Group(*fitting(self._lines, rows)) if self._lines else Text("not heard of yet", "dim")
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


def fitting(lines: list[Line], rows: int) -> list[Text]:
    """At most `rows` rows of a life: turning points keep their reasons, small steps go first, then the oldest.

    What room is left shows more details, the newest line's first.
    """
    shown = {number: min(len(line.details), _reasons(line)) for number, line in enumerate(lines)}
    expendable = sorted(shown, key=lambda number: (bool(_reasons(lines[number])), number))
    while sum(shown.values()) + len(shown) > rows and len(shown) > 1:
        number = expendable.pop(0)
        if number == len(lines) - 1:
            continue  # the newest line always shows
        del shown[number]
    room = rows - len(shown) - sum(shown.values())
    for number in sorted(shown, reverse=True):
        more = min(room, len(lines[number].details) - shown[number])
        shown[number] += more
        room -= more
    return [text for number in sorted(shown) for text in _block(lines[number], shown[number])][:rows]


def _reasons(line: Line) -> int:
    """How many details a line keeps as long as it shows: only turning points have a claim to any."""
    return next((most for start, most in _TURNING_POINTS.items() if line.text.startswith(start)), 0)


def _block(line: Line, details: int) -> list[Text]:
    """The line and so many of its details; of those that are cut, the last is kept: it names who signed."""
    chosen = line.details[:details]
    if 1 < details < len(line.details):
        chosen = (*line.details[: details - 1], line.details[-1])
    texts = [Text(f"{moment(line.at)}  {line.text}", COLOURS[line.mood], no_wrap=True, overflow="ellipsis")]
    texts += [Text(f"                  {text}", "dim", no_wrap=True, overflow="ellipsis") for text in chosen]
    return texts
