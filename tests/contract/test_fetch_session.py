"""Incremental fetches against a real Kafka: nothing is missed after a seek, a pause, or a session that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.runtime.embedded.broker import Broker
from services.runtime.kafka import admin, fetch_session
from services.runtime.kafka.fetch_session import FetchSession, Wanted, with_fetch_sessions
from services.runtime.settings import load

pytestmark = pytest.mark.kafka
PARTITIONS = 6


async def until(consumer: Any, seen: list[tuple[int, int]], count: int) -> None:
    async with asyncio.timeout(30):
        while len(seen) < count:
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                seen.extend((tp.partition, record.offset) for record in records)


def test_nothing_is_missed_and_quiet_partitions_are_not_named(
    kafka: Broker, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = unique("sessions")
    named: list[int] = []
    sessions: list[FetchSession] = []

    class Observed(FetchSession):
        def __init__(self) -> None:
            super().__init__()
            sessions.append(self)

        def changed(self, wanted: Wanted) -> Wanted:
            changed = super().changed(wanted)
            named.append(len(changed))
            return changed

    monkeypatch.setattr(fetch_session, "FetchSession", Observed)

    async def run() -> None:
        settings = load(kafka=kafka.bootstrap, partitions=PARTITIONS)
        await admin.apply(settings, [admin.TopicPlan(topic, PARTITIONS, {})])
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
        consumer = with_fetch_sessions(AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, fetch_max_wait_ms=50))
        await producer.start()
        await consumer.start()
        try:
            await told(producer, consumer)
        finally:
            await producer.stop()
            await consumer.stop()
            await admin.delete(settings, [topic])

    async def told(producer: Any, consumer: Any) -> None:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        seen: list[tuple[int, int]] = []

        async def say(partition: int) -> None:
            await producer.send_and_wait(topic, b"x", partition=partition)

        for number in range(PARTITIONS):
            await say(number)
        await until(consumer, seen, PARTITIONS)

        for number in range(1, 7):
            await say(2)
            await until(consumer, seen, len(seen) + 1)
            if number == 1:
                named.clear()  # the fetch before it still told what the others had moved to
        assert len(named) >= 5
        assert max(named) == 1, named

        consumer.pause(places[2])
        await say(2)
        await say(3)
        await until(consumer, seen, len(seen) + 1)
        assert seen[-1] == (3, 1)
        consumer.resume(places[2])
        await until(consumer, seen, len(seen) + 1)
        assert seen[-1] == (2, 7)

        consumer.seek(places[0], 0)
        await until(consumer, seen, len(seen) + 1)
        assert seen[-1] == (0, 0)

        for session in sessions:
            session.id += 1  # as after a broker's restart: it has never heard of this one
        await say(5)
        await until(consumer, seen, len(seen) + 1)
        assert seen[-1] == (5, 1)
        assert sorted(set(seen)) == sorted(
            {*((number, 0) for number in range(PARTITIONS)), *((2, offset) for offset in range(1, 8)), (3, 1), (5, 1)}
        )

    asyncio.run(run())
