"""Between two fetches of few records there is a moment for others to gather; a backlog and a quiet moment wait not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.runtime.kafka import intake
from services.runtime.kafka.intake import Intake

HERE = TopicPartition("t", 0)


class Sink:
    def __init__(self) -> None:
        self.chunks: list[int] = []

    def deliver(self, generation: int, fetched: Mapping[TopicPartition, Any]) -> None:
        assert generation == 7
        self.chunks.append(sum(map(len, fetched.values())))

    def __iter__(self) -> Iterator[Any]:
        return iter(())


def test_few_records_make_the_next_fetch_wait_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([1, 0, intake._MANY, 3])
    pauses: list[float] = []
    sink = Sink()

    async def getmany(timeout_ms: int) -> dict[TopicPartition, list[int]]:
        del timeout_ms
        count = next(answers)
        return {HERE: [0] * count} if count else {}

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    consumer = SimpleNamespace(getmany=getmany, _coordinator=SimpleNamespace(generation=7))
    asyncio.run(Intake(lambda: consumer, sink).pump(lambda: len(pauses) == 4))
    assert sink.chunks == [1, intake._MANY, 3]
    assert pauses == [intake._GATHER_S, 0, 0, intake._GATHER_S]


def test_of_a_bulk_topic_nothing_is_fetched_before_the_gate_opens() -> None:
    asked: list[tuple[str, TopicPartition]] = []
    consumer = SimpleNamespace(
        pause=lambda tp: asked.append(("pause", tp)), resume=lambda tp: asked.append(("resume", tp))
    )

    async def resume() -> None:
        feed = Intake(lambda: consumer, Sink(), frozenset({"t"}))
        feed.resume(HERE)
        feed.resume(TopicPartition("live", 0))

    asyncio.run(resume())
    assert asked == [("pause", HERE), ("resume", TopicPartition("live", 0))]
