"""What the watchdog reads from a real broker: a stuck group, one that moves, markers that are no records."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as ClientPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client import CollectorRegistry

from services.runtime.broker_offsets import BrokerOffsets, Unreachable
from services.runtime.embedded.broker import Broker
from services.runtime.exit_codes import ExitCode
from services.runtime.metrics import Metrics
from services.runtime.progress_rule import Reading
from services.runtime.vitals import TopicPartition, Vitals
from services.runtime.watchdog import Watchdog

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio]


class Log:
    """A topic with one partition, and a group that commits what it is told to."""

    def __init__(self, bootstrap: str, topic: str, group: str) -> None:
        self.bootstrap, self.topic, self.group = bootstrap, topic, group
        self.tp = TopicPartition(topic, 0)

    async def make(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(self.topic, 1, 1)])
        await admin.close()

    async def write(self, records: int, *, transaction: str | None = None) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, transactional_id=transaction, acks="all")
        await producer.start()
        try:
            if transaction is not None:
                await producer.begin_transaction()
            for _ in range(records):
                await producer.send_and_wait(self.topic, b"x")
            if transaction is not None:
                await producer.commit_transaction()
        finally:
            await producer.stop()

    async def commit(self, offset: int) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=self.group, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign([ClientPartition(*self.tp)])
            await consumer.commit({ClientPartition(*self.tp): offset})
        finally:
            await consumer.stop()


async def made(kafka: Broker, unique: Callable[[str], str]) -> Log:
    log = Log(kafka.bootstrap, unique("events"), unique("group"))
    await log.make()
    return log


async def test_a_stuck_group_ends_the_worker_and_one_that_moves_does_not(
    kafka: Broker, unique: Callable[[str], str]
) -> None:
    log = await made(kafka, unique)
    await log.write(3)
    await log.commit(1)
    now, ends = [0.0], list[tuple[ExitCode, str]]()
    offsets = BrokerOffsets({"bootstrap_servers": log.bootstrap}, log.group)
    watchdog = Watchdog(
        offsets,
        Vitals(),
        Metrics(CollectorRegistry(), strict=True),
        {log.topic: "engagement.events"},
        patience_s=120.0,
        monotonic=lambda: now[0],
        end=lambda code, line: ends.append((code, line)),
    )
    try:
        for now[0] in range(0, 120, 40):
            assert (await watchdog.round()).state == "moving"
        await log.commit(2)
        for now[0] in range(120, 240, 40):
            assert (await watchdog.round()).state == "moving"
        assert ends == []
        now[0] = 240
        assert (await watchdog.round()).state == "stuck"
    finally:
        await offsets.close()
    ((code, line),) = ends
    assert code is ExitCode.STUCK
    assert line.endswith("stands at offset 2 for 120 s with 1 records to read")


async def test_readings_are_the_brokers(kafka: Broker, unique: Callable[[str], str]) -> None:
    log = await made(kafka, unique)
    offsets = BrokerOffsets({"bootstrap_servers": log.bootstrap}, log.group)
    try:
        assert await offsets.read([log.tp], [log.topic]) == {log.tp: Reading(0, 0)}
        await log.write(3)
        assert await offsets.read(None, [log.topic]) == {log.tp: Reading(0, 3)}, "never committed: from the beginning"
        await log.commit(2)
        assert await offsets.read([log.tp], [log.topic]) == {log.tp: Reading(2, 3)}
        started = time.monotonic()
        await offsets.read([log.tp], [log.topic])
        assert time.monotonic() - started < 2.0
    finally:
        await offsets.close()


async def test_a_topic_that_is_not_there_is_no_answer(kafka: Broker, unique: Callable[[str], str]) -> None:
    offsets = BrokerOffsets({"bootstrap_servers": kafka.bootstrap}, unique("group"))
    with pytest.raises(Unreachable, match="no partitions"):
        await offsets.read(None, [unique("nowhere")])
    await offsets.close()


async def test_a_transactions_marker_is_no_record(kafka: Broker, unique: Callable[[str], str]) -> None:
    log = await made(kafka, unique)
    await log.write(2, transaction=unique("transaction"))
    await log.commit(2)
    offsets = BrokerOffsets({"bootstrap_servers": log.bootstrap}, log.group)
    try:
        assert (await offsets.read([log.tp], [log.topic]))[log.tp].lag == 1
        assert not await offsets.holds_record(log.tp, 2)
        assert await offsets.holds_record(log.tp, 1)
    finally:
        await offsets.close()


async def test_no_broker_is_unreachable() -> None:
    offsets = BrokerOffsets({"bootstrap_servers": "127.0.0.1:1"}, "group")
    with pytest.raises(Unreachable):
        await offsets.read(None, ["engagement.events"])
    await offsets.close()
