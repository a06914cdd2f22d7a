"""A journal as its definition reads: folded from the topic's records alone, by none of the engine's code.

Every value starts with its writer's epoch (four bytes, big-endian), a null value has it in the header `e`. The first
letter of a key is the kind: `s` state, `t` timer, `o` outbox, `c` commit, `k` claim. A record of an epoch below one
seen before never counts. What counts waits for the next commit record; what still waits at the end is a tail.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from services.runtime.record import LogRecord


class Promise(NamedTuple):
    """A record that a committed group said would be told."""

    topic: str
    partition: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(slots=True)
class JournalView:
    """One partition of a journal. `groups` are the outboxes of the committed groups that are still in the log."""

    states: dict[bytes, bytes] = field(default_factory=dict)
    timers: dict[tuple[bytes, str], int] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    groups: list[list[Promise]] = field(default_factory=list)
    tail: list[bytes] = field(default_factory=list)
    tombstones: list[bytes] = field(default_factory=list)
    claims: list[int] = field(default_factory=list)
    late: list[bytes] = field(default_factory=list)  # keys written by an owner that had lost the partition
    epoch: int = 0

    @property
    def promises(self) -> list[Promise]:
        return [promise for group in self.groups for promise in group]


def fold(records: Iterable[LogRecord]) -> JournalView:
    """What `records`, in the log's order, come to."""
    view = JournalView()
    waiting: dict[bytes, bytes | None] = {}
    for record in records:
        key, value = record.key or b"", record.value
        mark = value if value is not None else dict(record.headers)["e"]
        epoch, kind = int.from_bytes(mark[:4], "big"), key[:1]
        if value is None:
            view.tombstones.append(key)
        if epoch < view.epoch:
            if kind in b"st" or value is not None:
                view.late.append(key)
            continue
        view.epoch = epoch
        content = None if value is None else value[4:]
        if kind in (b"s", b"t") or (kind == b"o" and content is not None):
            waiting.pop(key, None)
            waiting[key] = content
        elif kind == b"k" and content is not None:
            view.claims.append(epoch)
        elif kind == b"c" and content is not None:
            _, boxed, positions, *_ = msgspec.msgpack.decode(content)
            _commit(view, waiting, boxed, positions, epoch)
            waiting = {}
    view.tail = list(waiting)
    return view


def _commit(view: JournalView, waiting: dict[bytes, bytes | None], boxed: int, positions: Any, epoch: int) -> None:
    outbox: dict[int, Promise] = {}
    for key, content in waiting.items():
        kind, rest = key[:1], key[1:]
        if kind == b"s":
            _put(view.states, rest, content)
        elif kind == b"t":
            length = int.from_bytes(rest[:4], "big")
            due = None if content is None else int.from_bytes(content, "big", signed=True)
            _put(view.timers, (rest[4 : 4 + length], rest[4 + length :].decode()), due)
        elif int.from_bytes(rest[:4], "big") == epoch and content is not None:
            topic, partition, target, value, headers = msgspec.msgpack.decode(content)
            marks = tuple((name, packed) for name, packed in headers)
            outbox[int.from_bytes(rest[4:], "big")] = Promise(topic, partition, target, value, marks)
    view.positions.update(positions)
    view.groups.append([outbox[index] for index in range(boxed) if index in outbox])


def _put(table: dict[Any, Any], key: Any, value: Any) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value
