"""Tells a record that comes twice (a sender retried, a worker sent its last outbox again) from a new one.

The same event is decided on once (L2), even when it comes again after other events. The last few are remembered by a
short hash, per lead and per team: a repeat comes soon after the original, and the rules hold against a later one, too.
An event that was refused is not remembered, so that its dead letter can be replayed.
"""

from __future__ import annotations

from hashlib import blake2b

LEAD_MEMORY = 32
TEAM_MEMORY = 256
ACCOUNT_MEMORY = 256


def mark_of(cause: str) -> bytes:
    """A cause in eight bytes."""
    return blake2b(cause.encode(), digest_size=8).digest()


def remember(marks: list[bytes], mark: bytes, most: int) -> None:
    """Adds a mark, drops the oldest beyond `most`."""
    marks.append(mark)
    del marks[:-most]
