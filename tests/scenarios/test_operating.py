"""A real worker on a real Kafka, seen from outside: health, metrics, a real Prometheus, and the watchdog's bark."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiokafka import AIOKafkaProducer

from services.runtime.embedded.broker import Broker
from services.runtime.exit_codes import ExitCode
from services.runtime.kafka import admin
from services.runtime.metrics import CATALOGUE
from services.runtime.settings import load
from tests.contract import toy

ROOT = Path(__file__).parents[2]
PARTITIONS = 2
WAIT_S = 60.0
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


def get(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  our own address
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read()
    except OSError:
        return 0, None
    return status, json.loads(body) if body.startswith(b"{") else body.decode()


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)
    return found


def announced(environment: dict[str, str], process: subprocess.Popen[bytes], log: Path) -> str:
    """The worker's address, as `baton up` learns it."""
    file = Path(environment["BATON_DATA_DIR"]) / "run" / f"toy-{process.pid}.json"

    def url() -> str | None:
        assert process.poll() is None, log.read_text()
        return json.loads(file.read_text())["url"] if file.exists() else None

    found: str = until(url, "announced")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def prometheus(target: str, folder: Path) -> Iterator[str]:
    """A real Prometheus with the shipped configuration and rules; only where the workers are is the test's."""
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    config["rule_files"] = [str(ROOT / "deploy/prometheus/rules/*.yml")]
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = config["scrape_configs"]
    del job["dns_sd_configs"], job["relabel_configs"]
    job["static_configs"] = [{"targets": [target], "labels": {"service": "toy"}}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    with (folder / "prometheus.log").open("wb") as out:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=out,
            stderr=out,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def query(base: str, expression: str) -> list[Any]:
    _, body = get(f"{base}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
    found: list[Any] = body["data"]["result"] if isinstance(body, dict) and body["status"] == "success" else []
    return found


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no `prometheus` here: apt-get install prometheus")
def test_a_real_prometheus_reads_a_real_worker(environment: dict[str, str], tmp_path: Path) -> None:
    publish(environment, [b"one", b"two", b"!letter", b"!timer soon 1"])
    log = tmp_path / "worker.log"
    with worker(environment, "work", log) as process:
        url = announced(environment, process, log)
        until(lambda: get(f"{url}/readyz")[0] == 200, "ready")
        assert get(f"{url}/livez")[0] == 200
        with prometheus(url.removeprefix("http://"), tmp_path) as base:
            alpha = f'{{topic="{toy.ALPHA}"}}'
            until(lambda: query(base, f"baton_records_total{alpha} == 4"), "four records counted")
            (letters,) = query(base, "baton_dead_letters_total")
            assert letters["metric"]["topic"] == toy.ALPHA
            assert letters["metric"]["service"] == "toy"
            until(lambda: query(base, f"baton_lag_records{alpha} == 0"), "no lag")
            assert query(base, "baton_partitions")[0]["value"][1] == str(len(toy.Toy.inputs) * PARTITIONS)
            until(lambda: query(base, "baton_ready == 1"), "ready in Prometheus")
            until(lambda: query(base, "baton:first_touch_objective:ratio"), "our recording rules are evaluated")
            names = {found["metric"]["__name__"] for found in query(base, '{__name__=~"baton_.+"}')}
            assert {_family(name) for name in names} <= set(CATALOGUE)
            assert len(names) > 20
            assert query(base, 'process_resident_memory_bytes{service="toy"}')
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == ExitCode.OK, log.read_text()
    assert list((tmp_path / "run").iterdir()) == [], "the announcement is gone"


def _family(name: str) -> str:
    for suffix in ("_bucket", "_count", "_sum"):
        if name.removesuffix(suffix) in CATALOGUE:
            return name.removesuffix(suffix)
    return name


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
