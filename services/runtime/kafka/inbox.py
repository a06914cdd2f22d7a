"""What waits in one lane: chunks of records by input, taken fairly, and proof that none is missing.

A chunk has to start where the last one ended. One that starts higher is refused once and read again from the lane's own
position: records lost on the way then turn up, and a hole that compaction or retention left is believed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from services.runtime.record import Record

Verdict = Literal["taken", "refused", "hole"]


class Inbox:
    """Queues of one lane. `capacity` is the number of chunks per input after which it asks for no more; of a `bulk`
    input one is enough, and it does not count as something that waits."""

    def __init__(self, inputs: Sequence[str], capacity: int, bulk: Collection[str] = ()) -> None:
        self._capacity = capacity
        self._bulk = tuple(topic for topic in inputs if topic in bulk)
        self._live = tuple(topic for topic in inputs if topic not in bulk)
        self._newest: dict[str, int] = {}
        self._chunks: dict[str, deque[Sequence[Record]]] = {topic: deque() for topic in inputs}
        self._start: dict[str, int] = dict.fromkeys(inputs, 0)  # index of the next record in the first chunk
        self._waiting: dict[str, int] = dict.fromkeys(inputs, 0)
        self._next: dict[str, int] = {}
        self._fresh: set[str] = set()

    def expect(self, positions: Mapping[str, int]) -> None:
        """The next chunk of each topic was asked for at exactly this position."""
        self._next.update(positions)
        self._fresh.update(positions)

    def expected(self, topic: str) -> int:
        """The offset that the next chunk has to start with."""
        return self._next[topic]

    def offer(self, topic: str, records: Sequence[Record]) -> Verdict:
        """Takes a chunk. `refused`: read again from `expected(topic)`. `hole`: taken, but offsets are missing."""
        following, first = self._next[topic], records[0].offset
        verdict: Verdict = "taken"
        if first > following:
            if topic not in self._fresh:
                return "refused"
            verdict = "hole"
        elif first < following:
            records = records[bisect_left(records, following, key=_offset) :]
        self._fresh.discard(topic)
        if records:
            self._chunks[topic].append(records)
            self._waiting[topic] += len(records)
            self._next[topic] = records[-1].offset + 1
            self._newest[topic] = records[-1].timestamp
        return verdict

    def oldest(self, topic: str) -> int | None:
        """When the first record that waits came into the log (wall ms)."""
        chunks = self._chunks[topic]
        return chunks[0][self._start[topic]].timestamp if chunks else None

    def newest(self, topic: str) -> int | None:
        """When the last record that was delivered came into the log (wall ms), whether it waits or not."""
        return self._newest.get(topic)

    def has_room(self, topic: str) -> bool:
        """Whether the input may deliver more."""
        return len(self._chunks[topic]) < (1 if topic in self._bulk else self._capacity)

    def wants(self, topic: str) -> bool:
        """Whether an input that was told to wait should go on: half of its room is free."""
        return len(self._chunks[topic]) <= (0 if topic in self._bulk else self._capacity // 2)

    def is_empty(self, topic: str) -> bool:
        """Whether nothing of the input waits."""
        return not self._waiting[topic]

    def __bool__(self) -> bool:
        return any(self._waiting[topic] for topic in self._live)

    def waiting(self) -> list[str]:
        """The inputs that have something, the one with least first: nobody starves if each is cut once in a round."""
        return sorted(
            (topic for topic in self._live if self._waiting[topic]), key=lambda topic: (self._waiting[topic], topic)
        )

    def waiting_bulk(self) -> str | None:
        """A bulk input that has something."""
        return next((topic for topic in self._bulk if self._waiting[topic]), None)

    def cut(self, topic: str, most: int, most_bytes: int) -> Sequence[Record]:
        """The next batch of an input that has something: at least one record."""
        chunks, start = self._chunks[topic], self._start[topic]
        chunk = chunks[0]
        batch = chunk if not start and len(chunk) <= most else chunk[start : start + most]
        sizes = [len(record.value) if record.value is not None else 0 for record in batch]
        if sum(sizes) > most_bytes:
            batch = batch[: _fitting(sizes, most_bytes)]
        start += len(batch)
        if start == len(chunk):
            chunks.popleft()
            start = 0
        self._start[topic] = start
        self._waiting[topic] -= len(batch)
        return batch


def _fitting(sizes: Sequence[int], most: int) -> int:
    """How many records fit, at least one."""
    total = 0
    for index, size in enumerate(sizes):
        total += size
        if total > most:
            return max(index, 1)
    return len(sizes)


def _offset(record: Record) -> int:
    return record.offset
