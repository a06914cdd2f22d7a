"""Fit: points for who the person is. It looks at traits alone and does not decay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.scorer.conditions import Answer
from services.scorer.definition import FitRule


def fit_lines(rules: Sequence[FitRule], traits: Mapping[str, Answer]) -> list[FitRule]:
    """The criteria that the traits meet, in the definition's order; fit is the sum of their points."""
    return [rule for rule in rules if rule.test(traits)]
