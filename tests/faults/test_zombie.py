"""A worker that was given up for dead wakes up: it changes nothing, and nothing that it wrote outlives compaction."""

from __future__ import annotations

import pytest

from services.runtime.exit_codes import ExitCode
from tests.contract.toy import ALPHA, DECIDED, RANG
from tests.faults.cluster import Cluster
from tests.faults.conftest import ClusterFactory
from tests.faults.journal_view import fold
from tests.faults.scenarios import complete_group_while_another_restores, frozen_past_its_session
from tests.faults.traffic import plain
from tests.faults.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.fault]


def restored_anew(workers: Cluster) -> None:
    """After compaction, a worker that knows only the journal decides on; a wrong state would show in what it says."""
    log = workers.log
    plain(log, 2 * log.partitions)
    workers.drain()
    log.compact()
    workers.check()
    for worker in workers.workers:
        if worker.ended is None:
            assert worker.stop() == ExitCode.OK
    workers.start()
    plain(log, 2 * log.partitions)
    workers.drain()
    workers.check()


@pytest.mark.parametrize("fault", ["in_batch:2", "between_journal_batches:4", "before_commit_record:1"])
def test_that_was_about_to_write_its_journal(cluster: ClusterFactory, fault: str) -> None:
    workers = cluster(partitions=1)
    zombie, _ = frozen_past_its_session(workers, fault)
    assert zombie.wait_exit() == ExitCode.FENCED, zombie.said[-2000:]
    assert fold(workers.log.journal()[0]).late, "it wrote nothing"
    restored_anew(workers)


def test_that_was_about_to_tell(cluster: ClusterFactory) -> None:
    workers = cluster(partitions=1)
    log = workers.log
    _, then = frozen_past_its_session(workers, "between_journal_and_outputs:1")
    promised = [promise.value for promise in then.groups[-1] if promise.topic == DECIDED]
    assert promised

    def told() -> list[int]:
        values = [record.value for record in log.read([DECIDED])[DECIDED]]
        return [values.count(value) for value in promised]

    until(lambda: min(told()) == 2, "told by its successor and by itself", tell=workers.tell)
    workers.drain()
    assert workers.check().repeats >= len(promised)
    restored_anew(workers)


def test_that_slept_idle(cluster: ClusterFactory) -> None:
    workers = cluster()
    log = workers.log
    sleeper = workers.start()
    plain(log, 2 * log.partitions)
    workers.drain()
    sleeper.freeze()
    claims = {number: fold(records).epoch for number, records in log.journal().items()}
    plain(log, 2 * log.partitions)
    other = workers.start()
    workers.drain()
    assert all(fold(records).epoch > claims[number] for number, records in log.journal().items()), "no take-over"
    log.compact()
    sleeper.thaw()
    until(
        lambda: sleeper.ended == ExitCode.FENCED or len(log.members()) == 2,
        "awake: fenced with what it had been sent in its sleep, or a member again",
        tell=workers.tell,
    )
    assert other.ended is None
    restored_anew(workers)


def test_that_was_forgotten_by_its_group_fires_no_timer_over_records_that_it_dropped(cluster: ClusterFactory) -> None:
    workers = cluster(partitions=1)
    log = workers.log
    plain(log, 5)
    forgotten = workers.start(variant="expires")
    workers.drain()
    log.publish(ALPHA, b"ann", b"!timer call 900", b"!timer other 900")
    until(lambda: len(fold(log.journal()[0]).timers) == 2, "timers set", tell=workers.tell)
    log.publish(ALPHA, b"ann", b"!cancel call")
    assert forgotten.wait_for("expired: ").split()[-1] == "-1"
    until(lambda: log.read([RANG])[RANG], "the other timer fired", tell=workers.tell)
    workers.drain()
    workers.check()
    assert "another generation dropped" in forgotten.said


def test_that_writes_a_whole_group_while_its_successor_restores(cluster: ClusterFactory) -> None:
    workers = cluster(partitions=1)
    log = workers.log
    old = complete_group_while_another_restores(workers)
    workers.check("old", "new")
    plain(log, 10)
    assert old.wait_exit() == ExitCode.FENCED
    plain(log, 5)
    until(lambda: log.lag("new") == 0, "the new owner at the end", tell=workers.tell)
    assert fold(log.journal()[0]).late, "the old owner wrote nothing more"
    assert "conflict: healed" in workers.workers[1].said, "nobody wrote over it"
    log.compact()
    workers.check("new")
