"""From the consumer to the lanes: fetch, stamp with the generation, hand over; and offsets back to the group.

Both engines use it, over a consumer that Faust made or over a plain one. It runs on the loop of the lanes: a second
thread would only take turns with them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from services.runtime.clock import SystemClock
from services.runtime.effects import Observation
from services.runtime.errors import Transient
from services.runtime.kafka import faults
from services.runtime.kafka.bulk_gate import BulkGate, Watched

_WALL = SystemClock().wall
_POLL_MS = 500
_GATHER_S = 0.003
"""After a few records the next ones may gather for a moment: each fetch, and each group that follows from it, costs the
worker and the broker the same for one record as for ten. What comes after a quiet moment does not wait."""
_MANY = 200
COMMIT_EVERY_S = 1.0


class Sink(Protocol):
    """Who takes the records: the lanes."""

    def deliver(self, generation: int, fetched: Mapping[TopicPartition, Any]) -> None: ...

    def __iter__(self) -> Iterator[Watched]: ...


class Intake:
    """The feed of all lanes of one group membership. `consumer` is started, or is going to be before `pump`. Of `bulk`
    topics (the broker's names) nothing is fetched while the others are behind, by the clock `wall` (ms)."""

    def __init__(
        self,
        consumer: Callable[[], Any],
        sink: Sink,
        bulk: frozenset[str] = frozenset(),
        wall: Callable[[], int] = _WALL,
        observe: Callable[[list[Observation]], None] = lambda _: None,
    ) -> None:
        self._get = consumer
        self._sink = sink
        self._done: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._committing = asyncio.Lock()
        self.bulk = BulkGate(sink, bulk, self._progress, self._fetches, wall, observe)

    def generation(self) -> int:
        """The generation this member is in; -1 between two. Aiokafka has no public way to ask."""
        found: int = self._get()._coordinator.generation
        return found

    def assigned(self, partitions: list[TopicPartition]) -> None:
        """A new assignment: nothing is delivered before its lane says from where."""
        self._done.clear()
        self._committed.clear()
        self.bulk.forget()
        self._get().pause(*partitions)

    async def pump(self, stopped: Callable[[], bool]) -> None:
        """Fetches and delivers until `stopped`. Raises Transient when the client gives up."""
        try:
            while not stopped():
                generation, fetched = await self.fetch()
                if fetched:
                    self._sink.deliver(generation, fetched)
                self.bulk.look()
                await asyncio.sleep(_GATHER_S if 0 < sum(map(len, fetched.values())) < _MANY else 0)
        except KafkaError as error:
            raise Transient(f"inputs can't be read: {error}") from error

    async def fetch(self) -> tuple[int, Mapping[TopicPartition, Any]]:
        """Records and the generation they belong to: asked for afterwards, since a fetch may outlast a rebalance."""
        fetched = await self._get().getmany(timeout_ms=_POLL_MS)
        return self.generation(), fetched

    def begin(self, positions: Mapping[TopicPartition, int]) -> None:
        for tp, position in positions.items():
            self._quietly(lambda tp=tp, position=position: self._get().seek(tp, position))  # type: ignore[misc]
            self.resume(tp)

    def hold(self, tp: TopicPartition) -> None:
        self.bulk.holds(tp, wanted=False)
        self._fetches(tp, False)

    def resume(self, tp: TopicPartition) -> None:
        self._fetches(tp, not self.bulk.holds(tp, wanted=True))

    def position(self, tp: TopicPartition) -> int:
        subscription = self._get()._subscription.subscription
        state = subscription.assignment.state_value(tp) if subscription and subscription.assignment else None
        return state.position if state is not None and state.has_valid_position else -1

    def done(self, tp: TopicPartition, offset: int) -> None:
        self._done[tp] = offset

    def _progress(self, tp: TopicPartition) -> tuple[int, int | None]:
        """The consumer's position, and the end (of what is committed) that it was told last."""
        subscription = self._get()._subscription.subscription
        state = subscription.assignment.state_value(tp) if subscription and subscription.assignment else None
        if state is None or not state.has_valid_position:
            return -1, None
        return state.position, state.highwater if state.lso in (None, -1) else state.lso

    def _fetches(self, tp: TopicPartition, wanted: bool) -> None:
        consumer = self._get()
        self._quietly(lambda: consumer.resume(tp) if wanted else consumer.pause(tp))

    def _quietly(self, change: Callable[[], None]) -> None:
        """A partition that is revoked meanwhile is no error: its lane is about to hear of it."""
        with contextlib.suppress(IllegalStateError):
            change()

    async def commit(self) -> bool:
        """Commits what lanes are done with. A failure is no loss, the journals know better: it is tried again."""
        async with self._committing:
            offsets = {tp: offset for tp, offset in self._done.items() if self._committed.get(tp) != offset}
            if not offsets:
                return False
            faults.point("before_offset_commit")
            try:
                await self._get().commit(offsets)
            except (CommitFailedError, IllegalStateError, KafkaError):
                return False
            self._committed.update(offsets)
            return True

    async def commit_regularly(self) -> None:
        """Commits every second, until cancelled."""
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            await self.commit()
