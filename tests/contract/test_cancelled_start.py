"""A client that is stopped while it connects leaves no connection open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.metadata import MetadataRequest

from services.runtime.embedded.broker import Broker
from services.runtime.kafka.reader import LogReader
from services.runtime.kafka.reconnect import paced

pytestmark = pytest.mark.kafka
CLIENTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "producer": lambda where: paced(AIOKafkaProducer(enable_idempotence=True, **where)),
    "consumer": lambda where: paced(AIOKafkaConsumer("nothing", group_id="nobody", **where)),
    "admin": lambda where: paced(AIOKafkaAdminClient(**where)),
    "reader": lambda where: LogReader(where, client_id="cancelled", patience_s=10),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", CLIENTS)
async def test_who_is_cancelled_while_it_connects_closes_what_it_opened(
    name: str, kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ask = asyncio.Event(), AIOKafkaConnection.send

    def send(self: AIOKafkaConnection, request: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(request, MetadataRequest):
            asked.set()
        return ask(self, request, *arguments, **named)

    monkeypatch.setattr(AIOKafkaConnection, "send", send)
    before = connections(kafka)
    client = CLIENTS[name]({"bootstrap_servers": kafka.bootstrap})
    starting = asyncio.ensure_future(client.start())
    await asked.wait()
    assert connections(kafka) - before
    starting.cancel()
    await asyncio.wait([starting])
    assert starting.cancelled()
    await (client.close() if name == "admin" else client.stop())
    assert not connections(kafka) - before


def connections(kafka: Broker) -> set[Any]:
    """The sockets of this process that are open to the broker."""
    port = int(kafka.bootstrap.rpartition(":")[2])
    return {each.laddr for each in psutil.Process().net_connections("tcp") if each.raddr and each.raddr.port == port}
