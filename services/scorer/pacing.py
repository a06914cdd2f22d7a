"""Who qualifies by what a backfill says of the past is announced in turn, one after the other (L7).

A backfill may make thousands qualify in a minute, and no sales team calls thousands. So each is given a slot: a timer
at which it is judged once more and announced if it still qualifies, with the timer as the cause. Whoever does something
meanwhile is announced for that, at once. A partition announces one in 10 s; the next free slot is part of its state.
"""

from __future__ import annotations

from services.runtime.state import State

ANNOUNCE = "backfill"
"""The timer's name; it is seen in the cause of what is told: `timer:backfill@<due>`."""
EVERY_MS = 10_000
_KEY = b"b:slot"
_VERSION = b"\x01"


class Slots:
    """The slots of one partition, as one call of the processor gives them away."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._next: int | None = None

    def take(self, now: int) -> int:
        """The next free slot (ms): now, if nobody waits."""
        following = self._next if self._next is not None else int.from_bytes((self._state.get(_KEY) or b"")[1:], "big")
        slot = max(now, following)
        self._next = slot + EVERY_MS
        return slot

    def changes(self) -> dict[bytes, bytes]:
        """What is to be kept."""
        return {} if self._next is None else {_KEY: _VERSION + self._next.to_bytes(8, "big")}
