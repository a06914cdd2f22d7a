"""What one writes oneself with aiokafka to get the same promise: `python -m bench.contenders.by_hand BOOTSTRAP RUN`.

State, signals and position of a batch go into the journal as one RecordBatch, acknowledged by all replicas; then the
signals, then, about once a second, the offset. A start restores the state, tells the last signals again and reads on
from the journal's positions. Left out is what Baton adds: a fence against a frozen owner, rebalances, timers, dead
letters, groups larger than a RecordBatch. All of it is below, in less than sixty lines.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.decay import EVENTS, Person, add, decode, pack, unpack


async def restore(bootstrap: str, tp: TopicPartition) -> tuple[dict[bytes, bytes], int, list[tuple[bytes, bytes]]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    end = (await consumer.end_offsets([tp]))[tp]
    consumer.assign([tp])
    states: dict[bytes, bytes] = {}
    position, signals = 0, list[tuple[bytes, bytes]]()
    while await consumer.position(tp) < end:
        for record in (await consumer.getmany(tp, timeout_ms=1000)).get(tp, []):
            if record.key == b"p":  # first of a RecordBatch, which is in the log whole or not at all
                position, signals = int(record.value), []
            elif record.key[:1] == b"s":
                states[record.key[1:]] = record.value
            else:
                signals.append((record.key[5:], record.value))
    await consumer.stop()
    return states, position, signals


async def write(producer: Any, topic: str, partition: int, pairs: list[tuple[bytes, bytes]]) -> None:
    batch = producer.create_batch()
    for key, value in pairs:
        assert batch.append(timestamp=None, key=key, value=value) is not None
    await (await producer.send_batch(batch, topic, partition=partition))


async def take(producer: Any, journal: str, told: str, number: int, state: dict[bytes, bytes], records: Any) -> None:
    people: dict[bytes, Person] = {}
    signals: list[tuple[bytes, bytes]] = []
    for record in records:
        person = people.get(record.key)
        if person is None:
            person = people[record.key] = unpack(state[record.key]) if record.key in state else Person()
        if add(person, decode(record.value)):
            signals.append((record.key, record.value))
    changed = {key: pack(person) for key, person in people.items()}
    group = [(b"p", b"%d" % (records[-1].offset + 1)), *((b"s" + key, value) for key, value in changed.items())]
    await write(producer, journal, number, [*group, *((b"o%4d" % i + k, v) for i, (k, v) in enumerate(signals))])
    state.update(changed)
    if signals:
        await write(producer, told, number, signals)


async def main(bootstrap: str, run: str, journal: str, told: str) -> None:
    acks = {"enable_idempotence": True, "acks": "all", "compression_type": "zstd", "max_batch_size": 4 << 20}
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=8 << 20, **acks)
    consumer = AIOKafkaConsumer(EVENTS, bootstrap_servers=bootstrap, group_id=run, enable_auto_commit=False)
    await asyncio.gather(producer.start(), consumer.start())
    states: dict[int, dict[bytes, bytes]] = {}
    for tp in consumer.assignment():
        states[tp.partition], position, signals = await restore(bootstrap, TopicPartition(journal, tp.partition))
        await write(producer, told, tp.partition, signals)
        consumer.seek(tp, position)
    committed = time.monotonic()
    while True:
        fetched = await consumer.getmany(timeout_ms=500)
        chunks = {tp.partition: records for tp, records in fetched.items()}
        await asyncio.gather(*(take(producer, journal, told, n, states[n], r) for n, r in chunks.items()))
        if time.monotonic() - committed > 1:
            await consumer.commit()
            committed = time.monotonic()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
