"""The embedded broker survives what happens to it: crashes, stale files, taken ports, starts that race, two at once.

Few brokers, much asked of each: a start costs seconds of two cores.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from services.runtime.embedded.broker import Broker, BrokerOptions
from services.runtime.embedded.ports import HOST
from services.runtime.errors import UserError
from tests.conftest import BrokerFactory

pytestmark = [pytest.mark.kafka, pytest.mark.fault]
WAIT_S = 30


def create_topic(bootstrap: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, num_partitions=1)])[topic].result(WAIT_S)


def write(bootstrap: str, topic: str, *values: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0})
    for value in values:
        producer.produce(topic, value.encode(), partition=0)
    assert producer.flush(WAIT_S) == 0


def read(bootstrap: str, topic: str, count: int) -> list[str]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        messages = consumer.consume(count, WAIT_S)
        return [(message.value() or b"").decode() for message in messages if message.error() is None]
    finally:
        consumer.close()


def test_crash_and_return_on_the_same_port_under_a_client_that_stays(own_broker: BrokerFactory) -> None:
    broker = own_broker()
    before = broker.status()
    create_topic(broker.bootstrap, "kept")
    write(broker.bootstrap, "kept", "before the crash")
    producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all"})  # connected or not: it is to survive

    broker.kill()
    assert broker.status().state == "stopped"
    producer.produce("kept", b"while it was down", partition=0)
    after = broker.start()

    assert after.pid != before.pid
    assert after.bootstrap == before.bootstrap
    assert producer.flush(WAIT_S) == 0
    assert read(broker.bootstrap, "kept", 2) == ["before the crash", "while it was down"]


def test_stale_files_and_taken_ports_do_not_stop_a_start(own_broker: BrokerFactory) -> None:
    broker = own_broker()
    first = broker.status()
    create_topic(broker.bootstrap, "kept")
    write(broker.bootstrap, "kept", "before")

    # its file is lost while it runs: it is found by its mark alone, and its data without the file
    (broker.data / "broker.json").unlink()
    found = broker.status()
    assert (found.state, found.pid) == ("starting", first.pid)
    second = broker.start()
    assert not psutil.pid_exists(first.pid or 0)

    # its port is another program's by now
    port = int((second.bootstrap or "").rpartition(":")[2])
    broker.stop()
    with socket.create_server((HOST, port)):
        third = broker.start()
        assert third.bootstrap != second.bootstrap
        assert read(broker.bootstrap, "kept", 1) == ["before"]


def test_starts_that_race_find_one_broker(own_broker: BrokerFactory) -> None:
    data = own_broker(start=False).data
    with ThreadPoolExecutor(3) as pool:
        started = list(pool.map(lambda _: Broker(data).start(), range(3)))
    assert len({status.pid for status in started}) == 1
    assert all(status.state == "running" for status in started)
    assert Broker(data).start() == started[0]


def test_frozen_is_told_from_running_and_can_be_stopped(own_broker: BrokerFactory, kafka: Broker) -> None:
    broker = own_broker()
    assert broker.bootstrap != kafka.bootstrap  # two data dirs, side by side
    broker.freeze()
    assert broker.status().state == "starting"
    impatient = Broker(broker.data, options=BrokerOptions(start_timeout_s=0.2))
    with pytest.raises(UserError, match="does not answer"):
        impatient.start()
    broker.thaw()
    assert broker.start().state == "running"
    broker.freeze()
    pid = broker.status().pid
    assert broker.stop().state == "stopped"
    assert not psutil.pid_exists(pid or 0)
    assert (broker.data / "kafka" / ".kafka_cleanshutdown").exists(), "it was killed instead of stopped"
    with pytest.raises(UserError, match="did not start"):
        impatient.start()
    assert broker.status().pid is None, "what did not come up in time is not left running"
    with pytest.raises(UserError, match="no embedded Kafka runs"):
        broker.freeze()
    assert kafka.status().state == "running"


def test_a_starter_that_is_killed_leaves_a_broker_that_the_next_start_finds(own_broker: BrokerFactory) -> None:
    data = own_broker(start=False).data
    program = "import sys; from pathlib import Path; from services.runtime.embedded.broker import Broker\n"
    program += "Broker(Path(sys.argv[1])).start()"
    with subprocess.Popen([sys.executable, "-c", program, str(data)]) as starter:
        wait_for_pid(data)
        starter.kill()
    orphan = Broker(data).status().pid
    assert orphan is not None
    assert Broker(data).start().pid == orphan


def wait_for_pid(data: Path) -> None:
    """Until broker.json names a pid: the broker was spawned and does not answer yet."""
    deadline = threading.Event()
    for _ in range(600):
        try:
            if json.loads((data / "broker.json").read_bytes())["pid"]:
                return
        except (OSError, ValueError):
            pass
        deadline.wait(0.05)
    raise AssertionError("no broker was spawned")


def test_a_broker_that_cannot_start_says_why_in_one_line_and_leaves_nothing(own_broker: BrokerFactory) -> None:
    broker = own_broker(properties={"log.cleaner.backoff.ms": "soon"}, start=False)
    with pytest.raises(UserError, match=r"ConfigException: .*log\.cleaner\.backoff\.ms") as caught:
        broker.start()
    assert "\n" not in str(caught.value)
    assert broker.status().pid is None
    assert broker.reset().bootstrap is None
    assert not broker.data.exists()


def test_the_broker_is_as_the_engines_need_it(kafka: Broker) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    resource = ConfigResource(ResourceType.BROKER, "1")
    answered = admin.describe_configs([resource])[resource].result(WAIT_S)
    expected = {
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "num.partitions": "8",
        "log.cleaner.backoff.ms": "200",  # an own property of tests/conftest.py
    }
    assert {name: answered[name].value for name in expected} == expected
    process = psutil.Process(kafka.status().pid or 0)
    listening = {
        connection.laddr.ip.removeprefix("::ffff:")
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {HOST}, "nobody outside of this machine may reach it"


@pytest.mark.asyncio
async def test_from_async_code_it_works_in_a_thread(kafka: Broker) -> None:
    status = await asyncio.to_thread(Broker(kafka.data).start)
    assert status.bootstrap == kafka.bootstrap
    create_topic(kafka.bootstrap, "lifecycle.async")
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        sent = await producer.send_and_wait("lifecycle.async", b"1", partition=0)
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap) as consumer:
        partition = TopicPartition("lifecycle.async", 0)
        consumer.assign([partition])
        consumer.seek(partition, sent.offset)
        assert (await asyncio.wait_for(consumer.getone(), WAIT_S)).value == b"1"


def test_by_hand_start_survives_ctrl_c_of_its_terminal_and_stops(tmp_path: Path) -> None:
    def baton(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from services.cli.main import run; run()", "kafka", *args]
        return subprocess.run(
            [*command, "--data", str(tmp_path), "--json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    try:
        started = baton("start")
        assert started.returncode == 0, started.stderr
        pid = json.loads(started.stdout)["pid"]
        assert os.getsid(pid) != os.getsid(0), "Ctrl-C goes to the whole session of a terminal"
        assert json.loads(baton("start").stdout)["pid"] == pid
        assert baton("status").returncode == 0
    finally:
        stopped = baton("stop")
    assert stopped.returncode == 0
    assert json.loads(stopped.stdout)["state"] == "stopped"
    assert baton("status").returncode == 3
    assert baton("reset").returncode == 0
    assert not tmp_path.exists()
