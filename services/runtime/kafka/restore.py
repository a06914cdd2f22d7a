"""Reading a journal back: a fold over its records that keeps what was committed and nothing else (L2).

Records of a group wait until its commit record; at the end of the log those still waiting are an unfinished tail. A
record whose epoch is below one seen before it was written by somebody who had lost the partition: it never counts.
Keys of both kinds are `dirty`: the log's last word on them is wrong, so the next owner writes the right one over it
before compaction can take the good record away.

Why waiting records of an earlier epoch count at the commit record of a later one: an epoch's commit record becomes a
tombstone only after its successor's is in the log, and by then the successor has written the unfinished tail anew,
further down. So what comes before a commit record, in order, is either true or corrected before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from services.runtime.kafka.group import (
    CLAIM,
    COMMIT,
    EPOCH_BYTES,
    OUTBOX,
    STATE,
    TIMER,
    Outgoing,
    epoch_bytes,
    epoch_of,
    outbox_key,
    read_commit,
    read_outgoing,
)
from services.runtime.levels import Share
from services.runtime.timers import unpack_due, unpack_name

_STATE, _TIMER, _OUTBOX, _COMMIT, _CLAIM = STATE[0], TIMER[0], OUTBOX[0], COMMIT[0], CLAIM[0]


class Raw(Protocol):
    """What the fold needs of a record."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Iterable[tuple[str, bytes]]: ...


@dataclass(slots=True)
class Restored:
    """What a journal says: the committed state, and what its next owner has to put right."""

    state: dict[bytes, bytes] = field(default_factory=dict)
    timers: dict[tuple[bytes, str], int] = field(default_factory=dict)
    outbox: list[Outgoing] = field(default_factory=list)
    outbox_lost: int = 0  # records of the last outbox that are not in the log any more: never seen, but never hidden
    positions: dict[str, int] = field(default_factory=dict)
    globals: dict[str, int] = field(default_factory=dict)
    read_to: int = 0
    levels: Share = field(default_factory=list)
    dirty_states: list[bytes] = field(default_factory=list)
    dirty_timers: list[tuple[bytes, str]] = field(default_factory=list)
    litter: list[bytes] = field(default_factory=list)  # keys of past epochs that still hold a value
    epoch: int = 0
    records: int = 0
    size: int = 0  # bytes of live keys and values


class Fold:
    """Feed it the journal from its start, in order; ask for the result when it is at the end."""

    def __init__(self) -> None:
        self.epoch = 0
        self.records = 0
        self.claims: dict[int, str] = {}
        self._current = epoch_bytes(0)
        self._committed: dict[bytes, bytes | None] = {}
        self._waiting: dict[bytes, bytes | None] = {}
        self._dirty: set[bytes] = set()
        self._marks: dict[bytes, bool] = {}
        self._positions: dict[str, int] = {}
        self._globals: dict[str, int] = {}
        self._read_to = 0
        self._levels: Share = []
        self._outbox_keys: list[bytes] = []

    def feed(self, records: Iterable[Raw]) -> None:
        """Takes records in log order."""
        waiting, current = self._waiting, self._current
        count = 0
        for record in records:
            count += 1
            key, value = record.key, record.value
            if key is None:
                continue
            if value is not None and value[:EPOCH_BYTES] == current and key[0] == _STATE:
                waiting[key] = value  # the hot path: a state of the epoch we are in
                continue
            self._one(key, value, tuple(record.headers))
            waiting, current = self._waiting, self._current
        self.records += count

    def _one(self, key: bytes, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> None:
        epoch, kind = epoch_of(value, headers), key[0]
        if epoch > self.epoch:
            self.epoch, self._current = epoch, epoch_bytes(epoch)
        fenced = epoch < self.epoch
        if kind in (_OUTBOX, _COMMIT, _CLAIM):
            self._marks[key] = value is not None
        if kind in (_STATE, _TIMER):
            if fenced:
                self._dirty.add(key)
            else:
                self._waiting[key] = value
        elif fenced or value is None:
            return
        elif kind == _OUTBOX:
            self._waiting[key] = value
        elif kind == _CLAIM:
            self.claims.setdefault(epoch, value[EPOCH_BYTES:].decode())
        elif kind == _COMMIT:
            self._commit(value, epoch)

    def _commit(self, value: bytes, epoch: int) -> None:
        commit = read_commit(value)
        self._committed.update(self._waiting)
        self._waiting = {}
        self._positions.update(commit.positions)
        self._globals.update(commit.globals)
        self._read_to = commit.read_to
        self._levels = commit.levels
        self._outbox_keys = [outbox_key(epoch, index) for index in range(commit.outbox)]

    def finish(self, *, own: frozenset[bytes] = frozenset()) -> Restored:
        """The result. `own` are keys of marks that the caller wrote itself and that are no litter."""
        boxed = [packed for key in self._outbox_keys if (packed := self._committed.get(key)) is not None]
        result = Restored(
            outbox=[read_outgoing(packed) for packed in boxed],
            outbox_lost=len(self._outbox_keys) - len(boxed),
            positions=self._positions,
            globals=self._globals,
            read_to=self._read_to,
            levels=self._levels,
            litter=[key for key, held in self._marks.items() if held and key not in own],
            epoch=self.epoch,
            records=self.records,
        )
        for key in self._dirty.union(self._waiting):
            if key[0] == _STATE:
                result.dirty_states.append(key[1:])
            elif key[0] == _TIMER:
                result.dirty_timers.append(unpack_name(key[1:]))
        state, timers = result.state, result.timers
        while self._committed:
            key, value = self._committed.popitem()
            if value is None:
                continue
            result.size += len(key) + len(value)
            if key[0] == _STATE:
                state[key[1:]] = value[EPOCH_BYTES:]
            elif key[0] == _TIMER:
                timers[unpack_name(key[1:])] = unpack_due(value[EPOCH_BYTES:])
        return result
