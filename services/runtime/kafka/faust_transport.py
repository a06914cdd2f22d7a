"""Faust's transport for Baton, registered as `baton://`: batches instead of messages, lanes instead of acks.

Faust keeps what it is good at: services and their order, subscription by agents, rebalance callbacks, the commit timer.
What it does once per message is bypassed: a fetch goes straight to the lanes, an offset is committed when its lane is
done with it, and nothing seeks to committed offsets, since the journals know better. The consumer runs on the app's
own loop. Faust's usual second thread would only compete with the lanes for the interpreter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer, ensure_TPset
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from services.runtime.kafka.intake import Intake


class LaneConsumer(Consumer):  # type: ignore[misc]
    """A Faust consumer whose records, offsets and positions belong to the lanes of `app.baton` (a FaustMember)."""

    consumer_stopped_errors = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._member = self.app.baton
        self._intake: Intake = self._member.intake
        self._kafka: Any = None

    @property
    def kafka(self) -> Any:
        """The aiokafka consumer beneath."""
        return self._kafka

    async def on_start(self) -> None:
        self._kafka = self._member.new_consumer(self.app.conf.id)
        await self._kafka.start()

    async def on_stop(self) -> None:
        await self.wait_empty()
        if self._kafka is not None:
            await self._kafka.stop()

    async def subscribe(self, topics: Iterable[str]) -> None:
        self._kafka.subscribe(topics=list(topics), listener=_Listener(self))

    async def on_assignment(self, assigned: Iterable[TopicPartition]) -> None:
        """Makes the lanes of a new generation, then lets Faust do what it does on a rebalance."""
        generation = self._intake.generation()
        self.app.consumer_generation_id = generation
        self._intake.assigned(list(assigned))
        self._member.lanes.assign(generation, assigned)
        await self.on_partitions_assigned(ensure_TPset(assigned), generation)

    async def _drain_messages(self, fetcher: Any) -> None:
        await self._member.guard(self._intake.pump(lambda: self.should_stop or fetcher.should_stop))

    async def wait_empty(self) -> None:
        """Revocation and stop: the lanes finish what they are at, then what they did is committed."""
        await self._member.lanes.revoke()
        if self.assignment():
            await self._intake.commit()

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        return await self._intake.commit()

    async def perform_seek(self) -> None:
        """Nothing: each lane reads on from where its journal says."""

    def assignment(self) -> set[TP]:
        return set() if self._kafka is None else set(ensure_TPset(self._kafka.assignment()))

    def close(self) -> None:
        """Nothing: `on_stop` closes."""

    # What Faust's base class wants to exist, and what nothing calls without tables and messages.

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        raise NotImplementedError

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109
        raise NotImplementedError

    async def _seek(self, partition: TP, offset: int) -> None:
        raise NotImplementedError

    async def seek_to_committed(self) -> Mapping[TP, int]:
        raise NotImplementedError

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        raise NotImplementedError

    async def position(self, tp: TP) -> int | None:
        raise NotImplementedError

    async def create_topic(self, topic: str, partitions: int, replication: int, **kwargs: Any) -> None:
        raise NotImplementedError

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        raise NotImplementedError

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        raise NotImplementedError

    def highwater(self, tp: TP) -> int:
        raise NotImplementedError

    def topic_partitions(self, topic: str) -> int | None:
        raise NotImplementedError

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        raise NotImplementedError

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def _to_message(self, tp: TP, record: Any) -> Any:
        raise NotImplementedError


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hands rebalances to Faust's app. Aiokafka logs what a listener raises and goes on: nothing may leave it."""

    def __init__(self, consumer: LaneConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._consumer.app.on_rebalance_start()
        await self._consumer._member.guard(self._consumer.on_partitions_revoked(ensure_TPset(revoked)))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._consumer._member.guard(self._consumer.on_assignment(assigned))


class NoTables(TableManager):  # type: ignore[misc]
    """Faust's table manager without tables: it still resumes the flow after a rebalance, but waits for nothing."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class Transport(driver.Transport):  # type: ignore[misc]
    """`faust.App(broker="baton://host:port")`."""

    Consumer = LaneConsumer
    default_port = 9092
