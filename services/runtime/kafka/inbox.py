"""What waits in one lane: chunks of records by input, taken fairly, and proof that none is missing.

A chunk has to start where the last one ended. One that starts higher is refused once and read again from the lane's own
position: records lost on the way then turn up, and a hole that compaction or retention left is believed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Literal

from services.runtime.record import Record

Verdict = Literal["taken", "refused", "hole"]


class Inbox:
    """Queues of one lane. `capacity` is the number of chunks per input after which it asks for no more."""

    def __init__(self, inputs: Sequence[str], capacity: int) -> None:
        self._capacity = capacity
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
        return verdict

    def has_room(self, topic: str) -> bool:
        """Whether the input may deliver more."""
        return len(self._chunks[topic]) < self._capacity

    def wants(self, topic: str) -> bool:
        """Whether an input that was told to wait should go on: half of its room is free."""
        return len(self._chunks[topic]) <= self._capacity // 2

    def is_empty(self, topic: str) -> bool:
        """Whether nothing of the input waits."""
        return not self._waiting[topic]

    def __bool__(self) -> bool:
        return any(self._waiting.values())

    def waiting(self) -> list[str]:
        """The inputs that have something, the one with least first: nobody starves if each is cut once in a round."""
        return [topic for _, topic in sorted((count, topic) for topic, count in self._waiting.items() if count)]

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
