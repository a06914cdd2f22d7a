"""A worker dies by SIGKILL in each gap that a commit has. Its successor decides under another configuration, so a
decision taken twice would show."""

from __future__ import annotations

import signal
import time

import pytest

from tests.contract.toy import ALPHA, DECIDED, INTERNAL, RANG
from tests.faults.cluster import Cluster
from tests.faults.conftest import ClusterFactory
from tests.faults.journal_view import JournalView, fold
from tests.faults.outer_log import INPUTS, TOLD
from tests.faults.traffic import KEYS, mixed
from tests.faults.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.fault]


def killed(workers: Cluster, point: str) -> tuple[int, JournalView]:
    """Runs a worker to its death at `point`; the partition and what its journal says then."""
    worker = workers.start(fault=point)
    line = worker.wait_for(f"fault hit: {point.partition(':')[0]}")
    assert worker.wait_exit() == -signal.SIGKILL
    workers.check(complete=False)
    partition = int(line.split()[-1])
    return partition, fold(workers.log.journal()[partition])


def succeeded(workers: Cluster) -> None:
    workers.log.configure("second")
    workers.start()
    workers.drain()
    workers.check()


def told(workers: Cluster, view: JournalView) -> list[bool]:
    """For every record that the last committed group promised, whether it is there."""
    topics = workers.log.read(TOLD)
    there = {(topic, record.key, record.value) for topic, records in topics.items() for record in records}
    return [(promise.topic, promise.key, promise.value) in there for promise in view.groups[-1]]


def test_between_two_batches_of_a_group(cluster: ClusterFactory) -> None:
    workers = cluster()
    mixed(workers.log, 120)
    _, view = killed(workers, "between_journal_batches:5")
    assert {key[:1] for key in view.tail} & {b"s", b"o"}, "no tail"
    succeeded(workers)


def test_before_the_commit_record(cluster: ClusterFactory) -> None:
    workers = cluster()
    mixed(workers.log, 120)
    _, view = killed(workers, "before_commit_record:2")
    assert {b"s", b"o"} <= {key[:1] for key in view.tail}, "the tail is no whole group"
    succeeded(workers)


@pytest.mark.parametrize("engine", ["faust", "aiokafka"])
def test_between_journal_and_outputs(cluster: ClusterFactory, engine: str) -> None:
    workers = cluster(engine=engine)
    mixed(workers.log, 120)
    _, view = killed(workers, "between_journal_and_outputs:3")
    assert view.groups[-1], "nothing was promised"
    assert not any(told(workers, view)), "something was told"
    succeeded(workers)
    assert all(told(workers, view))


def test_between_outputs_and_offset(cluster: ClusterFactory) -> None:
    workers = cluster()
    mixed(workers.log, 120)
    partition, view = killed(workers, "between_outputs_and_offset:3")
    assert view.groups[-1]
    assert all(told(workers, view))
    committed = workers.log.committed()
    behind = [topic for topic in INPUTS if committed.get((topic, partition), 0) < view.positions[topic]]
    assert behind, "the offset was committed"
    succeeded(workers)


def test_in_a_timer(cluster: ClusterFactory) -> None:
    workers = cluster()
    log = workers.log
    for key in KEYS:
        log.publish(ALPHA, key, b"!timer call 400", b"!timer repeat 500", b"!timer gone 450", b"!cancel gone")
    _, view = killed(workers, "in_timer:1")
    assert not log.read([RANG])[RANG]
    assert [due for due in view.timers.values() if due <= time.time() * 1000], "no timer was due"
    log.configure("second")
    workers.start()
    until(lambda: len({each.value for each in log.read([RANG])[RANG]}) == 4 * len(KEYS), "all timers fired")
    workers.drain()
    workers.check()
    assert len(log.read([RANG])[RANG]) == 4 * len(KEYS), "fired again"


def test_a_successor_that_dies_as_well(cluster: ClusterFactory) -> None:
    workers = cluster()
    log = workers.log
    mixed(log, 120)
    partition, view = killed(workers, "before_commit_record:3")
    assert view.tail
    log.configure("between")
    claimed, after = killed(workers, "after_claim:1")
    assert after.claims[-1] > max(after.claims[:-1], default=0), "no claim"
    assert after.groups == fold(log.journal()[claimed]).groups
    assert fold(log.journal()[partition]).tail, "the first one's tail was closed"
    succeeded(workers)
    assert {each.key for each in log.read([DECIDED])[DECIDED]} >= set(KEYS[:6])
    assert log.read([INTERNAL])[INTERNAL]
