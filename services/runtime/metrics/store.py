"""Keeps the numbers of the metric catalogue and shows them to Prometheus.

The numbers live here and not in prometheus_client's own metric objects, for two reasons: one lock for a batch and one
look-up for an observation keep the hot path short, and a histogram can take up a new edge while it runs. Exposition is
prometheus_client's.

An SLA target is an edge of `baton_first_touch_seconds` from the moment it is adopted (`adopt_edges`). What was counted
in that bucket before is taken as above the new edge, so rates over windows that begin after the change are exact and
the first window is pessimistic. An edge stays until the process ends, and a histogram takes at most `MAX_EDGES`.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from services.runtime.effects import Observation
from services.runtime.metrics.catalogue import CATALOGUE, declared
from services.runtime.metrics.cells import Cell, Spread, Sum, new_cell
from services.runtime.metrics.declaration import OTHER, Metric, MetricMisuse, Room, admissible

MAX_EDGES = 40
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Metrics(Collector):
    """The numbers of one process, registered with `registry`. Safe to use from several threads.

    `rooms` are the parts of the catalogue that this process can fill; what has a closed set of labels shows 0 from the
    start, so that the first event is an increase. `strict` raises MetricMisuse for what the catalogue does not know
    (tests); otherwise it is counted as `baton_observations_refused_total`, for no metric is worth a stopped lane.
    """

    def __init__(self, registry: CollectorRegistry, *, rooms: Iterable[Room] = (), strict: bool = False) -> None:
        self._lock = threading.Lock()
        self._strict = strict
        self._cells: dict[tuple[str, tuple[str, ...]], Cell] = {}
        self._seen: dict[tuple[str, str], set[str]] = {}
        self._edges = {metric.name: list(metric.edges) for metric in CATALOGUE.values() if metric.edges}
        self._rooms = {"runtime", *rooms}
        for metric in CATALOGUE.values():
            if metric.room in self._rooms:
                self._start_at_zero(metric)
        registry.register(self)

    def observe(self, observations: Iterable[Observation]) -> None:
        """Takes in a batch's readings. A lane shows and takes back its levels itself: see `services.runtime.levels`."""
        with self._lock:
            cells = self._cells
            for name, value, labels in observations:
                cell = cells.get((name, labels)) or self._admit(name, labels)
                if cell is not None:
                    cell.add(value)

    def add(self, name: str, value: float = 1.0, *labels: str) -> None:
        """One reading, outside of any batch."""
        self.observe((Observation(name, value, labels),))

    def set(self, name: str, value: float, *labels: str) -> None:
        """Sets a gauge."""
        if self._strict and declared(name, labels).kind != "gauge":
            raise MetricMisuse(f"{name}: only a gauge can be set")
        self.observe((Observation(name, value, labels),))

    def value(self, name: str, *labels: str) -> float:
        """What a counter, gauge or level says now (0 when never observed), or how many a histogram holds."""
        declared(name, labels)
        with self._lock:
            cell = self._cells.get((name, labels))
            return 0.0 if cell is None else float(sum(cell.counts)) if isinstance(cell, Spread) else cell.value

    def adopt_edges(self, name: str, edges: Iterable[float]) -> None:
        """Makes every value of `edges` a bucket edge of a histogram. Adopted edges stay; further ones over MAX_EDGES
        are refused (MetricMisuse), for each costs a series per label set."""
        declared_edges = CATALOGUE[name].edges
        if not declared_edges:
            raise MetricMisuse(f"{name}: only a histogram has edges")
        with self._lock:
            known = self._edges[name]
            fresh = sorted({float(edge) for edge in edges if edge > 0} - set(known))
            if len(known) + len(fresh) > MAX_EDGES:
                raise MetricMisuse(f"{name}: {len(known) + len(fresh)} edges, at most {MAX_EDGES}")
            for edge in fresh:
                known.insert(bisect_left(known, edge), edge)
                for (metric, _), cell in self._cells.items():
                    if metric == name and isinstance(cell, Spread):
                        cell.split(edge)

    def start_at_zero(self, name: str, *labels: str) -> None:
        """Shows a series before its first observation: for label values that configuration names."""
        with self._lock:
            if (name, labels) not in self._cells:
                self._admit(name, labels)

    def collect(self) -> Iterator[Family]:
        """What prometheus_client shows: one family per metric of this process."""
        families: dict[str, Family] = {}
        with self._lock:
            for (name, labels), cell in self._cells.items():
                family = families.get(name)
                if family is None:
                    family = families[name] = _family(CATALOGUE[name])
                _show(family, labels, cell)
        yield from (families[name] for name in CATALOGUE if name in families)

    def describe(self) -> Iterator[Family]:
        """Spares the registry a collection at registration."""
        return iter(())

    def _start_at_zero(self, metric: Metric) -> None:
        if metric.kind == "gauge" or (metric.labels and (len(metric.labels) > 1 or not metric.labels[0].values)):
            return
        for value in metric.labels[0].values if metric.labels else (None,):
            self._admit(metric.name, () if value is None else (value,))

    def _admit(self, name: str, labels: tuple[str, ...]) -> Cell | None:
        """The cell of a set of labels that is seen for the first time, or of the one it is folded into."""
        try:
            metric = declared(name, labels)
        except MetricMisuse:
            if self._strict:
                raise
            self._refused()
            return None
        shown = tuple(self._folded(metric, at, value) for at, value in enumerate(labels))
        key = (name, shown)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = new_cell(metric, self._edges.get(name, ()))
        return cell

    def _folded(self, metric: Metric, at: int, value: str) -> str:
        label = metric.labels[at]
        if not admissible(label, value):
            if self._strict:
                raise MetricMisuse(f"{metric.name}: a value that label {label.name} may not carry")
            self._refused()
            return OTHER
        seen = self._seen.setdefault((metric.name, label.name), set())
        if value not in seen:
            if len(seen) >= (len(label.values) or label.limit):
                return OTHER
            seen.add(value)
        return value

    def _refused(self) -> None:
        key = ("baton_observations_refused_total", ())
        self._cells.setdefault(key, Sum()).add(1.0)


def _family(metric: Metric) -> Family:
    labels = [label.name for label in metric.labels]
    if metric.kind == "histogram":
        return HistogramMetricFamily(metric.name, metric.help, labels=labels)
    if metric.kind == "counter":
        return CounterMetricFamily(metric.name, metric.help, labels=labels)
    return GaugeMetricFamily(metric.name, metric.help, labels=labels)


def _show(family: Family, labels: tuple[str, ...], cell: Cell) -> None:
    if isinstance(family, HistogramMetricFamily):
        assert isinstance(cell, Spread)  # noqa: S101  the catalogue says so
        family.add_metric(labels, cell.cumulative(), cell.sum)
    else:
        assert not isinstance(cell, Spread)  # noqa: S101
        family.add_metric(labels, cell.value)
