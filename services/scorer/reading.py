"""Reads a score from ledgers: one line for each criterion that was met, and the lines sum to the score (L1).

An event weighs 2^(-age / half-life), age in whole hours, from its hour or, in a day's bucket, from the day's last hour;
a sequence weighs so from its last step on, a first time from its own hour. A line is points x the sum of weights, at
most the cap, rounded once to tenths. What the lines of a group give beyond its cap is taken away by a line of its own.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.scorer.criteria import (
    NO_GROUP,
    SCALE,
    AbsenceRule,
    EngagementRule,
    GroupRule,
    Rule,
    Scorecard,
    SequenceRule,
)
from services.scorer.ledger import HOUR_MS, ID_BYTES, Buckets, Ledger, number_of
from services.scorer.moments import completed_at, first_hour, last_hour

_HALF = SCALE // 2
_MONDAY = 3
"""1970 began on a Thursday: so many days later than a Monday."""


class Reading(NamedTuple):
    """A line as it stands at a moment. `points` in tenths; `uncapped` = points x weights in tenths x SCALE; `latest` is
    the hour of the newest bucket (of a day's bucket: its last hour), for an absence the hour since which nothing came.
    """

    rule: Rule
    points: int
    uncapped: int
    times: int
    latest: int
    capped: bool

    @property
    def weight(self) -> float:
        """How often the criterion counts after decay and cap: its points in force times this are its points."""
        weight = self.uncapped / SCALE / self.rule.points if self.rule.points else 0.0
        most = self.rule.cap / self.rule.points if self.rule.cap is not None and self.rule.points else weight
        return round(min(weight, most), 4)


def read_lines(scorecard: Scorecard, ledgers: Sequence[Ledger], now_hour: int) -> list[Reading]:
    """The lines of all criteria that were ever met, in the definition's order; then those of groups over their cap."""
    if len(ledgers) == 1:
        lines = ledgers[0].lines
        readings = [
            read_line(rule, (lines[rule.id],), ledgers, now_hour) for rule in scorecard.counted if rule.id in lines
        ]
    else:
        readings = []
        for rule in scorecard.counted:
            sources = [ledger.lines[rule.id] for ledger in ledgers if rule.id in ledger.lines]
            if sources:
                readings.append(read_line(rule, sources, ledgers, now_hour))
    if scorecard.is_plain:
        return readings
    readings += _sequences(scorecard.sequences, ledgers, now_hour)
    readings += _absences(scorecard.absences, ledgers, now_hour)
    readings += _beyond(scorecard.groups, readings)
    return readings


def read_line(rule: EngagementRule, sources: Sequence[Buckets], ledgers: Sequence[Ledger], now_hour: int) -> Reading:
    """The line of one counted criterion over all sources."""
    weights, weighed, count, latest = rule.weights, 0, 0, 0
    if rule.window_days:
        weighed, count, latest = _limited(rule, sources, now_hour)
    else:
        beyond = 0 if weights is None else len(weights)
        for buckets in sources:
            hour = 0
            for code, held in buckets.items():
                number = held if type(held) is int else len(held) // ID_BYTES  # type: ignore[arg-type]  # hot: no call
                count += number
                hour = (code >> 1) + 23 if code & 1 else code >> 1
                if weights is None or hour >= now_hour:
                    weighed += number * SCALE
                elif (age := now_hour - hour) < beyond:
                    weighed += number * weights[age]
            latest = max(latest, hour)  # codes come in order, and so do the days that they are of
    uncapped = rule.points * weighed
    if rule.first_time and (first := first_hour(rule.id, ledgers)) is not None:
        uncapped += rule.first_time * _weight(weights, now_hour - first)
    points, cap = rounded(uncapped), rule.cap
    if cap is not None and (points > cap > 0 or points < cap < 0):
        return Reading(rule, cap, uncapped, count, latest, capped=True)
    return Reading(rule, points, uncapped, count, latest, capped=False)


def next_absence(scorecard: Scorecard, ledgers: Sequence[Ledger], now_hour: int) -> int | None:
    """The first hour after `now_hour` from which on an absence counts, if nothing comes."""
    due = []
    for rule in scorecard.absences:
        last = last_hour(rule.id, ledgers)
        if last is not None and rule.points and last + rule.after_h > now_hour:
            due.append(last + rule.after_h)
    return min(due, default=None)


def rounded(raw: int) -> int:
    """Tenths from tenths x SCALE, halves away from zero, so that a line and its negative mirror each other."""
    return (raw + _HALF) // SCALE if raw >= 0 else -((_HALF - raw) // SCALE)


def _weight(weights: array[int] | None, age: int) -> int:
    if weights is None or age <= 0:
        return SCALE
    return weights[age] if age < len(weights) else 0


def _limited(rule: EngagementRule, sources: Sequence[Buckets], now_hour: int) -> tuple[int, int, int]:
    """Weights, events and newest hour of a criterion that counts the newest so many of a day or week."""
    found: list[tuple[int, int]] = []
    for buckets in sources:
        for code, held in buckets.items():
            number = number_of(held)
            found.append(((code >> 1) + 23 if code & 1 else code >> 1, number))
    found.sort(reverse=True)
    weighed = 0
    left: dict[int, int] = {}
    for hour, number in found:
        window = (hour // 24 + _MONDAY) // rule.window_days
        counts = min(number, left.setdefault(window, rule.most))
        left[window] -= counts
        weighed += counts * _weight(rule.weights, now_hour - hour)
    return weighed, sum(number for _, number in found), found[0][0]


def _sequences(rules: Iterable[SequenceRule], ledgers: Sequence[Ledger], now_hour: int) -> list[Reading]:
    readings = []
    for rule in rules:
        at = completed_at(rule, ledgers)
        if at is not None:
            hour = at // HOUR_MS
            uncapped = rule.points * _weight(rule.weights, now_hour - hour)
            readings.append(Reading(rule, rounded(uncapped), uncapped, 1, hour, capped=False))
    return readings


def _absences(rules: Iterable[AbsenceRule], ledgers: Sequence[Ledger], now_hour: int) -> list[Reading]:
    readings = []
    for rule in rules:
        last = last_hour(rule.id, ledgers)
        if last is not None and last + rule.after_h <= now_hour:
            readings.append(Reading(rule, rule.points, rule.points * SCALE, 1, last, capped=False))
    return readings


def _beyond(groups: Sequence[GroupRule], readings: Sequence[Reading]) -> list[Reading]:
    if not groups:
        return []
    sums = [0] * len(groups)
    for reading in readings:
        rule = reading.rule
        if not isinstance(rule, GroupRule) and rule.group != NO_GROUP:
            sums[rule.group] += reading.points
    return [
        Reading(group, group.most - total, (group.most - total) * SCALE, 0, 0, capped=True)
        for group, total in zip(groups, sums, strict=True)
        if total > group.most
    ]
