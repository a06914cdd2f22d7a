"""The numbers behind one series: a sum, the latest reading, or a spread over edges."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from services.runtime.metrics.declaration import Metric


class Sum:
    """A counter's or level's number."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, value: float) -> None:
        self.value += value


class Latest(Sum):
    """A gauge's number: an observation sets it."""

    __slots__ = ()

    def add(self, value: float) -> None:
        self.value = value


class Spread:
    """A histogram's numbers: how many fell between two edges, and their sum."""

    __slots__ = ("counts", "edges", "sum")

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = list(edges)
        self.counts = [0] * (len(self.edges) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.edges, value)] += 1
        self.sum += value

    def split(self, edge: float) -> None:
        at = bisect_left(self.edges, edge)
        self.edges.insert(at, edge)
        self.counts.insert(at, 0)

    def cumulative(self) -> list[tuple[str, float]]:
        shown, running = [], 0
        for edge, count in zip([*self.edges, float("inf")], self.counts, strict=True):
            running += count
            shown.append((_edge(edge), float(running)))
        return shown


Cell = Sum | Spread


def new_cell(metric: Metric, edges: Sequence[float]) -> Cell:
    """An empty cell of the metric's kind."""
    match metric.kind:
        case "histogram":
            return Spread(edges)
        case "gauge":
            return Latest()
        case "counter" | "level":
            return Sum()


def _edge(value: float) -> str:
    """An edge as Prometheus writes it: `0.5`, `900.0`, `+Inf`."""
    return "+Inf" if value == float("inf") else repr(float(value))
