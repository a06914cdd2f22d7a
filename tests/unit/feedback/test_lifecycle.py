"""One life, whatever the order in which we hear of it; and no life that cannot be."""

from __future__ import annotations

from itertools import permutations

import pytest

from baton_schemas.feedback import OutcomeKind
from services.feedback.lifecycle import MOST_STEPS, ImpossibleOrderError, Life, Step, extended, touched, view


def step(kind: OutcomeKind, at: int, ref: str = "", reason: str | None = None) -> Step:
    return Step(at, kind, (ref or f"{kind}{at}").encode(), reason, "bad" if reason else "none")


def life(*steps: Step) -> Life:
    return extended(Life(), steps)


@pytest.mark.parametrize(
    ("kinds", "stage"),
    [
        ([], "routed"),
        (["accepted"], "accepted"),
        (["accepted", "opportunity", "won"], "won"),
        (["won"], "won"),
        (["opportunity", "accepted"], "opportunity"),
        (["accepted", "passed_on", "accepted", "opportunity", "lost"], "lost"),
        (["rejected", "reopened"], "reopened"),
        (["rejected", "reopened", "accepted"], "accepted"),
        (["won", "owner_changed"], "won"),
        (["lost", "reopened", "won"], "won"),
        (["released", "passed_on", "owner_changed"], "routed"),
    ],
)
def test_the_stage_follows_from_what_happened(kinds: list[OutcomeKind], stage: str) -> None:
    assert view(life(*(step(kind, at) for at, kind in enumerate(kinds)))).stage == stage


@pytest.mark.parametrize(
    ("kinds", "fix"),
    [
        (["reopened"], "the handoff is open"),
        (["won", "lost"], "closed (won); send reopened first"),
        (["rejected", "accepted"], "closed (rejected); send reopened first"),
        (["rejected", "rejected"], "closed (rejected)"),
        (["lost", "passed_on"], "closed (lost)"),
        (["won", "released"], "closed (won)"),
        (["opportunity", "rejected"], "an opportunity is lost, not rejected"),
        (["won", "reopened", "reopened"], "the handoff is open"),
    ],
)
def test_an_impossible_order_is_refused_and_says_what_to_send(kinds: list[OutcomeKind], fix: str) -> None:
    *before, last = [step(kind, at) for at, kind in enumerate(kinds)]
    possible = life(*before)
    with pytest.raises(ImpossibleOrderError) as caught:
        extended(possible, [last])
    assert fix in caught.value.fix
    assert caught.value.kind == kinds[-1]


def test_a_late_report_falls_into_its_place() -> None:
    story = [step("accepted", 1), step("opportunity", 2), step("lost", 3, reason="price")]
    lives = set()
    for order in permutations(story):
        told = Life()
        for each in order:
            told = extended(told, [each])
        lives.add(told)
    assert lives == {life(*story)}


def test_a_repeat_changes_nothing_even_where_it_would_be_impossible() -> None:
    closed = life(step("won", 5, "deal"))
    assert extended(closed, [step("won", 5, "deal")]) is closed


def test_at_equal_times_the_earlier_step_goes_first_as_far_as_possible() -> None:
    day = [step("won", 7), step("accepted", 7), step("opportunity", 7)]
    assert view(life(*day)).stage == "won"
    rejected = step("rejected", 6, reason="x")
    assert view(life(rejected, step("accepted", 7), step("reopened", 7))).stage == "accepted"
    assert view(life(step("accepted", 6), step("reopened", 7), step("rejected", 7))).stage == "reopened"


def test_the_earliest_touch_counts_and_moves_only_what_was_merely_routed() -> None:
    assert touched(touched(Life(), 5), 9).touched_at == 5
    assert touched(touched(Life(), 9), 5).touched_at == 5
    assert view(touched(Life(), 5)).stage == "touched"
    assert view(touched(life(step("accepted", 1)), 5)).stage == "accepted"


def test_the_closing_answer_is_the_one_that_counts_now() -> None:
    seen = view(life(step("rejected", 1, reason="a"), step("reopened", 2), step("lost", 3, reason="b")))
    assert seen.closing is not None
    assert seen.closing.reason == "b"
    assert view(life(step("rejected", 1, reason="a"), step("reopened", 2))).closing is None


def test_a_storm_of_answers_does_not_grow_a_life_without_end() -> None:
    told = Life()
    for at in range(MOST_STEPS // 2):
        told = extended(told, [step("rejected", 2 * at, reason="x"), step("reopened", 2 * at + 1)])
    with pytest.raises(ImpossibleOrderError, match="at most"):
        extended(told, [step("accepted", 10_000)])
