"""What one lane holds of every level (clocks open, leads waiting): part of what its journal keeps.

A level is moved by +1 and -1 as decisions are made, so after a restart its sum must come from where the decisions are.
The lane keeps its share in each commit record, shows it when it has restored, and takes it back when it ends; so the
sum over the lanes of all workers is right however partitions move.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.runtime.effects import Observation
from services.runtime.metrics.catalogue import CATALOGUE

LEVELS = frozenset(name for name, metric in CATALOGUE.items() if metric.kind == "level")

Share = list[tuple[str, tuple[str, ...], float]]
"""Name, labels, value; sorted, without zeros: equal shares are equal bytes."""


class Levels:
    """A lane's share, from what its last commit record says."""

    def __init__(self, share: Iterable[tuple[str, tuple[str, ...], float]] = ()) -> None:
        self._held = {(name, tuple(labels)): value for name, labels, value in share}

    def take(self, observations: Iterable[Observation]) -> None:
        """Moves the share by what a decision observed; anything but levels is passed over."""
        for name, value, labels in observations:
            if name in LEVELS:
                self._held[name, labels] = self._held.get((name, labels), 0.0) + value

    def share(self) -> Share:
        """What to keep in the commit record."""
        return [(name, labels, value) for (name, labels), value in sorted(self._held.items()) if value]

    def shown(self) -> list[Observation]:
        """To be observed when the lane has restored."""
        return [Observation(name, value, labels) for name, labels, value in self.share()]

    def taken_back(self) -> list[Observation]:
        """To be observed when the lane ends."""
        return [Observation(name, -value, labels) for name, labels, value in self.share()]
