"""Events per second of both Kafka engines side by side: decode, decay, threshold, state; acks=all, journal before offset.

    python -m bench.engine [--events 300000] [--people 20000] [--rounds 3] [--engines faust,aiokafka] [--profile]

Starts an embedded Kafka, publishes the events once, then lets each engine read all of them from the start in a worker
process of its own, alternating. Prints events/s per run and the ratio of the medians. Only ratios travel.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from baton_schemas.catalogue import Topic
from services.runtime.effects import Effects, Send
from services.runtime.embedded.broker import Broker
from services.runtime.kafka import admin
from services.runtime.partitioner import partition_of
from services.runtime.processor import Context
from services.runtime.record import Batch
from services.runtime.settings import Settings, load
from services.runtime.state import State, Working
from services.runtime.worker import start_engine

EVENTS, SIGNALS = "bench.events", "bench.signals"
TOPICS = {name: Topic(name, "person", ()) for name in (EVENTS, SIGNALS)}
PARTITIONS = 8
PADDING = b"p" * 380
THRESHOLD = 100.0
HALF_LIFE_MS = 3_600_000


class Event(msgspec.Struct):
    """About 190 bytes of JSON."""

    id: str
    person: str
    type: str
    at: int
    points: int
    url: str


class Person(msgspec.Struct, array_like=True):
    """About 410 bytes packed."""

    score: float = 0.0
    at: int = 0
    count: int = 0
    above: bool = False
    padding: bytes = PADDING


_decode = msgspec.json.Decoder(Event).decode
_unpack = msgspec.msgpack.Decoder(Person).decode
_pack = msgspec.msgpack.Encoder().encode


class Bench:
    """Decays a score, adds points, tells when it crosses the threshold."""

    name = "bench"
    inputs = (EVENTS,)
    outputs = (SIGNALS,)
    globals: tuple[str, ...] = ()

    def __init__(self, version: int) -> None:
        self.state_version = version

    def process(self, batch: Batch, state: State, context: Context) -> Effects:  # noqa: ARG002
        effects = Effects()
        people = Working(state, decode=_unpack, encode=_pack)
        for record in batch.records:
            key = record.key or b""
            event = _decode(record.value or b"")
            person = people.get(key) or Person()
            person.score = person.score * 0.5 ** ((event.at - person.at) / HALF_LIFE_MS) + event.points
            person.at = event.at
            person.count += 1
            above = person.score >= THRESHOLD
            if above and not person.above:
                effects.sends.append(Send(SIGNALS, key, record.value))
            person.above = above
            people.put(key, person)
        effects.states.update(people.changes())
        return effects

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:
        raise NotImplementedError


def settings(bootstrap: str, engine: str) -> Settings:
    return load(kafka=bootstrap, engine=engine, partitions=PARTITIONS, session_timeout_ms=12_000)


async def publish(bootstrap: str, events: int, people: int) -> None:
    """Fills the input topic."""
    await admin.apply(settings(bootstrap, "aiokafka"), admin.plan(settings(bootstrap, "aiokafka"), TOPICS))
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=200_000)
    await producer.start()
    rng = random.Random(1)
    batches: dict[int, Any] = {}
    for index in range(events):
        person = rng.randrange(people)
        key = b"k1:%016x" % (person * 2654435761 % (1 << 64))
        value = json.dumps(
            {
                "id": f"evt-{index:012d}",
                "person": key.decode(),
                "type": "baton.engagement.recorded.v1",
                "at": 1_700_000_000_000 + index * 10,
                "points": rng.randrange(1, 9),
                "url": f"/pricing/{rng.randrange(1000)}",
            }
        ).encode()
        partition = partition_of(key, PARTITIONS)
        batch = batches.get(partition)
        if batch is None or batch.append(key=key, value=value, timestamp=None) is None:
            if batch is not None:
                await producer.send_batch(batch, EVENTS, partition=partition)
            batches[partition] = batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    for partition, batch in batches.items():
        await producer.send_batch(batch, EVENTS, partition=partition)
    await producer.stop()


async def work(bootstrap: str, engine: str, version: int, events: int) -> None:
    """One worker process: from the first record to the last one journalled and told."""
    processor = Bench(version)
    own = settings(bootstrap, engine)
    await admin.apply(own, admin.plan(own, TOPICS, [processor]))
    core = await start_engine(f"bench-{engine}-{version}", [processor], own, topics=TOPICS)
    while not core.progress().ready or core.progress().records == 0:
        await asyncio.sleep(0.002)
    start, already = time.perf_counter(), core.progress().records
    cpu = time.process_time()
    while core.progress().records < events and core.error is None:
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - start
    groups = sum(lane.tally.groups for lanes in core._lanes for lane in lanes)
    sys.stdout.write(
        json.dumps(
            {
                "events_per_s": (events - already) / seconds,
                "cpu_us": (time.process_time() - cpu) / (events - already) * 1e6,
                "groups": groups,
            }
        )
        + "\n"
    )
    sys.stdout.flush()
    await core.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", default="faust,aiokafka")
    parser.add_argument("--worker", nargs=3, metavar=("BOOTSTRAP", "ENGINE", "VERSION"))
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.worker:
        bootstrap, engine, version = options.worker
        profile = cProfile.Profile() if options.profile else None
        if profile is not None:
            profile.enable()
        asyncio.run(work(bootstrap, engine, int(version), options.events))
        if profile is not None:
            profile.disable()
            profile.dump_stats(f"/tmp/bench-{engine}.prof")  # noqa: S108
        return
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder))
        broker.start()
        try:
            asyncio.run(publish(broker.bootstrap, options.events, options.people))
            rates: dict[str, list[float]] = {}
            engines = options.engines.split(",")
            for number in range(options.rounds * len(engines)):
                engine = engines[number % len(engines)]
                command = [sys.executable, "-m", "bench.engine", "--events", str(options.events)]
                command += ["--worker", broker.bootstrap, engine, str(number + 1)]
                command += ["--profile"] if options.profile else []
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                result = json.loads(done.stdout.strip().splitlines()[-1])
                rates.setdefault(engine, []).append(result["events_per_s"])
                rate, cost = result["events_per_s"], result["cpu_us"]
                print(f"{engine:10} {rate:10,.0f}/s  {cost:6.2f} us of cpu per event  {result['groups']} groups")
            medians = {engine: statistics.median(each) for engine, each in rates.items()}
            first = medians[engines[-1]]
            print("  ".join(f"{engine}: {median / first:.2f}" for engine, median in medians.items()))
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
