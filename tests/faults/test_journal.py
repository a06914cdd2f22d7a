"""What a journal may hold and what a group may claim: offsets ahead of it, tombstones, poison, outputs too large."""

from __future__ import annotations

import signal
import time

import pytest

from services.runtime.exit_codes import ExitCode
from tests.contract.toy import ALPHA, BETA, DECIDED, state_key
from tests.faults.conftest import ClusterFactory
from tests.faults.journal_view import fold
from tests.faults.traffic import KEYS, plain
from tests.faults.verifier import verify
from tests.faults.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.fault]


def test_a_committed_offset_ahead_of_the_journal(cluster: ClusterFactory) -> None:
    workers = cluster()
    log = workers.log
    plain(log, 20)
    first = workers.start()
    workers.drain()
    assert first.stop() == ExitCode.OK
    plain(log, 20)
    log.set_committed(log.ends())
    assert verify(log.observe("toy"), complete=False).kinds == {"offset_ahead"}
    workers.start()
    workers.drain()
    workers.check()


def test_a_committed_offset_behind_the_journal_and_one_that_is_gone(cluster: ClusterFactory) -> None:
    workers = cluster()
    log = workers.log
    plain(log, 20)
    first = workers.start()
    workers.drain()
    assert first.stop() == ExitCode.OK
    log.set_committed(dict.fromkeys(log.ends(), 0))
    log.configure("second")
    workers.start()
    workers.drain()
    assert workers.check().told == len(log.read([DECIDED])[DECIDED]) * 3, "alpha is decided, sent on and heard"


def test_tombstones_in_the_journal(cluster: ClusterFactory) -> None:
    workers = cluster()
    log = workers.log
    for key in KEYS:
        log.publish(ALPHA, key, b"plain", b"!timer far 600000", b"!timer near 600000", b"!cancel far")
        log.publish(BETA, key, b"plain")
    first = workers.start()
    workers.drain()
    for key in KEYS:
        log.publish(ALPHA, key, b"!forget")
    workers.drain()
    plain(log, log.partitions, topic=BETA)
    workers.drain()
    log.compact(keep_tombstones=True)
    views = [fold(records) for records in log.journal().values()]
    dead = {key for view in views for key in view.tombstones}
    assert {b"s" + state_key(ALPHA, key) for key in KEYS} <= dead
    assert sum(key[:1] == b"t" for key in dead) == 2 * len(KEYS)
    assert not any(view.timers for view in views)
    first.kill()
    for key in KEYS[:6]:
        log.publish(ALPHA, key, b"plain")
    second = workers.start()
    workers.drain()
    now = time.time_ns() // 1_000_000
    assert not verify(log.observe("toy"), now=now).anomalies
    log.compact()
    assert second.stop() == ExitCode.OK
    for key in KEYS:
        log.publish(ALPHA, key, b"plain")
    workers.start()
    workers.drain()
    assert not verify(log.observe("toy"), now=now).anomalies


@pytest.mark.parametrize(
    ("poison", "code"),
    [
        (b"!permanent", b"toy_permanent"),
        (b"!letter", b"toy_letter"),
        (b"!large", b"output_too_large"),
        (b"!fat", b"state_too_large"),
    ],
)
def test_poison_in_the_middle_of_a_batch(cluster: ClusterFactory, poison: bytes, code: bytes) -> None:
    """`!large` decides on an output that no topic takes, `!fat` on a state that no journal takes."""
    workers = cluster(partitions=1)
    log = workers.log
    log.publish(ALPHA, b"ann", *[b"plain"] * 5, poison, *[b"plain"] * 5)
    worker = workers.start(fault="between_journal_and_outputs:1")
    assert worker.wait_exit() == -signal.SIGKILL
    (group,) = [group for group in fold(log.journal()[0]).groups if group]
    letters = [promise for promise in group if promise.topic == f"{ALPHA}.dead"]
    assert [dict(each.headers)["baton-dead-code"] for each in letters] == [code], "not one letter in the batch's group"
    assert [promise.topic for promise in group].count(DECIDED) == 10, "the poison was not in the middle of a batch"
    assert not log.read([DECIDED, f"{ALPHA}.dead"])[f"{ALPHA}.dead"]
    log.configure("second")
    workers.start()
    log.publish(ALPHA, b"ann", b"plain")
    workers.drain()
    workers.check()
    assert len(log.read([f"{ALPHA}.dead"])[f"{ALPHA}.dead"]) == 1
    until(lambda: len(log.read([DECIDED])[DECIDED]) == 11, "the partition goes on")
