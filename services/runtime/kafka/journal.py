"""The journal of one lane: claim, append, read back. The only writer of what a restart believes (L2, L5).

A group is written as one RecordBatch or several, the commit record last. After every acknowledgement the base offset is
compared with the next one expected: if somebody else wrote in between, the fence decides who goes (`fence.py`). That
happens before any output is sent, so a worker that lost its partition tells nobody anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from services.runtime.errors import Fenced, Transient
from services.runtime.kafka import faults
from services.runtime.kafka.batches import new_batch
from services.runtime.kafka.fence import Gap, judge
from services.runtime.kafka.group import (
    CLAIM,
    Commit,
    Group,
    Line,
    claim_line,
    commit_line,
    encode,
    epoch_bytes,
    state_line,
    timer_line,
    tombstones,
)
from services.runtime.kafka.reader import EARLIEST, LATEST, LogReader
from services.runtime.kafka.restore import Fold, Restored
from services.runtime.state import State

UNKNOWN_OFFSET = -1


@dataclass(frozen=True, slots=True)
class JournalTools:
    """What the journals of a process share. `producer` is idempotent, acks=all, with room for large batches."""

    producer: Any
    reader: LogReader
    owner: str
    patience_s: float


class Journal:
    """One partition of one processor's journal topic. First `open`, then `append`, one call at a time."""

    def __init__(self, tp: TopicPartition, generation: int, tools: JournalTools) -> None:
        self.tp = tp
        self.epoch = generation
        self._tools = tools
        self._commit = Commit(0, 0, {}, {})
        self._next = 0

    async def open(self) -> Restored:
        """Restores, claims, and reads on to the own claim; then closes what an earlier owner left open.

        Raises Fenced when a later owner is in the log already, Transient when the broker is not there.
        """
        fold, reader = Fold(), self._tools.reader
        begin = (await reader.offsets([self.tp], EARLIEST))[self.tp]
        end = await self._end()
        await self._feed(fold, begin, end)
        faults.point("in_restore", str(self.tp.partition))
        self.epoch = max(self.epoch, fold.epoch + 1)
        claimed = await self._claim(fold, end)
        faults.point("after_claim", str(self.tp.partition))
        self._next = claimed
        restored = fold.finish(own=frozenset((CLAIM + epoch_bytes(self.epoch),)))
        last = Group(
            outbox=restored.outbox,
            positions=restored.positions,
            globals=restored.globals,
            read_to=restored.read_to,
            levels=restored.levels,
        )
        due_of = restored.timers.get
        gap = Gap(set(restored.dirty_states), set(restored.dirty_timers))
        lines = [state_line(key, restored.state.get(key), self.epoch) for key in sorted(gap.states)]
        lines += [timer_line(key, name, due_of((key, name)), self.epoch) for key, name in sorted(gap.timers)]
        self._commit = Commit(1, len(last.outbox), last.positions, last.globals, last.read_to, last.levels)
        gap = await self._write([*lines, *encode(last, epoch=self.epoch, number=1)])
        if restored.litter:
            gap |= await self._write(tombstones(restored.litter, self.epoch))
        while gap:
            gap = await self.heal(gap, restored.state, lambda key, name: due_of((key, name)))
        return restored

    async def append(self, group: Group) -> Gap:
        """Writes `group`. When this returns it is committed, and we were the owner when it was written.

        The answer is what an earlier owner overwrote meanwhile: `heal` it before anything else is appended. Raises
        Fenced, or Transient when the broker did not acknowledge in time: then nobody knows, and only a restart may ask.
        """
        self._commit = Commit(
            self._commit.number + 1, len(group.outbox), group.positions, group.globals, group.read_to, group.levels
        )
        return await self._write(encode(group, epoch=self.epoch, number=self._commit.number))

    async def heal(self, gap: Gap, state: State, due_of: Callable[[bytes, str], int | None]) -> Gap:
        """Writes the right values over what `gap` names, before compaction can take them for the last word.

        The commit record is written again after them, unchanged but for its number: values without one never count.
        """
        lines = [state_line(key, state.get(key), self.epoch) for key in sorted(gap.states)]
        lines += [timer_line(key, name, due_of(key, name), self.epoch) for key, name in sorted(gap.timers)]
        self._commit = msgspec.structs.replace(self._commit, number=self._commit.number + 1)
        lines += [commit_line(self._commit, self.epoch), *tombstones(sorted(gap.litter), self.epoch)]
        return await self._write(lines)

    async def _feed(self, fold: Fold, start: int, end: int) -> None:
        async for part in self._tools.reader.read(self.tp, start, end):
            fold.feed(part.records)
            await asyncio.sleep(0)

    async def _claim(self, fold: Fold, end: int) -> int:
        """Appends the claim and reads up to it. The answer is the offset that follows it."""
        (batch,) = self._batches([claim_line(self.epoch, self._tools.owner)])
        base = await self._send(batch)
        own_end = base + 1 if base != UNKNOWN_OFFSET else await self._end()
        await self._feed(fold, end, own_end)
        if fold.epoch > self.epoch or fold.claims.get(self.epoch) != self._tools.owner:
            raise Fenced(f"{self.tp.topic}/{self.tp.partition}: epoch {fold.epoch} is claimed by another worker")
        return own_end

    async def _write(self, lines: Iterable[Line]) -> Gap:
        found = Gap()
        batches = self._batches(lines)
        for index, batch in enumerate(batches):
            if index:
                faults.point("between_journal_batches", str(self.tp.partition))
                if index == len(batches) - 1:
                    faults.point("before_commit_record", str(self.tp.partition))
            base = await self._send(batch)
            if base == self._next:
                self._next += batch.record_count()
            else:
                found |= await self._judge(base, batch.record_count())
        return found

    async def _judge(self, base: int, count: int) -> Gap:
        """Reads what stands between our last record and `base`; with an unknown base, all that follows our last."""
        reader, start = self._tools.reader, self._next
        end = base if base != UNKNOWN_OFFSET else await self._end()
        if end < start:
            raise Fenced(f"{self.tp.topic}/{self.tp.partition}: the journal ends before what was acknowledged")
        records: list[Any] = []
        async for part in reader.read(self.tp, start, end):
            records.extend(part.records)
        gap = judge(records, epoch=self.epoch, owner=self._tools.owner)
        self._next = end if base == UNKNOWN_OFFSET else base + count
        return gap

    async def _end(self) -> int:
        return (await self._tools.reader.offsets([self.tp], LATEST))[self.tp]

    def _batches(self, lines: Iterable[Line]) -> list[Any]:
        producer, lines = self._tools.producer, list(lines)
        size = sum([len(key) + len(value or b"") for key, value, _ in lines])
        batch = new_batch(producer, size)
        batches = [batch]
        for key, value, headers in lines:
            marks = list(headers)  # the builder takes nothing but a list
            if batch.append(timestamp=None, key=key, value=value, headers=marks) is None:
                batch = new_batch(producer, size)
                batches.append(batch)
                batch.append(timestamp=None, key=key, value=value, headers=marks)
        batch.close()
        return batches

    async def _send(self, batch: Any) -> int:
        """The base offset that the broker gave the batch."""
        try:
            async with asyncio.timeout(self._tools.patience_s):
                sent = await self._tools.producer.send_batch(batch, self.tp.topic, partition=self.tp.partition)
                offset: int = (await sent).offset
                return offset
        except TimeoutError as error:
            raise Transient(f"{self.tp.topic}/{self.tp.partition}: not acknowledged in time") from error
        except KafkaError as error:
            raise Transient(f"{self.tp.topic}/{self.tp.partition}: {error}") from error
