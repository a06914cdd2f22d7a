"""The timers of one lane: what is due next, in an order that never depends on how they were set (L4).

A heap ordered by (due, key, name) beside a dict that holds the truth. A moved or cancelled timer leaves its old entry
in the heap, as a tombstone that is skipped when it comes up; when more than half of the heap is tombstones it is built
anew, so memory follows the number of live timers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

_LENGTH = struct.Struct(">I")
_DUE = struct.Struct(">q")
_FEW = 64


class Timer(NamedTuple):
    """A timer that a processor has set; `due` in Baton milliseconds. Sorted as it fires."""

    due: int
    key: bytes
    name: str


class Timers:
    """One timer per (key, name). Every change costs O(log n), amortised."""

    __slots__ = ("_due", "_heap")

    def __init__(self) -> None:
        self._due: dict[tuple[bytes, str], int] = {}
        self._heap: list[tuple[int, bytes, str]] = []

    def __len__(self) -> int:
        return len(self._due)

    def __iter__(self) -> Iterator[Timer]:
        """All timers, in the order in which they would fire."""
        return iter(sorted(Timer(due, key, name) for (key, name), due in self._due.items()))

    def due_of(self, key: bytes, name: str) -> int | None:
        """When the timer is due, or None when it is not set."""
        return self._due.get((key, name))

    def set(self, key: bytes, name: str, due: int) -> None:
        """Sets the timer, or moves it."""
        if self._due.get((key, name)) == due:
            return
        self._due[key, name] = due
        heappush(self._heap, (due, key, name))
        self._sweep()

    def cancel(self, key: bytes, name: str) -> None:
        """Forgets the timer; nothing happens when it is not set."""
        if self._due.pop((key, name), None) is not None:
            self._sweep()

    def apply(self, changes: Mapping[tuple[bytes, str], int | None]) -> None:
        """Carries out `Effects.timers`."""
        for (key, name), due in changes.items():
            if due is None:
                self.cancel(key, name)
            else:
                self.set(key, name, due)

    def next_due(self) -> int | None:
        """The earliest due time, or None when no timer is set."""
        first = self._first()
        return None if first is None else first.due

    def first_due(self, moment: int) -> Timer | None:
        """The first timer due at or before `moment`, left in place: a decision removes it, or moves it, or a crash
        keeps it. Ask again after each decision, since one timer may cancel the next."""
        first = self._first()
        return first if first is not None and first.due <= moment else None

    def pop_due(self, moment: int) -> list[Timer]:
        """Removes and returns all timers due at or before `moment`, in the order (due, key, name)."""
        due = []
        while (timer := self.first_due(moment)) is not None:
            heappop(self._heap)
            del self._due[timer.key, timer.name]
            due.append(timer)
        return due

    def _first(self) -> Timer | None:
        heap = self._heap
        while heap:
            due, key, name = heap[0]
            if self._due.get((key, name)) == due:
                return Timer(due, key, name)
            heappop(heap)
        return None

    def _sweep(self) -> None:
        if len(self._heap) > 2 * len(self._due) + _FEW:
            self._heap = [(due, key, name) for (key, name), due in self._due.items()]
            heapify(self._heap)


def pack_name(key: bytes, name: str) -> bytes:
    """Key and name of a timer as one key for the journal; `unpack_name` is its exact reverse."""
    return _LENGTH.pack(len(key)) + key + name.encode()


def unpack_name(packed: bytes) -> tuple[bytes, str]:
    """The key and name that `pack_name` packed."""
    (length,) = _LENGTH.unpack_from(packed)
    start = _LENGTH.size
    return packed[start : start + length], packed[start + length :].decode()


def pack_due(due: int) -> bytes:
    """A due time as eight bytes."""
    return _DUE.pack(due)


def unpack_due(packed: bytes) -> int:
    """The due time that `pack_due` packed."""
    due: int = _DUE.unpack(packed)[0]
    return due
