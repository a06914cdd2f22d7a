"""Sends output records: all of a group at once, a few RecordBatches per partition, each acknowledged in full."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka.errors import KafkaError

from services.runtime.errors import Transient
from services.runtime.kafka.batches import new_batch
from services.runtime.kafka.group import Outgoing


class Turns:
    """Who hands a batch for a partition to the producer next: one at a time, in order of arrival, over all lanes.

    Left to themselves all who wait for a partition wake at each batch that leaves, and aiokafka takes the whole time
    since they began off their timeout each time: with many lanes 12 s are used up after two.
    """

    def __init__(self) -> None:
        self._locks: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    def of(self, topic: str, partition: int) -> asyncio.Lock:
        """Hold it while a batch for this partition is handed over."""
        return self._locks[topic, partition]


class Outputs:
    """`name` turns a catalogue topic into the broker's; order is kept per partition, so per key. `turns` are shared by
    all who use `producer`."""

    def __init__(self, producer: Any, name: Callable[[str], str], patience_s: float, turns: Turns) -> None:
        self._producer = producer
        self._name = name
        self._patience_s = patience_s
        self._turns = turns

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Returns when the log has every record. Raises Transient when it does not answer in time."""
        if not records:
            return
        try:
            async with asyncio.timeout(self._patience_s):
                pending = []
                for topic, partition, batch in self._batches(records):
                    async with self._turns.of(topic, partition):
                        pending.append(await self._producer.send_batch(batch, self._name(topic), partition=partition))
                await asyncio.gather(*pending)
        except TimeoutError as error:
            raise Transient("outputs were not acknowledged in time") from error
        except KafkaError as error:
            raise Transient(f"outputs were refused: {error}") from error

    def _batches(self, records: Sequence[Outgoing]) -> list[tuple[str, int, Any]]:
        """In an order that interleaves partitions: a partition's second batch has to wait for its first."""
        last: dict[tuple[str, int], tuple[int, Any]] = {}
        rounds: list[list[tuple[str, int, Any]]] = []
        sizes = Counter[tuple[str, int]]()
        for topic, partition, key, value, _ in records:
            sizes[topic, partition] += len(key) + len(value or b"")
        for topic, partition, key, value, headers in records:
            number, batch = last.get((topic, partition), (-1, None))
            arguments = {"timestamp": None, "key": key, "value": value, "headers": list(headers)}
            if batch is None or batch.append(**arguments) is None:
                batch = new_batch(self._producer, sizes[topic, partition])
                batch.append(**arguments)
                number += 1
                last[topic, partition] = (number, batch)
                if number == len(rounds):
                    rounds.append([])
                rounds[number].append((topic, partition, batch))
        batches = [batch for same_round in rounds for batch in same_round]
        for _, _, batch in batches:
            batch.close()
        return batches
