"""What a log holds: records, and batches of them as a processor gets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """One record of a log. Kafka's own consumer record satisfies it, so the hot path copies nothing.

    `timestamp` is the broker's append time in wall milliseconds; `Context.time` turns it into Baton's time.
    `topic` is the broker's name (with the tenant prefix); processors use `Batch.topic` instead.
    """

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class LogRecord(NamedTuple):
    """A record as plain data: what the memory engine stores and tests write."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one partition of one input topic. `topic` is the catalogue's name, without prefix."""

    topic: str
    partition: int
    records: Sequence[Record]
