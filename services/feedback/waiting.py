"""Where answers wait for what they refer to: whole, for an hour, within bounds.

`leads.routed` and `feedback.events` are in no common order, and an answer may overtake the one it undoes. What nothing
comes for becomes a dead letter with its original bytes and headers: nothing is lost.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from services.feedback.packing import pack, unpacker
from services.runtime.record import LogRecord, Record
from services.runtime.state import State, Working

TOPIC = "feedback.events"
PREFIX = b"w:"
EXPIRE = "expire"
WAIT_MS = 3_600_000
MOST = 64
MOST_BYTES = 300 * 1024


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """One answer, whole, with the dead letter that it will be when nothing comes for it until `due`."""

    ref: bytes
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes | None], ...]
    code: str
    field: str
    fix: str
    due: int

    @property
    def size(self) -> int:
        """Bytes of the original."""
        return len(self.key) + len(self.value) + sum(len(name) + len(text or b"") for name, text in self.headers)

    def original(self, partition: int) -> LogRecord:
        """The record as it was taken in."""
        headers = self.headers
        return LogRecord(TOPIC, partition, self.offset, self.timestamp, self.key, self.value, headers)  # type: ignore[arg-type]  # a foreign header may hold null, and keeps it


class Queue(msgspec.Struct, frozen=True, array_like=True):
    """What waits for one handoff, in the order of arrival."""

    waiting: tuple[Waiting, ...] = ()


_unpack = unpacker(Queue)


class WaitingRoom:
    """The queues of one batch or timer; `timers` are theirs, one per queue, at its earliest due time."""

    def __init__(self, state: State) -> None:
        self._queues = Working(state, decode=_unpack, encode=pack, prefix=PREFIX)
        self.timers: dict[tuple[bytes, str], int | None] = {}

    def changes(self) -> dict[bytes, bytes | None]:
        """Encoded changes for `Effects.states`."""
        return self._queues.changes()

    def of(self, handoff: bytes) -> tuple[Waiting, ...]:
        """What waits for `handoff`, in the order of arrival."""
        queue = self._queues.get(handoff)
        return queue.waiting if queue is not None else ()

    def has(self, handoff: bytes, ref: bytes) -> bool:
        """Whether this very answer waits already."""
        return any(waiting.ref == ref for waiting in self.of(handoff))

    def has_room(self, handoff: bytes, one_more: Waiting) -> bool:
        """Whether it stays within its bounds: one sender's mistake must not grow the state without end."""
        there = self.of(handoff)
        return len(there) < MOST and one_more.size + sum(waiting.size for waiting in there) <= MOST_BYTES

    def add(self, handoff: bytes, waiting: Waiting) -> None:
        """Lets an answer wait, in the place of an earlier form of it."""
        self._keep(handoff, (*(each for each in self.of(handoff) if each.ref != waiting.ref), waiting))

    def remove(self, handoff: bytes, refs: Collection[bytes]) -> None:
        """They wait no longer."""
        there = self.of(handoff)
        left = tuple(waiting for waiting in there if waiting.ref not in refs)
        if left != there:
            self._keep(handoff, left)

    def take_due(self, handoff: bytes, moment: int) -> list[Waiting]:
        """Removes and returns what has waited long enough."""
        over = [waiting for waiting in self.of(handoff) if waiting.due <= moment]
        self._keep(handoff, tuple(waiting for waiting in self.of(handoff) if waiting.due > moment))
        return over

    def _keep(self, handoff: bytes, waiting: tuple[Waiting, ...]) -> None:
        self._queues.put(handoff, Queue(waiting) if waiting else None)
        self.timers[PREFIX + handoff, EXPIRE] = min((each.due for each in waiting), default=None)


def waiting_of(ref: bytes, record: Record, letter: tuple[str, str, str], due: int) -> Waiting:
    """An answer as it waits; `letter` is code, field and fix of the dead letter that it may become."""
    headers = tuple((name, content) for name, content in record.headers)
    return Waiting(ref, record.offset, record.timestamp, record.key or b"", record.value or b"", headers, *letter, due)
