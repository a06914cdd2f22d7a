"""How a worker is getting on: what health, watchdog and the live screen look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Progress:
    """A reading. `last_progress` is on the event loop's clock (seconds, monotonic); 0 when there was none yet.

    `positions` are next offsets by (broker topic, partition): everything below is journalled and told. `assigned` is
    None before the first assignment; `restoring` are those of it whose lanes do not work yet.
    """

    lanes: int = 0
    restored: int = 0
    ready: bool = False
    idle: bool = False  # no lane has anything in hand; more may wait in the log
    records: int = 0
    timers: int = 0
    keys: int = 0
    last_progress: float = 0.0
    positions: Mapping[tuple[str, int], int] = field(default_factory=dict)
    connected: bool = False
    globals_read: bool = False
    assigned: frozenset[tuple[str, int]] | None = None
    restoring: frozenset[tuple[str, int]] = frozenset()
