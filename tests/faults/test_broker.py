"""The broker stops, dies and freezes under workers: they go on, or end for a restart and go on then."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from services.runtime.embedded.broker import Broker
from services.runtime.exit_codes import ExitCode
from tests.conftest import BrokerFactory
from tests.faults.cluster import Cluster, Worker
from tests.faults.conftest import ClusterFactory
from tests.faults.traffic import mixed
from tests.faults.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.fault]
MOST_ATTEMPTS = 1500  # in two outages; without a pause it is as many in a second
NO_ANSWER = "Heartbeat send request failed"


def interrupted(workers: Cluster, broker: Broker, end: Callable[[], object], again: Callable[[], object]) -> None:
    """Takes the broker away in the middle of work, and gives it back."""
    log = workers.log
    done = sum(log.positions().values())
    mixed(log, 1500)

    def keep_busy() -> None:
        if log.lag() == 0:
            mixed(log, 500)

    until(lambda: sum(log.positions().values()) > done and log.lag() > 0, "at work", tell=workers.tell, nudge=keep_busy)
    try:
        end()
        assert broker.status().state != "running"
    finally:
        again()
    workers.drain(seconds=90)
    workers.check()


def attempts(worker: Worker) -> int:
    """How often a worker tried in vain to connect; its log says a line again only after a while, with `repeats`."""
    lines = [json.loads(line) for line in worker.said.splitlines() if "Unable connect to node" in line]
    return sum(1 + line.get("repeats", 0) for line in lines)


def at_work(workers: Cluster) -> None:
    for _ in range(2):
        workers.start()
    until(lambda: len(workers.log.members()) == 2, "joined", tell=workers.tell)


@pytest.mark.timeout(300)
def test_the_broker_stops_dies_and_freezes_in_the_middle_of_work(
    own_broker: BrokerFactory, cluster: ClusterFactory
) -> None:
    broker = own_broker()
    patient = cluster(broker=broker, session_timeout_ms=60_000)
    at_work(patient)
    interrupted(patient, broker, broker.stop, broker.start)
    interrupted(patient, broker, broker.kill, broker.start)
    assert patient.revived == 0, "half a session is time enough to wait for a broker that comes back"
    for worker in patient.workers:
        assert attempts(worker) < MOST_ATTEMPTS, "the broker was asked without a pause"
    patient.close()

    hasty = cluster(broker=broker)
    at_work(hasty)

    def freeze() -> None:
        broker.freeze()
        until(
            lambda: all(each.ended == ExitCode.UNAVAILABLE or NO_ANSWER in each.said for each in hasty.workers),
            "given up, or without an answer for so long that the session is over",
            tell=hasty.tell,
        )

    interrupted(hasty, broker, freeze, broker.thaw)
