"""A real worker on a real Kafka, seen from outside: health, metrics, a real Prometheus, and the watchdog's bark."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from services.runtime.embedded.broker import Broker
from services.runtime.exit_codes import ExitCode
from services.runtime.kafka import admin
from services.runtime.metrics import CATALOGUE
from services.runtime.settings import load
from tests.contract import toy
from tests.scenarios.watching import ROOT, WAIT_S, get, metrics_in, prometheus, query, until

PARTITIONS = 2
pytestmark = pytest.mark.kafka


@pytest.fixture
def environment(kafka: Broker, unique: Callable[[str], str], tmp_path: Path) -> dict[str, str]:
    """Settings of a stage of the test's own, its topics made."""
    own = {
        "BATON_KAFKA": kafka.bootstrap,
        "BATON_TOPIC_PREFIX": unique("") + ".",
        "BATON_PARTITIONS": str(PARTITIONS),
        "BATON_DATA_DIR": str(tmp_path),
        "BATON_WATCHDOG_MS": "6000",
        "BATON_SESSION_TIMEOUT_MS": "3000",
        "BATON_HEARTBEAT_MS": "1000",
    }
    settings = load(**{name.removeprefix("BATON_").lower(): value for name, value in own.items()})
    asyncio.run(admin.apply(settings, admin.plan(settings, toy.TOPICS, [toy.Toy()])))
    return {**os.environ, **own, "PYTHONPATH": str(ROOT)}


@contextmanager
def worker(environment: dict[str, str], how: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.scenarios.operated_toy", how], env=environment, stdout=out, stderr=out
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def publish(environment: dict[str, str], values: list[bytes]) -> None:
    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=environment["BATON_KAFKA"], acks="all")
        await producer.start()
        try:
            for number, value in enumerate(values):
                key = f"key-{number}".encode()
                await producer.send_and_wait(environment["BATON_TOPIC_PREFIX"] + toy.ALPHA, key=key, value=value)
        finally:
            await producer.stop()

    asyncio.run(send())


def announced(environment: dict[str, str], process: subprocess.Popen[bytes], log: Path) -> str:
    """The worker's address, as `baton up` learns it."""
    file = Path(environment["BATON_DATA_DIR"]) / "run" / f"toy-{process.pid}.json"

    def url() -> str | None:
        assert process.poll() is None, log.read_text()
        return json.loads(file.read_text())["url"] if file.exists() else None

    found: str = until(url, "announced")
    return found


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no `prometheus` here: apt-get install prometheus")
def test_a_real_prometheus_reads_a_real_worker(environment: dict[str, str], tmp_path: Path) -> None:
    publish(environment, [b"one", b"two", b"!letter", b"!timer soon 1"])
    log = tmp_path / "worker.log"
    with worker(environment, "work", log) as process:
        url = announced(environment, process, log)
        until(lambda: get(f"{url}/readyz")[0] == 200, "ready")
        assert get(f"{url}/livez")[0] == 200
        with prometheus({"toy": url.removeprefix("http://")}, tmp_path) as base:
            alpha = f'{{topic="{toy.ALPHA}"}}'
            until(lambda: query(base, f"baton_records_total{alpha} == 4"), "four records counted")
            (letters,) = query(base, "baton_dead_letters_total")
            assert letters["metric"]["topic"] == toy.ALPHA
            assert letters["metric"]["service"] == "toy"
            until(lambda: query(base, f"baton_lag_records{alpha} == 0"), "no lag")
            assert query(base, "baton_partitions")[0]["value"][1] == str(len(toy.Toy.inputs) * PARTITIONS)
            until(lambda: query(base, "baton_ready == 1"), "ready in Prometheus")
            until(lambda: query(base, "baton:first_touch_objective:ratio"), "our recording rules are evaluated")
            until(lambda: query(base, "baton_timers_fired_total == 1"), "the timer fired")
            assert query(base, "baton_timer_late_seconds_count == 1")
            assert query(base, "baton_timer_late_seconds_sum >= 0")
            assert query(base, "baton_commit_seconds_count > 0")
            sent = {one["metric"]["topic"]: float(one["value"][1]) for one in query(base, "baton_outputs_total")}
            assert sent[toy.ALPHA + ".dead"] == 1
            assert metrics_in(base) <= set(CATALOGUE)
            assert len(metrics_in(base)) > 20
            assert query(base, 'process_resident_memory_bytes{service="toy"}')
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == ExitCode.OK, log.read_text()
    assert list((tmp_path / "run").iterdir()) == [], "the announcement is gone"


def test_a_worker_that_hangs_is_ended_with_its_own_code(environment: dict[str, str], tmp_path: Path) -> None:
    publish(environment, [b"one"])
    log = tmp_path / "worker.log"
    with worker(environment, "hang", log) as process:
        url = announced(environment, process, log)
        until(lambda: get(f"{url}/livez")[0] == 200, "answers though its loop hangs")
        assert process.wait(WAIT_S) == ExitCode.STUCK, log.read_text()
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["event"] == "worker.exiting"
    assert last["code"] == 71
    assert last["reason"].startswith(f"no progress: {environment['BATON_TOPIC_PREFIX']}{toy.ALPHA}/")
    assert last["reason"].endswith("with 1 records to read")


def test_levels_survive_a_kill(environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "worker.log"

    def waiting(url: str) -> float | None:
        _, page = get(f"{url}/metrics")
        shown = [line.split()[1] for line in (page or "").splitlines() if line.startswith("baton_leads_waiting ")]
        return float(shown[0]) if shown else None

    publish(environment, [b"one", b"two", b"three"])
    with worker(environment, "count", log) as process:
        url = announced(environment, process, log)
        until(lambda: waiting(url) == 3, "three wait")
    publish(environment, [b"four"])
    with worker(environment, "count", log) as process:
        url = announced(environment, process, log)
        until(lambda: waiting(url) == 4, "four wait, three of them from before the kill")
