"""What a processor wants done, as a value. The engine makes it durable in one group, then tells the world (L2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from services.runtime.record import Record


class Send(NamedTuple):
    """A record to publish. `topic` is a catalogue name; the partition follows from `key` (murmur2)."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class DeadLetter(NamedTuple):
    """An input that can't be used, with the reason: see `errors.Permanent` for the words."""

    record: Record
    code: str
    field: str = ""
    fix: str = ""


class Observation(NamedTuple):
    """One reading for the metric catalogue (`services.runtime.metrics`): name, value, label values in its order."""

    metric: str
    value: float = 1.0
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class Effects:
    """Everything one call decides. Order of `sends` is kept per key; a state of None is a deletion.

    `timers` maps (state key, timer name) to a due time in Baton milliseconds, or None to cancel. One timer per
    key and name: setting it again moves it.
    """

    sends: list[Send] = field(default_factory=list)
    states: dict[bytes, bytes | None] = field(default_factory=dict)
    timers: dict[tuple[bytes, str], int | None] = field(default_factory=dict)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)

    def absorb(self, later: Effects) -> None:
        """Append `later` after this: what follows overwrites states and timers, and adds to the rest."""
        self.sends.extend(later.sends)
        self.states.update(later.states)
        self.timers.update(later.timers)
        self.dead_letters.extend(later.dead_letters)
        self.observations.extend(later.observations)
