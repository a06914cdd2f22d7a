"""The scorecard learns: what sales reported moves the points that both teams signed, within guard rails.

Points mean odds: `points_to_double_odds` (D) points double the odds of a good outcome, so p points are a log odds
ratio of p * ln 2 / D (the scaling of credit scorecards: Siddiqi, Credit Risk Scorecards, 2006).

For a criterion, over strata k of leads whose other criteria gave about the same points (see `evidence`):

    R = sum of good_with * bad_without / n        S = sum of bad_with * good_without / n

R / S is the common odds ratio of Mantel and Haenszel (J. Natl. Cancer Inst. 22, 1959, 719-748): it needs no large
strata, and is not misled by leads having been selected for their score. The signed points enter as K imaginary leads
that agree with them exactly, half with the criterion and half without, half good and half bad before the criterion
speaks. Such a table of K adds K/16 to R and to S; bent to the signed log odds ratio w it adds K/16 * exp(w/2) and
K/16 * exp(-w/2):

    learned log odds ratio = ln( (R + K/16 * exp(w/2)) / (S + K/16 * exp(-w/2)) )

So without evidence it is w, with much evidence it is the data's, and one more good lead with the criterion never
lowers it. K is twice the minimum sample. A criterion that counts m times in a lead on average (visits, after decay and
cap) has w = m * points * ln 2 / D, and the learned value is divided by m again.

A criterion never changes sides: what both teams signed as a plus counts nothing at the least.

R and S are exact fractions of counts, so the order of labels is nothing to them; the result is rounded to tenths of a
point, and everything after that is integers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from services.feedback.evidence import Evidence, mean_weight, strata

_MOST_LOG_ODDS = 50.0
_LEAST_WEIGHT = 0.05
"""A criterion that has all but faded in every lead would turn noise into points: it is not divided by less."""


@dataclass(frozen=True, slots=True)
class SignedCriterion:
    """A criterion as both teams signed it. Frozen ones (protected by the definition) never move."""

    code: str
    label: str
    tenths: int
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What learning needs of a signed definition; points in tenths.

    `min_sample`: labelled leads needed with the criterion, and as many without. `max_step`: how far one publication
    moves a criterion. `max_drift`: how far from the signed points it may ever be. `cool_downs`: days of rest by reason.
    """

    name: str
    digest: str
    points_to_double_odds: float
    criteria: tuple[SignedCriterion, ...]
    min_sample: int
    max_step: int
    max_drift: int
    every_labels: int
    cool_downs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the labels say of one criterion: counts, and the points they call for within the drift (tenths)."""

    criterion: SignedCriterion
    good_with: int
    bad_with: int
    good_without: int
    bad_without: int
    target: int


def findings(card: Scorecard, evidence: Evidence) -> tuple[Finding, ...]:
    """One finding per criterion, in the scorecard's order. Depends on the counts alone, never on what was published."""
    return tuple(_finding(card, evidence, criterion) for criterion in card.criteria)


def stepped(card: Scorecard, found: Finding, in_force: int) -> int:
    """The points (tenths) that follow `in_force`: towards the target, by `max_step` at most."""
    if found.criterion.frozen:
        return found.criterion.tenths
    return in_force + min(max(found.target - in_force, -card.max_step), card.max_step)


def _finding(card: Scorecard, evidence: Evidence, criterion: SignedCriterion) -> Finding:
    bands = strata(evidence, criterion.code)
    good_with, bad_with = sum(band.good_with for band in bands), sum(band.bad_with for band in bands)
    good_without, bad_without = sum(band.good_without for band in bands), sum(band.bad_without for band in bands)
    enough = good_with + bad_with >= card.min_sample and good_without + bad_without >= card.min_sample
    target = criterion.tenths
    if enough and not criterion.frozen:
        drift = _learned(card, evidence, criterion) - criterion.tenths
        target += min(max(drift, -card.max_drift), card.max_drift)
        target = max(target, 0) if criterion.tenths > 0 else min(target, 0)
    return Finding(criterion, good_with, bad_with, good_without, bad_without, target)


def _learned(card: Scorecard, evidence: Evidence, criterion: SignedCriterion) -> int:
    agreeing = disagreeing = Fraction(0)
    for band in strata(evidence, criterion.code):
        size = sum(band)
        if size:
            agreeing += Fraction(band.good_with * band.bad_without, size)
            disagreeing += Fraction(band.bad_with * band.good_without, size)
    weight = max(mean_weight(evidence, criterion.code), _LEAST_WEIGHT)
    odds_per_tenth = weight * math.log(2) / (10 * card.points_to_double_odds)
    half = min(max(criterion.tenths * odds_per_tenth / 2, -_MOST_LOG_ODDS), _MOST_LOG_ODDS)
    prior = 2 * card.min_sample / 16
    ratio = (float(agreeing) + prior * math.exp(half)) / (float(disagreeing) + prior * math.exp(-half))
    return round(math.log(ratio) / odds_per_tenth)
