"""The broker stops, dies and freezes under workers: they go on, or end for a restart and go on then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.runtime.embedded.broker import Broker
from tests.conftest import BrokerFactory
from tests.faults.cluster import Cluster
from tests.faults.conftest import ClusterFactory
from tests.faults.traffic import mixed
from tests.faults.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.fault]


def interrupted(workers: Cluster, broker: Broker, end: Callable[[], object], again: Callable[[], object]) -> None:
    """Takes the broker away in the middle of work, and gives it back."""
    log = workers.log
    done = sum(log.positions().values())
    mixed(log, 1500)
    until(lambda: sum(log.positions().values()) > done, "at work", tell=workers.tell)
    assert log.lag() > 0, "the workers were not in the middle"
    end()
    assert broker.status().state != "running"
    again()
    workers.drain(seconds=90)
    workers.check()


@pytest.mark.timeout(300)
def test_the_broker_stops_dies_and_freezes_in_the_middle_of_work(
    own_broker: BrokerFactory, cluster: ClusterFactory
) -> None:
    broker = own_broker()
    workers = cluster(broker=broker)
    for _ in range(2):
        workers.start()
    until(lambda: len(workers.log.members()) == 2, "joined", tell=workers.tell)
    interrupted(workers, broker, broker.stop, broker.start)
    interrupted(workers, broker, broker.kill, broker.start)
    interrupted(workers, broker, broker.freeze, broker.thaw)
