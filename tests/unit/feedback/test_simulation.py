"""Does learning help? Simulated leads whose true odds differ from what both teams signed, selected as Baton selects."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from random import Random

import pytest

from services.feedback.calibration import Scorecard, SignedCriterion
from services.feedback.evidence import Evidence, label_of, replaced
from services.feedback.models import Chain, adopted, cut

RATES = {"director": 0.4, "right_size": 0.5, "pricing": 0.35, "demo": 0.3, "webinar": 0.45, "student": 0.25}
SIGNED = {"director": 20.0, "right_size": 15.0, "pricing": 8.0, "demo": 12.0, "webinar": 15.0, "student": -10.0}
TRUE = {"director": 6.0, "right_size": 12.0, "pricing": 20.0, "demo": 24.0, "webinar": 2.0, "student": -18.0}
POINTS_TO_DOUBLE = 10.0
ENTER = 15.0
LABELS, HELD_OUT = 400, 2000

Lead = tuple[frozenset[str], bool]


def leads(random: Random, number: int, true: dict[str, float]) -> list[Lead]:
    """Leads that the signed definition qualified, and what truly came of them."""
    found: list[Lead] = []
    while len(found) < number:
        met = frozenset(name for name, rate in RATES.items() if random.random() < rate)
        if score(met, SIGNED) >= ENTER:
            log_odds = score(met, true) * math.log(2) / POINTS_TO_DOUBLE - 2.0
            found.append((met, random.random() < 1 / (1 + math.exp(-log_odds))))
    return found


def score(met: frozenset[str], points: dict[str, float]) -> float:
    """The points of a lead."""
    return sum(points[name] for name in met)


def learned(taught: list[Lead], max_step: int = 10, max_drift: int = 200) -> dict[str, float]:
    """Points in force when everything was learned, through as many publications as it takes."""
    card = Scorecard(
        name="b2b",
        digest="d",
        points_to_double_odds=POINTS_TO_DOUBLE,
        criteria=tuple(SignedCriterion(name, name, round(10 * points)) for name, points in SIGNED.items()),
        min_sample=30,
        max_step=max_step,
        max_drift=max_drift,
        every_labels=25,
    )
    evidence = Evidence()
    for met, good in taught:
        names = sorted(met)
        label = label_of(1, good, names, [SIGNED[name] for name in names], [1.0] * len(names))
        evidence = replaced(evidence, None, label)
    chain = adopted(Chain(), card, None)
    tenths = {name: round(10 * points) for name, points in SIGNED.items()}
    while (version := cut(chain, card, evidence)) is not None:
        tenths = version.tenths
        chain = Chain(version.version, card.digest, tenths)
    return {name: points / 10 for name, points in tenths.items()}


def auc(points: dict[str, float], held_out: list[Lead]) -> float:
    """The chance that a good lead scores higher than a bad one; ties count half."""
    goods = [score(met, points) for met, good in held_out if good]
    bads = [score(met, points) for met, good in held_out if not good]
    ranks = sorted(bads)
    beaten = sum((bisect_left(ranks, each) + bisect_right(ranks, each)) / 2 for each in goods)
    return beaten / (len(goods) * len(bads))


def log_loss(points: dict[str, float], taught: list[Lead], held_out: list[Lead]) -> float:
    """Mean log loss of the odds that points mean; the base odds are fitted to the taught leads, for both alike."""
    base = min((b / 10 for b in range(-80, 40, 2)), key=lambda b: _loss(points, b, taught))
    return _loss(points, base, held_out)


def _loss(points: dict[str, float], base: float, sample: list[Lead]) -> float:
    total = 0.0
    for met, good in sample:
        log_odds = base + score(met, points) * math.log(2) / POINTS_TO_DOUBLE
        total += math.log1p(math.exp(-log_odds if good else log_odds))
    return total / len(sample)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_a_few_hundred_answers_the_model_beats_the_signed_points_on_leads_it_never_saw(seed: int) -> None:
    random = Random(seed)
    taught, held_out = leads(random, LABELS, TRUE), leads(random, HELD_OUT, TRUE)
    model = learned(taught)
    assert auc(model, held_out) > auc(SIGNED, held_out) + 0.02
    assert log_loss(model, taught, held_out) < log_loss(SIGNED, taught, held_out) - 0.02


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_points_that_were_right_stay_about_right_though_sales_only_sees_what_qualified(seed: int) -> None:
    """Judged without regard to selection, every criterion would look too weak among qualified leads."""
    taught = leads(Random(seed), 5 * LABELS, SIGNED)
    model = learned(taught)
    drift = [abs(model[name]) - abs(points) for name, points in SIGNED.items()]
    assert max(map(abs, drift)) < 4
    assert abs(sum(drift) / len(drift)) < 1.5
