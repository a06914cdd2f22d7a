"""A stuck worker is found, and nobody else is taken for one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.progress_rule import ProgressRule, Reading
from services.runtime.vitals import TopicPartition

ONE, TWO = TopicPartition("engagement.events", 1), TopicPartition("engagement.events", 2)
PATIENCE = 120.0
ROUND = 10.0


def states(rule: ProgressRule, rounds: list[dict[TopicPartition, Reading] | None], start: float = 0.0) -> list[str]:
    return [rule.judge(start + n * ROUND, readings).state for n, readings in enumerate(rounds)]


def test_lag_without_progress_for_the_whole_patience_is_stuck() -> None:
    found = states(ProgressRule(patience_s=PATIENCE), [{ONE: Reading(5, 9)}] * 13)
    assert found == ["moving"] * 12 + ["stuck"]


def test_the_verdict_names_the_slowest_partition() -> None:
    rule = ProgressRule(patience_s=PATIENCE)
    states(rule, [{ONE: Reading(5, 9), TWO: Reading(n, 99)} for n in range(12)])
    verdict = rule.judge(12 * ROUND, {ONE: Reading(5, 11), TWO: Reading(50, 99)})
    assert verdict == ("stuck", 120.0, ONE, Reading(5, 11))


def test_no_lag_is_no_reason_however_long() -> None:
    assert set(states(ProgressRule(patience_s=PATIENCE), [{ONE: Reading(9, 9)}] * 100)) == {"moving"}


def test_patience_begins_when_lag_begins() -> None:
    rounds: list[dict[TopicPartition, Reading] | None] = [{ONE: Reading(9, 9)}] * 50
    found = states(ProgressRule(patience_s=PATIENCE), rounds + [{ONE: Reading(9, 10)}] * 12)
    assert set(found) == {"moving"}


def test_one_step_in_time_is_enough() -> None:
    rounds: list[dict[TopicPartition, Reading] | None] = [{ONE: Reading(n // 11, 10**6)} for n in range(200)]
    assert set(states(ProgressRule(patience_s=PATIENCE), rounds)) == {"moving"}


def test_a_committed_offset_that_goes_back_counts_as_movement() -> None:
    rounds: list[dict[TopicPartition, Reading] | None] = [{ONE: Reading(5, 9)}] * 12
    assert states(ProgressRule(patience_s=PATIENCE), [*rounds, {ONE: Reading(2, 9)}])[-1] == "moving"


def test_a_partition_that_was_away_begins_anew() -> None:
    rounds: list[dict[TopicPartition, Reading] | None] = [{ONE: Reading(5, 9)}] * 12
    assert states(ProgressRule(patience_s=PATIENCE), [*rounds, {}, {ONE: Reading(5, 9)}])[-1] == "moving"


def test_a_silent_broker_is_unreachable_after_the_patience() -> None:
    found = states(ProgressRule(patience_s=PATIENCE), [{ONE: Reading(5, 9)}, *[None] * 13])
    assert found == ["moving"] * 13 + ["unreachable"]


def test_an_outage_does_not_count_against_the_worker() -> None:
    rounds: list[dict[TopicPartition, Reading] | None] = [{ONE: Reading(5, 9)}] * 6
    found = states(ProgressRule(patience_s=PATIENCE), [*rounds, *[None] * 6, *rounds, *rounds])
    assert set(found) == {"moving"}


def test_a_freeze_does_not_count_against_the_worker() -> None:
    rule = ProgressRule(patience_s=PATIENCE)
    states(rule, [{ONE: Reading(5, 9)}] * 3)
    assert rule.judge(10_000.0, {ONE: Reading(5, 9)}).state == "moving"
    assert rule.judge(10_010.0, None).state == "moving"
    assert rule.judge(20_000.0, None).state == "moving", "frozen again while the broker was away"


def test_an_excused_partition_gets_its_patience_again() -> None:
    rule = ProgressRule(patience_s=PATIENCE)
    states(rule, [{ONE: Reading(5, 6)}] * 13)
    rule.excuse(ONE, 120.0)
    found = states(rule, [{ONE: Reading(5, 6)}] * 13, start=120.0)
    assert found == ["moving"] * 12 + ["stuck"]


def test_a_log_shortened_below_the_committed_offset_has_no_lag() -> None:
    assert Reading(9, 5).lag == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_stuck_means_exactly_that_nothing_moved_while_there_was_lag(steps: list[tuple[int, int]]) -> None:
    patience = 3 * ROUND
    rule = ProgressRule(patience_s=patience)
    committed = end = 0
    since: float | None = None
    for n, (done, more) in enumerate(steps):
        before, had_lag = committed, end > committed
        end += more
        committed = min(end, committed + done)
        now = n * ROUND
        if end == committed:
            since = None
        elif since is None or committed != before or not had_lag:
            since = now
        verdict = rule.judge(now, {ONE: Reading(committed, end)})
        assert verdict.state == ("stuck" if since is not None and now - since >= patience else "moving")
