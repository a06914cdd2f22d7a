"""What a lane writes into its journal: one decision as a group of records, closed by a commit record (L2).

Keys start with one letter for their kind:

    s<key>              a state                     null: deleted
    t<key, name>        a timer, value = due        null: gone
    o<epoch><index>     one record of the outbox    null: tombstone of a past epoch
    c<epoch>            the commit record           null: tombstone of a past epoch
    k<epoch>            a claim, value = owner      null: tombstone of a past epoch

Every value starts with the epoch of its writer; a null value carries it in a header. So each record says by itself who
wrote it, and a late write of an earlier owner is known wherever it lands. Commit and outbox have keys of their epoch:
under one fixed key a stale commit would outlive the good one in compaction.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from services.runtime.levels import Share
from services.runtime.timers import pack_due, pack_name

STATE, TIMER, OUTBOX, COMMIT, CLAIM = b"s", b"t", b"o", b"c", b"k"
EPOCH_HEADER = "e"
_EPOCH = struct.Struct(">I")
_OUTBOX_KEY = struct.Struct(">cII")
EPOCH_BYTES = _EPOCH.size
_NO_EPOCH = _EPOCH.pack(0)
FRAME_BYTES = 32
"""Upper bound of what the log adds to one record of a group."""


class Line(NamedTuple):
    """One record of the journal."""

    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Outgoing(NamedTuple):
    """A record to publish, with its partition settled: sent again after a restart it is the same record."""

    topic: str  # the catalogue's name
    partition: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Commit(msgspec.Struct, array_like=True, frozen=True):
    """The commit record: with it the group counts, without it nothing of it does.

    `number` counts the groups of an epoch. `positions` are the next offsets to read, by input; `globals` those of the
    snapshot that judged; `read_to` the instant (Baton ms) up to which the inputs had been read for timers, else 0;
    `levels` what the lane holds of every level metric.
    """

    number: int
    outbox: int
    positions: dict[str, int]
    globals: dict[str, int]
    read_to: int = 0
    levels: Share = []


@dataclass(slots=True)
class Group:
    """State changes, timers, output records and positions that become true together."""

    states: dict[bytes, bytes | None] = field(default_factory=dict)
    timers: dict[tuple[bytes, str], int | None] = field(default_factory=dict)
    outbox: list[Outgoing] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    globals: dict[str, int] = field(default_factory=dict)
    read_to: int = 0
    levels: Share = field(default_factory=list)


def epoch_bytes(epoch: int) -> bytes:
    """An epoch as every value of it starts."""
    return _EPOCH.pack(epoch)


def epoch_of(value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> int:
    """The epoch of the writer of a record."""
    packed = value
    if packed is None:
        packed = next((content for name, content in headers if name == EPOCH_HEADER), _NO_EPOCH)
    epoch: int = _EPOCH.unpack_from(packed)[0]
    return epoch


def state_line(key: bytes, value: bytes | None, epoch: int) -> Line:
    """The record of one state."""
    return _line(STATE + key, value, epoch)


def timer_line(key: bytes, name: str, due: int | None, epoch: int) -> Line:
    """The record of one timer."""
    return _line(TIMER + pack_name(key, name), None if due is None else pack_due(due), epoch)


def claim_line(epoch: int, owner: str) -> Line:
    """The record by which an owner takes over."""
    return _line(CLAIM + _EPOCH.pack(epoch), owner.encode(), epoch)


def tombstones(keys: Iterable[bytes], epoch: int) -> Iterator[Line]:
    """Null values for raw keys, written by `epoch`."""
    mark = ((EPOCH_HEADER, _EPOCH.pack(epoch)),)
    for key in keys:
        yield Line(key, None, mark)


def encode(group: Group, *, epoch: int, number: int) -> Iterator[Line]:
    """The records of `group`, commit record last."""
    prefix = _EPOCH.pack(epoch)
    dead = ((EPOCH_HEADER, prefix),)
    for key, value in group.states.items():
        yield Line(b"s" + key, None, dead) if value is None else Line(b"s" + key, prefix + value)
    for (key, name), due in group.timers.items():
        yield timer_line(key, name, due, epoch)
    for index, record in enumerate(group.outbox):
        yield Line(_OUTBOX_KEY.pack(OUTBOX, epoch, index), prefix + msgspec.msgpack.encode(record))
    yield commit_line(
        Commit(number, len(group.outbox), group.positions, group.globals, group.read_to, group.levels), epoch
    )


def commit_line(commit: Commit, epoch: int) -> Line:
    """The commit record."""
    prefix = _EPOCH.pack(epoch)
    return Line(COMMIT + prefix, prefix + msgspec.msgpack.encode(commit))


def outbox_key(epoch: int, index: int) -> bytes:
    """The key under which record `index` of an epoch's last outbox is kept."""
    return _OUTBOX_KEY.pack(OUTBOX, epoch, index)


def read_commit(value: bytes) -> Commit:
    """The commit record in a value."""
    return msgspec.msgpack.decode(value[EPOCH_BYTES:], type=Commit)


def read_outgoing(value: bytes) -> Outgoing:
    """The output record in a value of the outbox."""
    return msgspec.msgpack.decode(value[EPOCH_BYTES:], type=Outgoing)


def _line(key: bytes, value: bytes | None, epoch: int) -> Line:
    if value is None:
        return Line(key, None, ((EPOCH_HEADER, _EPOCH.pack(epoch)),))
    return Line(key, _EPOCH.pack(epoch) + value)
