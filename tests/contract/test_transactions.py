"""Senders that use transactions: what they took back was never said, and what is still open waits (real Kafka)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import pytest
from aiokafka import AIOKafkaProducer

from services.runtime.broker_offsets import BrokerOffsets
from services.runtime.embedded.broker import Broker
from services.runtime.kafka import admin
from services.runtime.kafka.connection import connection
from services.runtime.kafka.key_search import KeySearch
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings, load
from services.runtime.vitals import TopicPartition as Position
from tests.contract import toy
from tests.contract.kafka_engines import KafkaUnderTest

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(60)]


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody outside with transactions of his own."""

    settings: Settings
    name: str

    async def write(self, *keys: bytes, end: Literal["commit", "abort"]) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.kafka, transactional_id=self.settings.topic_prefix + self.name
        )
        await producer.start()
        try:
            await producer.begin_transaction()
            for key in keys:
                await producer.send_and_wait(self.settings.topic_prefix + toy.ALPHA, b"x", key, 0)
            await (producer.commit_transaction() if end == "commit" else producer.abort_transaction())
        finally:
            await producer.stop()


@pytest.fixture(params=["faust", "aiokafka"])
def under_test(request: pytest.FixtureRequest, kafka: Broker, unique: Callable[[str], str]) -> Iterator[KafkaUnderTest]:
    settings = load(engine=request.param, kafka=kafka.bootstrap, topic_prefix=unique(""), partitions=1)
    engine = KafkaUnderTest(settings)
    yield engine
    engine.close()


def until(found: Callable[[], list[bytes]], wanted: list[bytes]) -> None:
    deadline = time.monotonic() + 30
    while (seen := found()) != wanted:
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)


def test_what_was_taken_back_is_never_decided_on(under_test: KafkaUnderTest) -> None:
    sender = Sender(under_test._settings, "sender")
    asyncio.run(sender.write(b"taken back", end="abort"))
    asyncio.run(sender.write(b"meant", end="commit"))
    under_test.publish(toy.ALPHA, b"plain", b"x", partition=0)
    under_test.start()

    def decided() -> list[bytes]:
        return [record.key or b"" for record in under_test.records(toy.DECIDED)]

    until(decided, [b"meant", b"plain"])
    asyncio.run(sender.write(b"taken back too", end="abort"))
    under_test.publish(toy.ALPHA, b"last", b"x", partition=0)
    until(decided, [b"meant", b"plain", b"last"])
    assert json.loads(under_test.records(toy.DECIDED)[-1].value or b"")


@pytest.mark.asyncio
async def test_commands_and_the_watchdog_see_what_is_meant(kafka: Broker, unique: Callable[[str], str]) -> None:
    settings = load(kafka=kafka.bootstrap, topic_prefix=unique(""), partitions=1)
    await admin.apply(settings, admin.plan(settings, {toy.ALPHA: toy.TOPICS[toy.ALPHA]}, []))
    sender = Sender(settings, "sender")
    await sender.write(b"taken back", end="abort")
    await sender.write(b"meant", end="commit")
    async with LogClient(settings) as client:
        assert [record.key async for record in client.read_all([(toy.ALPHA, 0)])] == [b"meant"]
    async with KeySearch(settings) as search:
        assert [each.key for each in await search.of_keys(toy.ALPHA, [b"taken back", b"meant"])] == [b"meant"]

    where = Position(settings.topic_prefix + toy.ALPHA, 0)
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, transactional_id=unique("open"))
    await producer.start()
    offsets = BrokerOffsets(connection(settings), unique("group"))
    try:
        before = (await offsets.read([where], [where.topic]))[where].end
        await producer.begin_transaction()
        await producer.send_and_wait(where.topic, b"x", b"open", 0)
        assert (await offsets.read([where], [where.topic]))[where].end == before, "what is open is nobody's lag yet"
        assert not await offsets.holds_record(where, before)
        await producer.commit_transaction()
        assert (await offsets.read([where], [where.topic]))[where].end > before
    finally:
        await offsets.close()
        await producer.stop()
