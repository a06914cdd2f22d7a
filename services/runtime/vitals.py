"""What a worker says of itself, and what follows: is it alive, is it ready, and if not, why.

The worker's loop writes `Vitals`, the operating thread reads them; every write is one attribute, so no lock is needed.
Alive is about progress (restart me), ready about dependencies (do not count on me yet); never the reverse: a broker
that is down makes a worker not ready, and only after `BATON_WATCHDOG_MS` dead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

HEARTBEAT_LIMIT_S = 30.0
"""An event loop that is silent for so long will not come back by itself."""


class TopicPartition(NamedTuple):
    """A partition of a topic, by the broker's name."""

    topic: str
    partition: int


@dataclass(slots=True)
class Vitals:
    """`assigned` is None before the first assignment; an empty one is a standby's and counts as ready.

    `restoring` are partitions of `assigned` whose lanes have not claimed their journal yet. `beat_at` (monotonic
    seconds) is kept by the operating thread's ping of the worker's loop, `stalled_s` and `broker_silent_s` by the
    watchdog. `waits_for` is what a connector waits for outside of Kafka, in words.
    """

    assigned: frozenset[TopicPartition] | None = None
    restoring: frozenset[TopicPartition] = field(default_factory=frozenset)
    globals_read: bool = False
    producer_connected: bool = False
    stopping: bool = False
    beat_at: float | None = None
    stalled_s: float = 0.0
    broker_silent_s: float = 0.0
    waits_for: str = ""


class Health(NamedTuple):
    """An answer with its reasons; `because` is empty when `ok`."""

    ok: bool
    because: tuple[str, ...]


def liveness(vitals: Vitals, *, now: float, patience_s: float) -> Health:
    """Whether the process can still get on; `now` in monotonic seconds, `patience_s` the watchdog's."""
    because = []
    silent = 0.0 if vitals.beat_at is None else now - vitals.beat_at
    if silent > HEARTBEAT_LIMIT_S:
        because.append(f"event loop: no heartbeat for {silent:.0f} s")
    if vitals.stalled_s >= patience_s:
        because.append(f"progress: there is lag, and no committed offset moved for {vitals.stalled_s:.0f} s")
    return Health(not because, tuple(because))


def readiness(vitals: Vitals) -> Health:
    """Whether the process does its work, or stands by to."""
    because = []
    if vitals.stopping:
        because.append("stopping: draining its lanes")
    if vitals.broker_silent_s > 0:
        because.append(f"broker: no answer for {vitals.broker_silent_s:.0f} s")
    if vitals.waits_for:
        because.append(vitals.waits_for)
    if not vitals.producer_connected:
        because.append("producer: not connected")
    if not vitals.globals_read:
        because.append("globals: configuration, models or erasures not read to their end yet")
    if vitals.assigned is None:
        because.append("group: no partitions assigned yet")
    if vitals.restoring:
        numbers = sorted({partition for _, partition in vitals.restoring})
        because.append(f"state: restoring partitions {', '.join(map(str, numbers))}")
    return Health(not because, tuple(because))
