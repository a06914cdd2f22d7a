"""All lanes of one group membership: made on assignment, closed on revocation, found by partition.

A lane belongs to one generation. On revocation it may finish the group it is at, for half a session; after that it is
left behind, and the fence sees to it that it does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import TopicPartition

from services.runtime import collector
from services.runtime.errors import BatonError
from services.runtime.exit_codes import ExitCode
from services.runtime.kafka.lane import Lane
from services.runtime.processor import Processor

log = structlog.get_logger(__name__)


class SplitAssignment(BatonError):
    """The inputs of one processor were given different partition numbers: a lane would see half of its keys."""

    exit_code = ExitCode.SPLIT


class Lanes:
    """`make` builds a lane; `fail` is told what ended one."""

    def __init__(
        self,
        processors: Sequence[Processor],
        name: Callable[[str], str],
        make: Callable[[Processor, int, int], Lane],
        fail: Callable[[BaseException], None],
        *,
        patience_s: float,
    ) -> None:
        self._topics = {processor.name: {name(topic): topic for topic in processor.inputs} for processor in processors}
        self._processors = processors
        self._make = make
        self._fail = fail
        self._patience_s = patience_s
        self._by_tp: dict[TopicPartition, tuple[Lane, str]] = {}
        self._tasks: dict[Lane, asyncio.Task[None]] = {}
        self.generation = -1
        self._over = False

    def __iter__(self) -> Iterator[Lane]:
        return iter(tuple(self._tasks))

    def __len__(self) -> int:
        return len(self._tasks)

    def assign(self, generation: int, partitions: Iterable[TopicPartition]) -> None:
        """Makes a lane per processor and partition number. Raises SplitAssignment when inputs do not match."""
        if self._over:
            return  # a rebalance while the worker stops: a lane would claim a journal and find the producer closed
        assigned = set(partitions)
        self.generation = generation
        for processor in self._processors:
            topics = self._topics[processor.name]
            numbers = {topic: {tp.partition for tp in assigned if tp.topic == topic} for topic in topics}
            first = next(iter(numbers.values()))
            if any(each != first for each in numbers.values()):
                raise SplitAssignment(f"{processor.name}: inputs were given different partitions: {numbers}")
            for partition in sorted(first):
                lane = self._make(processor, partition, generation)
                for topic, label in topics.items():
                    self._by_tp[TopicPartition(topic, partition)] = (lane, label)
                self._tasks[lane] = asyncio.create_task(self._run(lane), name=f"{processor.name}/{partition}")
        if self._tasks:
            collector.hold()

    async def revoke(self) -> None:
        """Closes all lanes; returns when each has ended, or was given up."""
        tasks, self._tasks = self._tasks, {}
        self._by_tp = {}
        for lane, task in tasks.items():
            lane.close()
            if not lane.tally.restored:
                task.cancel()  # nothing begun that would have to be finished
        if tasks:
            _, late = await asyncio.wait(tasks.values(), timeout=self._patience_s)
            for task in late:
                log.warning("lane given up", lane=task.get_name())
                task.cancel()
            tasks.clear()
        if not self._over:
            collector.thaw()

    async def end(self) -> None:
        """Closes all lanes as `revoke` does; none is made any more."""
        self._over = True
        await self.revoke()

    def drop(self) -> None:
        """Ends every lane where it stands."""
        for lane, task in self._tasks.items():
            lane.close()
            task.cancel()

    def deliver(self, generation: int, fetched: Mapping[TopicPartition, Any]) -> None:
        """Hands chunks to their lanes, unless they are not of the lanes' generation.

        When the member is in no generation any more, or in a later one, these lanes are over: the consumer has moved
        past records that they never saw, and a timer that believed its position would fire over a record that cancels
        it. New lanes come with the next assignment.
        """
        if generation != self.generation:
            log.warning("records of another generation dropped", generation=generation, ours=self.generation)
            if not 0 <= generation < self.generation:
                for lane in self:
                    lane.close()
            return
        for tp, records in fetched.items():
            found = self._by_tp.get(tp)
            if found is not None and records:
                found[0].offer(found[1], records)

    def restored(self) -> bool:
        """Whether every lane is restored."""
        return all(lane.tally.restored for lane in self._tasks)

    async def _run(self, lane: Lane) -> None:
        try:
            await lane.open()
            if self.restored():
                collector.settle()
            await lane.work()
        except Exception as error:  # noqa: BLE001  whatever ends a lane ends the worker
            self._fail(error)
