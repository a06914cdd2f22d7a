"""The embedded broker survives what happens to it: crashes, stale files, taken ports, two at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.runtime.embedded.broker import Broker
from tests.conftest import BrokerFactory

pytestmark = [pytest.mark.kafka, pytest.mark.fault]


def test_second_start_reports_the_same_broker(own_broker: BrokerFactory) -> None:
    broker = own_broker()
    first = broker.status()
    assert first.state == "running"
    assert Broker(Path(first.data)).start() == first
