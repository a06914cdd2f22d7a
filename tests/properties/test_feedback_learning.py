"""Laws of learning, for any labels: order and repetition are nothing, what is taken back is gone, rails hold."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.feedback.calibration import Scorecard, SignedCriterion, findings
from services.feedback.evidence import Evidence, Label, Met, newer, replaced, strata
from services.feedback.models import Chain, adopted, cut
from services.feedback.packing import pack, unpacker

SIGNED = {"a": 120, "b": 30, "c": -80, "d": 0, "e": 50}
NAMES = sorted(SIGNED)

mets = st.lists(st.sampled_from(NAMES), unique=True).flatmap(
    lambda names: st.tuples(
        *(
            st.builds(Met, st.just(name), st.sampled_from([SIGNED[name], 7, -13, 400]), st.sampled_from([1000, 2500]))
            for name in sorted(names)
        )
    )
)
labels = st.builds(Label, st.integers(1, 4), st.sampled_from([True, False, None]), mets)
logs = st.lists(st.tuples(st.integers(0, 30), labels), max_size=120)
rails = st.tuples(st.integers(1, 8), st.integers(1, 40), st.integers(1, 100))


def card(min_sample: int = 1, max_step: int = 10, max_drift: int = 60) -> Scorecard:
    criteria = tuple(SignedCriterion(name, name, SIGNED[name], frozen=name in "de") for name in NAMES)
    return Scorecard("b2b", "d", 10.0, criteria, min_sample, max_step, max_drift, 25)


def fold(log: list[tuple[int, Label]]) -> tuple[Evidence, dict[int, Label]]:
    """As the definition's side folds: the highest revision of each handoff."""
    evidence, held = Evidence(), dict[int, Label]()
    for handoff, label in log:
        before = held.get(handoff)
        if newer(before, label):
            evidence = replaced(evidence, before, label)
            evidence.ever += before is None
            held[handoff] = label
    return evidence, held


@settings(max_examples=250, deadline=None)
@given(logs, st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_gives_the_same_bytes_and_the_same_model(
    log: list[tuple[int, Label]], random: Random
) -> None:
    once, _ = fold(log)
    again = log + random.choices(log, k=len(log)) if log else []
    random.shuffle(again)
    other, _ = fold(again)
    assert pack(other) == pack(once)
    assert findings(card(), other) == findings(card(), once)
    assert unpacker(Evidence)(pack(once)) == once


@settings(max_examples=250, deadline=None)
@given(logs, st.integers(31, 40), st.sampled_from([True, False]), mets)
def test_what_is_reopened_leaves_no_trace_in_the_counts(
    log: list[tuple[int, Label]], handoff: int, good: bool, met: tuple[Met, ...]
) -> None:
    without, _ = fold(log)
    taken_back, _ = fold([*log, (handoff, Label(1, good, met)), (handoff, Label(2, None, met))])
    taken_back.ever -= 1
    assert pack(taken_back) == pack(without)


@settings(max_examples=250, deadline=None)
@given(logs, rails, st.integers(-200, 200))
def test_steps_drift_and_frozen_criteria_hold_whatever_the_labels(
    log: list[tuple[int, Label]], limits: tuple[int, int, int], moved: int
) -> None:
    min_sample, max_step, max_drift = limits
    scorecard = card(min_sample, max_step, max_drift)
    evidence, _ = fold(log)
    chain = adopted(Chain(), scorecard, None)
    for _ in range(40):
        version = cut(chain, scorecard, evidence)
        if version is None:
            break
        assert version.moves
        for move in version.moves:
            criterion = move.finding.criterion
            assert 1 <= abs(move.after - move.before) <= max_step
            assert abs(move.after - criterion.tenths) <= max_drift
            assert move.after * criterion.tenths >= 0
            assert not criterion.frozen
            bands = strata(evidence, criterion.code)
            assert sum(band.good_with + band.bad_with for band in bands) >= min_sample
            assert sum(band.good_without + band.bad_without for band in bands) >= min_sample
        assert version.version == chain.version + 1
        chain = Chain(version.version, scorecard.digest, version.tenths)
    assert cut(Chain(1, "d", {**SIGNED, "a": 120 + moved}), scorecard, Evidence()) is None or moved
    assert cut(Chain(1, "d", dict(SIGNED)), scorecard, Evidence()) is None


@settings(max_examples=250, deadline=None)
@given(logs, mets, st.sampled_from(["a", "b", "c"]))
def test_one_more_good_lead_with_a_criterion_never_lowers_it_and_a_bad_one_never_raises_it(
    log: list[tuple[int, Label]], met: tuple[Met, ...], name: str
) -> None:
    plain = [(n, Label(each.revision, each.good, _once(each.met))) for n, each in log]
    evidence, _ = fold(plain)
    more = _once((*(each for each in met if each.criterion != name), Met(name, SIGNED[name])))
    # a sample that is there before and after, so that only the odds speak
    for number in range(4):
        for lead in (more, tuple(each for each in more if each.criterion != name)):
            evidence = replaced(evidence, None, Label(1, number % 2 == 0, lead))
    before = _target(evidence, name)
    assert _target(replaced(evidence, None, Label(1, True, more)), name) >= before
    assert _target(replaced(evidence, None, Label(1, False, more)), name) <= before


def _once(met: tuple[Met, ...]) -> tuple[Met, ...]:
    return tuple(Met(each.criterion, each.tenths) for each in sorted(met, key=lambda each: each.criterion))


def _target(evidence: Evidence, name: str) -> int:
    return next(found.target for found in findings(card(), evidence) if found.criterion.code == name)
