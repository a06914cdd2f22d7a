"""Levels stay right over restarts and moves of partitions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from services.runtime.effects import Observation
from services.runtime.levels import LEVELS, Levels
from services.runtime.metrics import Metrics

OPENED, CLOSED = Observation("baton_clocks", 1, ("open",)), Observation("baton_clocks", -1, ("open",))
WAITS = Observation("baton_leads_waiting", 1)


def test_the_levels_are_those_of_the_catalogue() -> None:
    assert {"baton_clocks", "baton_disposition_clocks", "baton_leads_held", "baton_leads_waiting"} == LEVELS


def test_a_restarted_worker_shows_what_its_journal_kept() -> None:
    before = Levels()
    before.take([OPENED, OPENED, CLOSED, WAITS, Observation("baton_retries_total")])
    metrics = Metrics(CollectorRegistry(), rooms=("router",), strict=True)
    metrics.observe(Levels(before.share()).shown())
    assert metrics.value("baton_clocks", "open") == 1
    assert metrics.value("baton_leads_waiting") == 1


@given(
    moves=st.lists(st.tuples(st.integers(0, 2), st.sampled_from([OPENED, CLOSED, WAITS])), max_size=40),
    hand_over=st.sets(st.integers(0, 39)),
)
def test_the_sum_over_workers_is_right_however_partitions_move(
    moves: list[tuple[int, Observation]], hand_over: set[int]
) -> None:
    workers = [Metrics(CollectorRegistry(), strict=True) for _ in range(2)]
    lanes = {partition: (Levels(), 0) for partition in range(3)}
    for number, (partition, observation) in enumerate(moves):
        lane, owner = lanes[partition]
        if number in hand_over:
            workers[owner].observe(lane.taken_back())
            lane, owner = Levels(lane.share()), 1 - owner
            workers[owner].observe(lane.shown())
        lane.take([observation])
        workers[owner].observe([observation])
        lanes[partition] = (lane, owner)
    for name, labels in (("baton_clocks", ("open",)), ("baton_leads_waiting", ())):
        expected = sum(each.value for _, each in moves if (each.metric, each.labels) == (name, labels))
        assert sum(worker.value(name, *labels) for worker in workers) == expected


def test_equal_shares_are_equal_values() -> None:
    one, other = Levels(), Levels()
    one.take([WAITS, OPENED, OPENED, CLOSED])
    other.take([OPENED, WAITS])
    assert one.share() == other.share()
