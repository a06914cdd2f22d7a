"""A share of topics for work outside of Kafka: records go to whoever does the work, offsets follow what is done.

Processors decide and are journalled by the engines. A connector acts on another system, in its own time and in any
order between leads; so here each record is handed over, taken back as done when it is, and the group's offset is that
of the oldest one that is not. What was under way when a worker ended is handed over again: at least once, never less.

A worker that was frozen may find that its share is somebody else's by now. `confirm` says so before it does harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from services.runtime.errors import Transient
from services.runtime.kafka.aiokafka_engine import group_consumer
from services.runtime.kafka.connection import broker_name
from services.runtime.record import LogRecord
from services.runtime.settings import Settings
from services.runtime.undone import Undone

_POLL_MS = 200
MOST_UNDONE = 400


class Share(Protocol):
    """The work of one partition, of all topics. `take` is given `done`, to be called once, when the record is done."""

    async def open(self) -> None:
        """Before the first record: what must be known first."""
        ...

    def take(self, record: LogRecord, done: Callable[[], None]) -> None: ...

    async def close(self) -> None:
        """The partition goes elsewhere: ends at once what is under way."""
        ...


class Subscription:
    """One member of `group` on `topics`, which have equal numbers of partitions. `make` builds a share. Of one
    partition of a topic about `most_undone` records may be under way: more are not fetched until some are done."""

    def __init__(
        self,
        settings: Settings,
        group: str,
        topics: Sequence[str],
        make: Callable[[int], Share],
        *,
        commit_every_s: float = 1.0,
        most_undone: int = MOST_UNDONE,
    ) -> None:
        self._settings = settings
        self._names = {broker_name(settings, topic): topic for topic in topics}
        self._make = make
        self._every_s = commit_every_s
        self._most_undone = most_undone
        self._consumer = group_consumer(settings, group)
        self._shares: dict[int, Share] = {}
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._undone: dict[TopicPartition, Undone] = {}
        self._full: set[TopicPartition] = set()
        self._confirmed_at = 0.0
        self._committing = asyncio.Lock()
        self._tasks: list[asyncio.Task[Any]] = []
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.assigned = False

    @property
    def partitions(self) -> frozenset[int]:
        """Those whose share is open."""
        return frozenset(number for number in self._shares if number not in self._opening)

    @property
    def opening(self) -> frozenset[int]:
        """Those whose share is not open yet."""
        return frozenset(self._opening)

    async def start(self) -> None:
        """Joins the group. Raises Transient when no broker answers."""
        self._consumer.subscribe(topics=list(self._names), listener=_Listener(self))
        try:
            await self._consumer.start()
        except KafkaError as error:
            raise Transient(f"Kafka at {self._settings.kafka}: {error}") from error
        self._tasks = [asyncio.create_task(self._guard(work)) for work in (self._pump, self._commit_regularly)]

    async def stop(self) -> None:
        """Ends what is under way, commits what is done, leaves the group."""
        await self.close_shares()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._consumer.stop()

    async def confirm(self) -> None:
        """Returns when this member was in its group a moment ago: within a third of a session. Raises Transient when it
        is not, or nobody knows: then another may be at the same work."""
        if time.monotonic() - self._confirmed_at < self._settings.session_timeout_ms / 3000:
            return
        if not await self._commit():
            raise Transient("no longer a member of the group: another may have the same work")

    # what the group's rebalances bring

    def open_shares(self, assigned: Iterable[TopicPartition]) -> None:
        """The assignment of a new generation."""
        assigned = list(assigned)
        self._undone = {tp: Undone() for tp in assigned}
        self._full.clear()
        self._consumer.pause(*assigned)
        self._confirmed_at = time.monotonic()
        self.assigned = True
        for number in sorted({tp.partition for tp in assigned}):
            share = self._shares[number] = self._make(number)
            self._opening[number] = asyncio.create_task(self._guard(partial(self._open, share, number)))

    async def close_shares(self) -> None:
        """Before the partitions go, or the worker ends."""
        for task in self._opening.values():
            task.cancel()
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        shares, self._shares, self._opening = self._shares, {}, {}
        await asyncio.gather(*(share.close() for share in shares.values()), return_exceptions=True)
        await self._commit()
        self._undone = {}

    async def _open(self, share: Share, number: int) -> None:
        await share.open()
        self._opening.pop(number, None)
        for tp in self._undone:
            if tp.partition == number:
                self._resume(tp)

    # records and offsets

    async def _pump(self) -> None:
        while True:
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MS)
            for tp, records in fetched.items():
                share, progress = self._shares.get(tp.partition), self._undone.get(tp)
                if share is None or progress is None or tp.partition in self._opening:
                    continue  # of an assignment that is over: they are read again
                for record in records:
                    self._hand_over(share, progress, tp, record)
                if len(progress) >= self._most_undone:
                    self._full.add(tp)
                    with contextlib.suppress(IllegalStateError):
                        self._consumer.pause(tp)
            await asyncio.sleep(0)

    def _hand_over(self, share: Share, progress: Undone, tp: TopicPartition, record: Any) -> None:
        progress.began(record.offset)
        plain = LogRecord(
            self._names[tp.topic],
            tp.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            tuple(record.headers),
        )
        share.take(plain, lambda: self._done(progress, tp, record.offset))

    def _done(self, progress: Undone, tp: TopicPartition, offset: int) -> None:
        progress.ended(offset)
        if tp in self._full and len(progress) < self._most_undone // 2:
            self._full.discard(tp)
            self._resume(tp)

    def _resume(self, tp: TopicPartition) -> None:
        with contextlib.suppress(IllegalStateError):  # revoked meanwhile
            self._consumer.resume(tp)

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._commit()

    async def _commit(self) -> bool:
        """Commits where each partition stands, moved or not: a commit that is taken is the proof of membership."""
        async with self._committing:
            offsets = {tp: progress.position for tp, progress in self._undone.items() if progress.position is not None}
            began = time.monotonic()
            try:
                if not offsets:
                    offsets = {tp: await self._consumer.position(tp) for tp in list(self._undone)[:1]}
                if not offsets:
                    return False
                await asyncio.wait_for(self._consumer.commit(offsets), self._settings.session_timeout_ms / 1000)
            except (CommitFailedError, IllegalStateError, KafkaError, TimeoutError):
                return False
            self._confirmed_at = began
            return True

    async def _guard(self, work: Callable[[], Any]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  whatever ends a part of the work ends the worker
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Notes what ends the worker."""
        if not self.failed.done():
            self.failed.set_result(Transient(f"Kafka: {error}") if isinstance(error, KafkaError) else error)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Aiokafka logs what a listener raises and goes on: nothing may leave it."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002  all go
        try:
            await self._subscription.close_shares()
        except Exception as error:  # noqa: BLE001
            self._subscription.fail(error)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        try:
            self._subscription.open_shares(assigned)
        except Exception as error:  # noqa: BLE001
            self._subscription.fail(error)
