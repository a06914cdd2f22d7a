"""The commands' client on a real broker."""

from __future__ import annotations

import os
import signal

import pytest
from aiokafka.errors import KafkaTimeoutError

from services.runtime.effects import Send
from services.runtime.embedded.broker import Broker
from services.runtime.errors import Transient, UserError
from services.runtime.kafka import admin, log_client
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import load
from tests.conftest import BrokerFactory
from tests.contract import toy

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio]


async def test_a_mistake_found_before_anything_is_read_is_what_the_user_is_told(kafka: Broker) -> None:
    with pytest.raises(UserError, match="not a letter's position"):
        async with LogClient(load(kafka=kafka.bootstrap)):
            raise UserError("not a letter's position")


async def test_what_kafka_could_not_do_is_for_the_commands_to_say_in_one_line(kafka: Broker) -> None:
    with pytest.raises(Transient, match=r"Kafka at .*: .*in 40000 ms"):
        async with LogClient(load(kafka=kafka.bootstrap)):
            raise KafkaTimeoutError("Failed to get offsets by times in 40000 ms")


async def test_nothing_counts_as_published_that_the_log_did_not_confirm(
    own_broker: BrokerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = own_broker()
    settings = load(kafka=broker.bootstrap, partitions=1)
    await admin.apply(settings, admin.plan(settings, {toy.ALPHA: toy.TOPICS[toy.ALPHA]}, []))
    monkeypatch.setattr(log_client, "_ANSWER_S", 0.5)
    pid = broker.status().pid
    assert pid is not None
    async with LogClient(settings) as client:
        await client.send(Send(toy.ALPHA, b"k", b"v"))
        await client.flush()
        os.kill(pid, signal.SIGSTOP)
        try:
            await client.send(Send(toy.ALPHA, b"k", b"v"))
            with pytest.raises(Transient, match="did not confirm 1 record"):
                await client.flush()
        finally:
            os.kill(pid, signal.SIGCONT)
