"""When bulk topics are fetched and worked: by what lanes have waiting, by what the broker has, one lane at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.protocol.fetch import FetchRequest

from services.runtime.bulk import OPEN_MS, SHUT_MS, Gate, Lag
from services.runtime.effects import Observation
from services.runtime.kafka import bulk_gate
from services.runtime.kafka.bulk_gate import BulkGate
from services.runtime.kafka.fetch_session import with_fetch_sessions

LIVE, BULK = TopicPartition("live", 0), TopicPartition("bulk", 0)


@dataclass(eq=False)
class Lane:
    """A lane with one live input."""

    oldest: int | None = None
    newest: int | None = None
    restored: bool = True
    pokes: int = 0

    def live(self) -> list[tuple[TopicPartition, int | None, int | None]] | None:
        return [(LIVE, self.oldest, self.newest)] if self.restored else None

    def poke(self) -> None:
        self.pokes += 1


@dataclass
class Scene:
    """A gate over lanes, with a clock and a consumer that the test sets."""

    lanes: list[Lane] = field(default_factory=lambda: [Lane()])
    now: int = 1_000_000
    position: int = 5
    end: int | None = 5
    fetched: dict[TopicPartition, bool] = field(default_factory=dict)
    waits: float = 0.0

    def __post_init__(self) -> None:
        self.gate = BulkGate(
            self.lanes,
            frozenset({"bulk"}),
            lambda _: (self.position, self.end),
            self.fetched.__setitem__,
            lambda: self.now,
            self._observe,
        )

    def look(self) -> bool:
        """Whether bulk may be worked after another look."""
        self.gate._looked_at = -1.0
        self.gate.look()
        return not self.gate.holds(BULK, wanted=True)

    def _observe(self, observations: list[Observation]) -> None:
        self.waits += sum(each.value for each in observations)


def on_loop(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]


def test_it_stays_shut_until_all_is_known_to_be_read_up() -> None:
    async def story() -> None:
        scene = Scene(end=None)
        assert not scene.look()
        scene.end = 9
        assert not scene.look(), "something waits at the broker, and nobody knows how old it is"
        scene.lanes[0].restored, scene.position = False, 9
        assert not scene.look(), "a lane restores"
        scene.lanes[0].restored = True
        assert scene.waits == 1.0
        assert scene.look()
        assert scene.waits == 0.0

    on_loop(story)


def test_a_second_of_lag_shuts_it_and_half_a_second_opens_it() -> None:
    async def story() -> None:
        scene = Scene()
        scene.gate.holds(BULK, wanted=True)
        lane = scene.lanes[0]
        for age, open_ in ((0, True), (SHUT_MS - 1, True), (SHUT_MS, False), (OPEN_MS, False), (OPEN_MS - 1, True)):
            lane.oldest = scene.now - age
            assert scene.look() is open_, age
            assert scene.fetched[BULK] is open_
        assert lane.pokes == 2

    on_loop(story)


def test_what_waits_at_the_broker_counts_from_when_nothing_more_came() -> None:
    async def story() -> None:
        scene = Scene(lanes=[Lane(newest=0)])
        assert scene.look()
        scene.end = 7
        for late in (0, SHUT_MS - 1):
            scene.now += late
            assert scene.look(), "an old newest record alone says nothing"
        scene.position = 6
        scene.now += SHUT_MS - 1
        assert scene.look(), "it moves"
        scene.now += SHUT_MS
        assert not scene.look()

    on_loop(story)


def test_one_lane_at_a_time_and_a_rest_after_each() -> None:
    async def story() -> None:
        scene = Scene(lanes=[Lane(), Lane()])
        one, other = scene.lanes
        assert not scene.gate.take(one), "it is shut"
        scene.look()
        pokes = other.pokes
        assert scene.gate.take(one)
        assert not scene.gate.take(other)
        scene.gate.done(0.02)
        await asyncio.sleep(0)
        assert not scene.gate.take(other), "it rests"
        while other.pokes == pokes:  # noqa: ASYNC110  a timer of the loop is what is waited for
            await asyncio.sleep(0.001)
        assert scene.gate.take(other)

    on_loop(story)


def test_a_new_assignment_shuts_it() -> None:
    async def story() -> None:
        scene = Scene()
        assert scene.look()
        scene.gate.forget()
        assert not scene.gate.take(scene.lanes[0])
        assert scene.waits == 1.0

    on_loop(story)


def test_without_bulk_topics_nothing_is_looked_at_or_told() -> None:
    told: list[list[Observation]] = []
    gate = BulkGate([], frozenset(), lambda _: (0, 0), lambda *_: None, lambda: 0, told.append)
    asyncio.run(_look(gate))
    assert told == []
    assert not gate.holds(LIVE, wanted=True)


async def _look(gate: BulkGate) -> None:
    gate.look()


def test_the_rule_alone() -> None:
    gate = Gate()
    assert not gate.judge(Lag(0, None))
    assert gate.judge(Lag(0, 0))
    assert gate.judge(Lag(0, None)), "what is not known does not shut it"
    assert bulk_gate.REST >= 1


def test_of_a_bulk_topic_little_is_fetched_at_a_time() -> None:
    asked: list[Any] = []

    async def send(_node: int, request: Any) -> Any:
        asked.append(request._wanted)
        return SimpleNamespace(API_VERSION=4)

    consumer = with_fetch_sessions(SimpleNamespace(_client=SimpleNamespace(send=send)), {"bulk": 10})
    topics = [("live", [(0, 3, 1000)]), ("bulk", [(0, 5, 1000), (1, 6, 4)])]
    asyncio.run(consumer._client.send(1, FetchRequest(100, 1, 1000, 0, topics)))
    assert asked == [{("live", 0): (3, 1000), ("bulk", 0): (5, 10), ("bulk", 1): (6, 4)}]
