"""How commands read and write a log: their client, and the search by key, on a real broker."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from services.runtime.effects import Send
from services.runtime.embedded.broker import Broker
from services.runtime.errors import Transient, UserError
from services.runtime.kafka import admin, key_search, log_client
from services.runtime.kafka.key_search import KeySearch
from services.runtime.kafka.log_client import LogClient
from services.runtime.kafka.sieve import Sieve
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


async def test_the_records_of_a_key_are_found_and_nobody_elses_unpacked(
    kafka: Broker, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(kafka=kafka.bootstrap, topic_prefix=unique(""), partitions=3)
    await admin.apply(settings, admin.plan(settings, {toy.ALPHA: toy.TOPICS[toy.ALPHA]}, []))
    name = settings.topic_prefix + toy.ALPHA
    for compression in (None, "gzip"):
        producer = AIOKafkaProducer(bootstrap_servers=settings.kafka, compression_type=compression)
        await producer.start()
        try:
            for number in range(20):
                key = b"mine" if number % 10 == 0 else b"other-%d" % number
                await producer.send_and_wait(name, b"%d" % number, key=key, headers=[("n", b"%d" % number)])
        finally:
            await producer.stop()
    sieves: list[Sieve] = []

    def noted(needles: list[bytes]) -> Sieve:
        sieves.append(Sieve(needles))
        return sieves[-1]

    monkeypatch.setattr(key_search, "Sieve", noted)
    seen: list[tuple[int, int]] = []
    async with KeySearch(settings, lambda done, total: seen.append((done, total))) as search:
        found = await search.of_keys(toy.ALPHA, [b"mine"])
        assert [(each.topic, each.value, dict(each.headers)["n"]) for each in found] == [
            (toy.ALPHA, value, value) for value in (b"0", b"10") * 2
        ]
        assert {each.partition for each in found} == {await search.partition_of(toy.ALPHA, b"mine")}
        assert seen[-1][0] == seen[-1][1] < 40, "only its own partition is looked through"
        assert sieves[0].unpacked == 4, "each was sent in a batch of its own"
        assert [each.value async for each in search.holding(toy.ALPHA, b"13")] == [b"13", b"13"]
        assert len([each async for each in search.whole(toy.ALPHA)]) == 40
    with pytest.raises(UserError, match="no such topic"):
        async with KeySearch(settings) as search:
            await search.of_keys(toy.BETA, [b"mine"])
