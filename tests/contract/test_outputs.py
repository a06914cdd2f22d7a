"""Outputs of many lanes through one producer: in turn for each partition, so nobody waits on another's account."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from services.runtime.embedded.broker import Broker
from services.runtime.kafka import admin
from services.runtime.kafka.group import Outgoing
from services.runtime.kafka.outputs import Outputs, Turns
from services.runtime.kafka.reader import LATEST, LogReader
from services.runtime.settings import load

LANES, GROUPS, PARTITIONS = 6, 10, 2


class Observed:
    """A producer that notes how many hand a batch for one partition over at the same time."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._handing: Counter[int] = Counter()
        self.most = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Any:
        self._handing[partition] += 1
        self.most = max(self.most, self._handing[partition])
        try:
            return await self._producer.send_batch(batch, topic, partition=partition)
        finally:
            self._handing[partition] -= 1


@pytest.mark.kafka
def test_lanes_hand_batches_for_a_partition_over_in_turn(kafka: Broker, unique: Callable[[str], str]) -> None:
    async def run() -> tuple[int, int]:
        settings, topic = load(kafka=kafka.bootstrap, partitions=PARTITIONS), unique("told")
        await admin.apply(settings, [admin.TopicPlan(topic, PARTITIONS, {})])
        reader = LogReader({"bootstrap_servers": kafka.bootstrap}, client_id="test", patience_s=10)
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, enable_idempotence=True) as producer:
            await reader.start()
            observed, turns = Observed(producer), Turns()
            outputs = [Outputs(observed, str, 30.0, turns) for _ in range(LANES)]

            async def lane(number: int) -> None:
                for group in range(GROUPS):
                    key = f"{number}-{group}".encode()
                    await outputs[number].send([Outgoing(topic, p, key, b"told") for p in range(PARTITIONS)])

            await asyncio.gather(*map(lane, range(LANES)))
            ends = await reader.offsets([TopicPartition(topic, p) for p in range(PARTITIONS)], LATEST)
            await reader.stop()
            return observed.most, sum(ends.values())

    assert asyncio.run(run()) == (1, LANES * GROUPS * PARTITIONS)
