"""The operating side answers, says why not, and goes on answering while the worker's loop is busy."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.runtime.errors import UserError
from services.runtime.health import application
from services.runtime.metrics import Metrics
from services.runtime.operations import Address, Operations
from services.runtime.vitals import HEARTBEAT_LIMIT_S, TopicPartition, Vitals, liveness, readiness

LANE = TopicPartition("engagement.events", 3)


def working() -> Vitals:
    return Vitals(assigned=frozenset({LANE}), globals_read=True, producer_connected=True)


def get(url: str) -> tuple[int, Any]:
    """Asks as an orchestrator does; blocks its thread."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  our own address
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read()
    return status, json.loads(body) if body.startswith(b"{") else body.decode()


@contextmanager
def running(vitals: Vitals, announce: Path | None = None, port: int = 0) -> Iterator[tuple[Address, Metrics]]:
    registry = CollectorRegistry()
    metrics = Metrics(registry, strict=True)
    app = application(vitals, metrics, registry, patience_s=120.0, monotonic=time.monotonic)
    operations = Operations(app, vitals, host="127.0.0.1", port=port, announce=announce)
    address = operations.start()
    try:
        yield address, metrics
    finally:
        operations.stop()


@pytest.mark.asyncio
async def test_a_working_worker_is_alive_ready_and_shows_its_metrics() -> None:
    with running(working()) as (address, metrics):
        metrics.add("baton_dead_letters_total", 1.0, "engagement.events", "invalid_json")
        assert get(f"{address.url}/livez") == (200, {"ok": True, "because": []})
        assert get(f"{address.url}/healthz")[0] == 200
        assert get(f"{address.url}/readyz") == (200, {"ok": True, "because": []})
        status, page = get(f"{address.url}/metrics")
    assert status == 200
    assert 'baton_dead_letters_total{code="invalid_json",topic="engagement.events"} 1.0' in page
    assert "baton_ready 1.0" in page
    assert "baton_partitions 1.0" in page


@pytest.mark.asyncio
async def test_a_starting_worker_is_alive_not_ready_and_says_why() -> None:
    with running(Vitals()) as (address, _):
        assert get(f"{address.url}/livez")[0] == 200
        status, body = get(f"{address.url}/readyz")
        assert "baton_ready 0.0" in get(f"{address.url}/metrics")[1]
    assert status == 503
    assert [reason.partition(":")[0] for reason in body["because"]] == ["producer", "globals", "group"]


@pytest.mark.asyncio
async def test_it_answers_while_the_workers_loop_is_busy() -> None:
    with running(working()) as (address, _):
        assert [get(f"{address.url}/livez")[0] for _ in range(3)] == [200] * 3  # on the loop itself: it stands still


@pytest.mark.asyncio
async def test_the_workers_loop_is_pinged() -> None:
    vitals = working()
    with running(vitals):
        vitals.beat_at = before = time.monotonic() - 3600
        async with asyncio.timeout(10):
            while vitals.beat_at == before:  # noqa: ASYNC110  the thread has no event to wait on
                await asyncio.sleep(0.01)
        assert time.monotonic() - vitals.beat_at < 60


@pytest.mark.asyncio
async def test_it_is_announced_in_a_file_while_it_answers(tmp_path: Path) -> None:
    file = tmp_path / "run" / "scorer.json"
    with running(working(), announce=file) as (address, _):
        found = json.loads(file.read_text())
        assert found["url"] == address.url
        assert found["port"] == address.port > 0
    assert list(file.parent.iterdir()) == []


@pytest.mark.asyncio
async def test_a_file_system_that_is_read_only_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with running(working(), announce=tmp_path / "file" / "scorer.json") as (address, _):
        assert get(f"{address.url}/livez")[0] == 200


@pytest.mark.asyncio
async def test_a_taken_port_is_an_error_that_names_the_setting() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UserError, match="BATON_HTTP_PORT"),
        running(working(), port=taken.getsockname()[1]),
    ):
        pass


def test_a_loop_without_heartbeat_is_dead() -> None:
    vitals = Vitals(beat_at=100.0)
    assert liveness(vitals, now=100.0 + HEARTBEAT_LIMIT_S, patience_s=120).ok
    assert liveness(vitals, now=101.0 + HEARTBEAT_LIMIT_S, patience_s=120).because == (
        "event loop: no heartbeat for 31 s",
    )


def test_no_progress_is_dead_and_a_silent_broker_only_not_ready() -> None:
    stalled, silent = working(), working()
    stalled.stalled_s, silent.broker_silent_s = 120.0, 119.0
    assert not liveness(stalled, now=0, patience_s=120).ok
    assert readiness(stalled).ok
    assert liveness(silent, now=0, patience_s=120).ok
    assert readiness(silent).because == ("broker: no answer for 119 s",)


def test_each_dependency_is_named() -> None:
    vitals = working()
    vitals.restoring, vitals.stopping = frozenset({LANE}), True
    assert readiness(vitals).because == ("stopping: draining its lanes", "state: restoring partitions 3")
    vitals = working()
    vitals.assigned = frozenset()
    assert readiness(vitals).ok, "a standby is ready"
