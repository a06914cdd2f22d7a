"""How far the CRM's changes are read: text that sorts as time does, exact when a page ends among equal times.

One transaction gives all its records one time, and may be of any size; so a page goes on after (time, id). First the
opportunities of a window are read, then the parties; then the window moves on to the latest time that was seen.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple, Self

from services.connectors.tryton.values import wire_time

_TEXT = re.compile(r"(\d{20})(?:/(o|p)(\d{20})\.(\d+)/(\d{20}))?")


class Position(NamedTuple):
    """`since` (microseconds) is where the window begins. In the middle of one: which records (`o`, `p`), the last one
    that was read, and the latest time seen so far."""

    since: int = 0
    phase: Literal["o", "p"] = "o"
    after: int | None = None
    record: int = 0
    latest: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """The position in a text; the beginning where it is empty. Raises ValueError for any other text."""
        if not text:
            return cls()
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError("no position in Tryton's changes")
        since, phase, after, record, latest = found.groups()
        if phase is None:
            return cls(int(since), latest=int(since))
        begun = int(after) or int(record)
        return cls(int(since), "o" if phase == "o" else "p", int(after) if begun else None, int(record), int(latest))

    def __str__(self) -> str:
        if self.after is None and self.phase == "o":
            return f"{self.since:020}"
        return f"{self.since:020}/{self.phase}{self.after or 0:020}.{self.record:012}/{self.latest:020}"

    def window(self, overlap: int) -> list[Any]:
        """The domain of the next page; the window begins `overlap` microseconds early."""
        start = max(0, self.since - overlap)
        if self.after is None:
            return [["last_modified_at", ">=", wire_time(start)]]
        at = wire_time(max(self.after, start))
        same = [["last_modified_at", "=", at], ["id", ">", self.record]]
        return (
            [["OR", [["last_modified_at", ">", at]], same]] if self.after >= start else [["last_modified_at", ">=", at]]
        )

    def read(self, last: tuple[int, int] | None, *, full: bool) -> Position:
        """The position after a page that ended with `last` (time, id); `full` when there may be another."""
        latest = max(self.latest, self.since, 0 if last is None else last[0])
        if full and last is not None:
            return self._replace(after=last[0], record=last[1], latest=latest)
        if self.phase == "o":
            return self._replace(phase="p", after=None, record=0, latest=latest)
        return Position(latest, latest=latest)

    def heard(self, moment: int) -> Position:
        """The position when something of this time was seen as well."""
        return self._replace(latest=max(self.latest, moment))
