"""Workers come, go and die while records arrive; queues are full and fetches are under way when partitions move."""

from __future__ import annotations

import pytest

from services.runtime.exit_codes import ExitCode
from tests.faults.cluster import Cluster
from tests.faults.conftest import ClusterFactory
from tests.faults.journal_view import fold
from tests.faults.outer_log import INPUTS
from tests.faults.scenarios import fetch_across_a_rebalance, fetch_that_arrives_late
from tests.faults.traffic import mixed, plain
from tests.faults.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.fault]
PARTITIONS = 6


def shared_among(workers: Cluster, count: int) -> None:
    """Waits for so many members; no partition number may be split between two of them."""
    log = workers.log
    until(lambda: len(log.members()) == count, f"{count} members", tell=workers.tell)
    shares = list(log.members().values())
    assert sum(map(len, shares)) == len(INPUTS) * PARTITIONS
    for share in shares:
        assert share, "a member without work"
        assert share == {(topic, number) for topic in INPUTS for _, number in share}, "split"


@pytest.mark.parametrize("count", [2, 3, 5])
def test_joins_and_leaves_with_three_input_topics(cluster: ClusterFactory, count: int) -> None:
    workers = cluster(partitions=PARTITIONS)
    log = workers.log
    for _ in range(count):
        workers.start()
        mixed(log, 60)
    shared_among(workers, count)
    until(lambda: all(fold(records).claims for records in log.journal().values()), "claims", tell=workers.tell)
    mixed(log, 60)
    assert workers.workers[0].stop() == ExitCode.OK
    mixed(log, 60)
    workers.workers[1].kill()
    mixed(log, 60)
    workers.start()
    shared_among(workers, count - 1)
    workers.drain()
    workers.check()
    assert workers.revived == 0
    assert all(len(set(fold(records).claims)) > 1 for records in log.journal().values()), "a partition never moved"


@pytest.mark.parametrize("engine", ["faust", "aiokafka"])
def test_sigterm_in_the_middle_of_work(cluster: ClusterFactory, engine: str) -> None:
    workers = cluster(engine=engine, session_timeout_ms=30_000)  # and so much time for the groups in hand
    log = workers.log
    mixed(log, 3000)
    worker = workers.start(variant="slow_commit")
    until(lambda: worker.said.count("commit held") == log.partitions, "at work", tell=workers.tell)
    assert worker.stop() == ExitCode.OK
    assert worker.said.count("revoked:") == log.partitions, "a group was given up"
    assert sum(log.positions().values()) > 0, "the groups in hand were not finished"
    assert log.lag() > 0, "it was not in the middle"
    assert log.committed() == log.positions()
    workers.check(complete=False)
    log.configure("second")
    workers.start()
    workers.drain()
    workers.check()


@pytest.mark.parametrize("variant", ["slow_commit", "stuck_commit"])
def test_a_full_queue_at_revocation(cluster: ClusterFactory, variant: str) -> None:
    workers = cluster(lane_queue=1)
    log = workers.log
    full = workers.start(variant=variant)
    plain(log, log.partitions)
    until(lambda: full.said.count("commit held") == log.partitions, "commits held", tell=workers.tell)
    until(
        lambda: full.said.count("queue full") == log.partitions,
        "queues full",
        tell=workers.tell,
        nudge=lambda: plain(log, log.partitions),
    )
    log.configure("second")
    workers.start()
    until(lambda: full.said.count("revoked:") == log.partitions, "revoked", tell=workers.tell)
    assert full.said.count(" full\n") >= log.partitions
    workers.drain()
    assert full.said.count("lane given up") == (log.partitions if variant == "stuck_commit" else 0)
    workers.check()


def test_a_fetch_that_waits_across_a_rebalance(cluster: ClusterFactory) -> None:
    assert not fetch_across_a_rebalance(cluster()).anomalies


def test_a_fetch_that_arrives_after_a_rebalance(cluster: ClusterFactory) -> None:
    workers = cluster()
    assert not fetch_that_arrives_late(workers).anomalies
    assert "another generation dropped" in workers.workers[0].said
