"""What labelled handoffs say of each criterion, as integers: so any order, any repetition and any taking back of labels
gives the same numbers (L1), and a reopened handoff leaves no trace.

A criterion is judged among leads that were otherwise alike. Leads come to sales because their score was high, so one
that lacks a criterion has more of the others; comparing "with" and "without" as they come would make every criterion
look weaker than it is. So both are counted by the rest score: the points that all *other* criteria gave, in bands of
`BAND_TENTHS`. For a lead without the criterion the rest is the whole score, and its count follows from the totals; so
nothing here needs to know which criteria there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

BAND_TENTHS = 100
_LAST_BAND = 100
_MOST_WEIGHT = 1000.0

Counts = dict[int, tuple[int, int]]
"""(good, bad) by band; bands without a label are absent."""


class Met(msgspec.Struct, frozen=True, array_like=True):
    """One criterion that a lead met: the points it gave then, in tenths, and how often it counted, in thousandths
    (after decay and cap; 1000 for a trait)."""

    criterion: str
    tenths: int
    weight: int = 1000


class Label(msgspec.Struct, frozen=True, array_like=True):
    """One handoff's worth: `good` None says nothing. The highest revision counts."""

    revision: int
    good: bool | None
    met: tuple[Met, ...]


class Evidence(msgspec.Struct, array_like=True):
    """The counts of one signed definition. `ever` is how many handoffs were ever labelled, taken back or not."""

    ever: int = 0
    total: Counts = {}
    with_by_rest: dict[str, Counts] = {}
    with_by_total: dict[str, Counts] = {}
    weights: dict[str, int] = {}

    @property
    def labels(self) -> int:
        """Labels that count now."""
        return sum(good + bad for good, bad in self.total.values())


class Stratum(NamedTuple):
    """Leads whose other criteria gave about the same points: good and bad, with the criterion and without."""

    good_with: int
    bad_with: int
    good_without: int
    bad_without: int


def label_of(
    revision: int, good: bool | None, criteria: Iterable[str], points: Iterable[float], weights: Iterable[float]
) -> Label:
    """A label in integers. A criterion that is named twice counts once, with its points added up."""
    merged: dict[str, tuple[int, int]] = {}
    for criterion, given, weight in zip(criteria, points, weights, strict=True):
        tenths, thousandths = merged.get(criterion, (0, 0))
        bounded = min(max(weight, 0.0), _MOST_WEIGHT)
        merged[criterion] = tenths + _tenths(given), max(thousandths, round(bounded * 1000))
    return Label(revision, good, tuple(Met(name, *merged[name]) for name in sorted(merged)))


def newer(held: Label | None, label: Label) -> bool:
    """Whether `label` replaces `held`: a higher revision; among equals a fixed choice, not the last."""
    return held is None or _precedence(label) > _precedence(held)


def _precedence(label: Label) -> tuple[object, ...]:
    return (
        label.revision,
        label.good is not None,
        bool(label.good),
        [(met.criterion, met.tenths, met.weight) for met in label.met],
    )


def replaced(evidence: Evidence, held: Label | None, label: Label) -> Evidence:
    """The counts with `label` in the place of `held`. Exact: putting `held` back gives the very same counts."""
    changed = Evidence(
        evidence.ever,
        dict(evidence.total),
        {name: dict(counts) for name, counts in evidence.with_by_rest.items()},
        {name: dict(counts) for name, counts in evidence.with_by_total.items()},
        dict(evidence.weights),
    )
    if held is not None:
        _count(changed, held, -1)
    _count(changed, label, 1)
    return _sorted(changed)


def strata(evidence: Evidence, criterion: str) -> list[Stratum]:
    """What `criterion` did, band by band in order; bands with leads only on one side are there too."""
    by_rest = evidence.with_by_rest.get(criterion, {})
    by_total = evidence.with_by_total.get(criterion, {})
    found = []
    for band in sorted(evidence.total.keys() | by_rest.keys()):
        good_with, bad_with = by_rest.get(band, (0, 0))
        good, bad = evidence.total.get(band, (0, 0))
        not_without = by_total.get(band, (0, 0))
        found.append(Stratum(good_with, bad_with, good - not_without[0], bad - not_without[1]))
    return found


def mean_weight(evidence: Evidence, criterion: str) -> float:
    """How often the criterion counted in a lead that met it, on average; 1 for traits, and where nothing is known."""
    met = sum(good + bad for good, bad in evidence.with_by_total.get(criterion, {}).values())
    return evidence.weights.get(criterion, 0) / (1000 * met) if met else 1.0


def _count(evidence: Evidence, label: Label, sign: int) -> None:
    if label.good is None:
        return
    whole = sum(met.tenths for met in label.met)
    _add(evidence.total, whole, label.good, sign)
    for met in label.met:
        _add_under(evidence.with_by_rest, met.criterion, whole - met.tenths, label.good, sign)
        _add_under(evidence.with_by_total, met.criterion, whole, label.good, sign)
        weight = evidence.weights.get(met.criterion, 0) + sign * met.weight
        if weight:
            evidence.weights[met.criterion] = weight
        else:
            evidence.weights.pop(met.criterion, None)


def _sorted(evidence: Evidence) -> Evidence:
    return Evidence(
        evidence.ever,
        dict(sorted(evidence.total.items())),
        {name: dict(sorted(counts.items())) for name, counts in sorted(evidence.with_by_rest.items())},
        {name: dict(sorted(counts.items())) for name, counts in sorted(evidence.with_by_total.items())},
        dict(sorted(evidence.weights.items())),
    )


def _add_under(groups: dict[str, Counts], name: str, tenths: int, good: bool, sign: int) -> None:
    counts = groups.setdefault(name, {})
    _add(counts, tenths, good, sign)
    if not counts:
        del groups[name]


def _add(counts: Counts, tenths: int, good: bool, sign: int) -> None:
    band = min(max(tenths // BAND_TENTHS, -_LAST_BAND), _LAST_BAND)
    goods, bads = counts.get(band, (0, 0))
    goods, bads = (goods + sign, bads) if good else (goods, bads + sign)
    if goods or bads:
        counts[band] = goods, bads
    else:
        del counts[band]


def _tenths(points: float) -> int:
    return round(min(max(points, -100_000.0), 100_000.0) * 10)
