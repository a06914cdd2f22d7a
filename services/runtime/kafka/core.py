"""What both Kafka engines share: producer, reader, globals, lanes, and how a worker starts, fails and ends."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from baton_schemas.catalogue import TOPICS, Topic
from services.runtime.clock import Clock, SystemClock
from services.runtime.decide import Limits
from services.runtime.effects import Observation
from services.runtime.errors import Transient, UserError
from services.runtime.kafka import admin
from services.runtime.kafka.commit_step import JournalThenOutputs
from services.runtime.kafka.connection import broker_name, connection
from services.runtime.kafka.floor import Floor
from services.runtime.kafka.globals_reader import GlobalsReader
from services.runtime.kafka.intake import Intake
from services.runtime.kafka.journal import Journal, JournalTools
from services.runtime.kafka.lane import Lane
from services.runtime.kafka.lanes import Lanes
from services.runtime.kafka.outputs import Outputs, Turns
from services.runtime.kafka.reader import LogReader
from services.runtime.kafka.reconnect import paced
from services.runtime.kafka.surroundings import LaneLimits, Surroundings
from services.runtime.processor import Globals, Processor
from services.runtime.progress import Progress
from services.runtime.settings import Settings
from services.runtime.skips import with_skips
from services.runtime.tracebacks import message

log = structlog.get_logger(__name__)

MAX_STATE = 900_000
COMPRESSION = "zstd"
"""Of journal and outputs. States of one group are alike: zstd makes them a third smaller than lz4 does, in a third of
the time, since the client has lz4 search as hard as it can (level 9) and zstd at its middle."""
Observe = Callable[[Sequence[Observation]], None]


class Member(Protocol):
    """One membership in one group: what the two engines differ in."""

    async def start(self) -> None: ...

    async def stop(self) -> None:
        """Closes the lanes, commits, leaves the group."""
        ...


class Core:
    """A worker: `start`, then wait until `stopped`, then `stop`. `error` says what ended it, if anything did."""

    def __init__(
        self,
        service: str,
        processors: Sequence[Processor],
        settings: Settings,
        *,
        clock: Clock | None = None,
        observe: Observe = lambda _: None,
        topics: Mapping[str, Topic] = TOPICS,
    ) -> None:
        self.service = service
        self.settings = settings
        self.clock = clock or SystemClock(settings.scale)
        self.observe = observe
        self.error: BaseException | None = None
        self.stopped = asyncio.Event()
        self.processors = processors
        self._declared = topics
        self._topics = admin.all_topics(topics)
        self._parameters = connection(settings)
        self._members: list[Member] = []
        self._lanes: list[Lanes] = []
        self._turns = Turns()
        self._resources = AsyncExitStack()
        self._started = False
        self._connected = False
        self._globals_read = False
        self._snapshot: Callable[[], Globals] = Globals
        self._limits = LaneLimits(
            batch=settings.max_batch,
            batch_bytes=settings.max_batch_bytes,
            queue=settings.lane_queue,
            hold_s=settings.max_hold_ms / 1000,
            patience_s=settings.session_timeout_ms / 2000,
        )
        for processor in processors:
            self._check(processor)

    async def start(self, make: Callable[[Core, str, Sequence[Processor], Lanes], Member]) -> None:
        """Connects, reads the globals whole, joins. Raises UserError (topics) or Transient (broker)."""
        await admin.require(self.settings, self._needed())
        patience = self._limits.patience_s
        self._producer, self._teller = self._new_producer(), self._new_producer()
        client = f"{self.service}-{socket.gethostname()}-{os.getpid()}"
        self._reader = LogReader(self._parameters, client_id=client, patience_s=patience)
        wanted = (topic for processor in self.processors for topic in processor.globals)
        names = with_skips(wanted, self._declared)
        self._globals = GlobalsReader(self._parameters, names, self.name, on_change=self._poke)
        self._snapshot = lambda: self._globals.snapshot
        for part in (self._producer, self._teller, self._reader, self._globals):
            self._resources.push_async_callback(_closed, part.stop)
        try:
            await self._producer.start()
            await self._teller.start()
            await self._reader.start()
        except KafkaError as error:
            raise Transient(f"no broker at {self.settings.kafka}: {error}") from error
        self._connected = True
        await self._globals.start(max(patience, 30.0))
        self._globals_read = True
        self._background(self._globals.follow())
        self._tools = JournalTools(self._producer, self._reader, f"{client}-{uuid.uuid4().hex[:8]}", patience)
        self._around = self._surroundings()
        for group, share in self._shares():
            member = self._member(group, share, make)
            self._members.append(member)
            await member.start()
        self._started = True

    def fail(self, error: BaseException) -> None:
        """Ends the worker because of `error`; the first one counts."""
        if self.error is None:
            self.error = error
            log.error("worker ends", service=self.service, error=message(error))
        self.stopped.set()

    def ask_to_stop(self) -> None:
        """Lets the worker end in good order."""
        self.stopped.set()

    async def stop(self) -> None:
        """Lanes finish the group they are at, offsets are committed, groups left, connections closed."""
        for member in self._members:
            await _closed(member.stop)
        await self._resources.aclose()

    def drop(self) -> None:
        """Ends every lane where it stands: nothing more is written, told or committed. For tests of a crash."""
        for lanes in self._lanes:
            lanes.drop()

    def is_idle(self) -> bool:
        """Whether no lane has anything in hand or due."""
        return all(lane.idle and not lane.is_due() for lanes in self._lanes for lane in lanes)

    def name(self, topic: str) -> str:
        """The broker's name of a catalogue topic."""
        return broker_name(self.settings, topic)

    def progress(self) -> Progress:
        """How the worker is getting on, now."""
        lanes = [lane for each in self._lanes for lane in each]
        tallies = [(lane, lane.tally) for lane in lanes]
        return Progress(
            lanes=len(tallies),
            restored=sum(tally.restored for _, tally in tallies),
            idle=self.is_idle(),
            ready=self._started and all(tally.restored for _, tally in tallies),
            records=sum(tally.records for _, tally in tallies),
            timers=sum(len(lane.timers) for lane, _ in tallies),
            keys=sum(len(lane.state) for lane, _ in tallies),
            last_progress=max((tally.last_progress for _, tally in tallies), default=0.0),
            positions={
                (lane.inputs[topic].topic, lane.partition): position
                for lane, tally in tallies
                for topic, position in tally.positions.items()
            },
            connected=self._connected,
            globals_read=self._globals_read,
            assigned=self._partitions(lanes) if any(each.generation >= 0 for each in self._lanes) else None,
            restoring=self._partitions(lane for lane in lanes if not lane.tally.restored),
        )

    @staticmethod
    def _partitions(lanes: Iterable[Lane]) -> frozenset[tuple[str, int]]:
        return frozenset((tp.topic, tp.partition) for lane in lanes for tp in lane.inputs.values())

    async def lag(self) -> dict[tuple[str, int], int]:
        """Records between what is done and the end of the log, by broker topic and partition; asks the broker."""
        positions = self.progress().positions
        ends = await self._reader.offsets([TopicPartition(*where) for where in positions], -1)
        return {(tp.topic, tp.partition): end - positions[tp.topic, tp.partition] for tp, end in ends.items()}

    @property
    def globals(self) -> Globals:
        """The latest snapshot of the topics that are read whole; empty before they were read."""
        return self._snapshot()

    @property
    def bulk(self) -> frozenset[str]:
        """The broker's names of the inputs that give way to the others."""
        inputs = {topic for processor in self.processors for topic in processor.inputs}
        return frozenset(self.name(topic) for topic in inputs if self._declared[topic].bulk)

    def groups(self) -> dict[str, dict[str, str]]:
        """The consumer groups of this worker, each with its inputs: the broker's name and the catalogue's."""
        return {
            group: {self.name(topic): topic for processor in share for topic in processor.inputs}
            for group, share in self._shares()
        }

    def _shares(self) -> list[tuple[str, list[Processor]]]:
        return [
            (broker_name(self.settings, self.service if not index else f"{self.service}-{index + 1}"), share)
            for index, share in enumerate(arrange(self.processors))
        ]

    def _member(
        self,
        group: str,
        processors: Sequence[Processor],
        make: Callable[[Core, str, Sequence[Processor], Lanes], Member],
    ) -> Member:
        feeds: list[Intake] = []
        lanes = Lanes(
            processors,
            self.name,
            lambda processor, partition, generation: self._lane(processor, partition, generation, feeds[0]),
            self.fail,
            patience_s=self._limits.patience_s,
        )
        self._lanes.append(lanes)
        member = make(self, group, processors, lanes)
        feeds.append(member.intake)  # type: ignore[attr-defined]
        return member

    def _lane(self, processor: Processor, partition: int, generation: int, feed: Intake) -> Lane:
        tp = TopicPartition(self.name(admin.journal_topic(processor)), partition)
        step = JournalThenOutputs(
            Journal(tp, generation, self._tools),
            Outputs(self._teller, self.name, self._limits.patience_s, self._turns),
            lambda kind, count: self.observe([Observation("baton_journal_conflicts_total", count, (kind,))]),
        )
        return Lane(processor, partition, generation, step, feed, self._around)

    def _surroundings(self) -> Surroundings:
        topics = self._topics
        return Surroundings(
            bulk=frozenset(topic for topic, declared in topics.items() if declared.bulk),
            clock=self.clock,
            reader=self._reader,
            globals=self._globals,
            limits=self._limits,
            sizes=Limits(lambda topic: topics[topic].max_message_bytes, MAX_STATE),
            name=self.name,
            partitions=lambda topic: admin.partitions_of(topics[topic], self.settings),
            observe=self.observe,
            floor=Floor(),
        )

    def _new_producer(self) -> Any:
        """One for the journals and one for the outputs: a client has one request under way to a broker, and what is
        told would wait for what is being written down."""
        return paced(
            AIOKafkaProducer(
                enable_idempotence=True,
                acks="all",
                linger_ms=0,
                compression_type=COMPRESSION,
                max_batch_size=self.settings.journal_batch_bytes,
                max_request_size=64 << 20,
                request_timeout_ms=self.settings.session_timeout_ms,
                **self._parameters,
            )
        )

    def _needed(self) -> list[admin.TopicPlan]:
        used = {
            topic: self._declared[topic]
            for processor in self.processors
            for topic in with_skips((*processor.inputs, *processor.outputs, *processor.globals), self._declared)
        }
        return admin.plan(self.settings, used, self.processors)

    def _check(self, processor: Processor) -> None:
        for topic in (*processor.inputs, *processor.outputs, *processor.globals):
            if topic not in self._declared:
                raise UserError(f"{processor.name}: topic {topic}: not in the catalogue", fix="declare it")
        for topic in processor.inputs:
            if self._declared[topic].partitions is not None:
                raise UserError(f"{processor.name}: input {topic}: not partitioned", fix="name it in globals")

    def _background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._background_done)

        async def cancel() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._resources.push_async_callback(cancel)

    def _background_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def _poke(self) -> None:
        for lanes in self._lanes:
            for lane in lanes:
                lane.poke()


async def _closed(stop: Callable[[], Awaitable[object]]) -> None:
    """Awaits the end of a part, whatever it says: the worker ends, and its exit code is that of what ended it.

    Without a broker, aiokafka lets the cancellation of a task of its own escape; only ours may pass.
    """
    try:
        await stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
    except Exception as error:  # noqa: BLE001
        log.warning("did not close in good order", error=message(error))


def arrange(processors: Sequence[Processor]) -> list[list[Processor]]:
    """Processors that can share a group: none of them reads a topic of another."""
    groups: list[list[Processor]] = []
    for processor in processors:
        for group in groups:
            if not any(set(processor.inputs) & set(other.inputs) for other in group):
                group.append(processor)
                break
        else:
            groups.append([processor])
    return groups
