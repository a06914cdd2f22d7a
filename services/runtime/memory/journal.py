"""The journal of one lane: what was decided, in groups that count only once their commit record is there (L2).

The same rules as on Kafka, where a group may be torn and an abandoned tail stays in the topic:

- a group is state changes, timers and the outbox, closed by a commit record with positions and offsets;
- restoring applies everything up to the last commit record, in order, and nothing after it;
- what lies after it is an unfinished tail of a dead owner. It would count once a later group commits, so the next
  owner's first group writes the restored values of its keys again;
- outbox entries carry the epoch of their owner and a number below the commit record's count, so neither a tail nor
  what compaction left over is taken for the last outbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

from services.runtime.effects import Send


class Kind(IntEnum):
    """What an entry is about; the key's type follows from it."""

    CLAIM = 0
    """key None, value: epoch"""
    STATE = 1
    """key: state key, value: packed bytes or None"""
    TIMER = 2
    """key: (state key, name), value: due or None"""
    OUTBOX = 3
    """key: (epoch, number), value: Send"""
    COMMIT = 4
    """key None, value: Commit"""


class Entry(NamedTuple):
    """One journal record."""

    kind: Kind
    key: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Commit:
    """Closes a group: where reading goes on, what the decisions knew, how much is to be told."""

    epoch: int = 0
    positions: Mapping[str, int] = field(default_factory=dict)
    globals: Mapping[str, int] = field(default_factory=dict)
    read_to: int = 0
    outgoing: int = 0


@dataclass(slots=True)
class Restored:
    """A lane as its journal has it. `torn` are the keys of an unfinished tail, to be written again."""

    states: dict[bytes, bytes] = field(default_factory=dict)
    timers: dict[tuple[bytes, str], int] = field(default_factory=dict)
    commit: Commit = Commit()
    outbox: tuple[Send, ...] = ()
    torn: list[tuple[Kind, Any]] = field(default_factory=list)
    epoch: int = 0

    def mended(self) -> list[Entry]:
        """Entries that give the keys of the tail their restored values back."""
        kept: dict[Kind, Mapping[Any, Any]] = {Kind.STATE: self.states, Kind.TIMER: self.timers}
        return [Entry(kind, key, kept[kind].get(key)) for kind, key in dict.fromkeys(self.torn)]


class Journal:
    """An append-only list of entries that may drop what is superseded."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._compact_at = 10_000

    def append(self, entries: Iterable[Entry]) -> None:
        """Writes entries, in order."""
        self.entries.extend(entries)

    def commit(self, commit: Commit) -> None:
        """Closes the group. The superseded are dropped now and then, at a cost that stays constant per entry."""
        self.entries.append(Entry(Kind.COMMIT, None, commit))
        if len(self.entries) >= self._compact_at:
            self.compact()
            self._compact_at = 2 * len(self.entries) + 10_000

    def compact(self) -> None:
        """Keeps the last entry of each key up to the last commit record; a tail is left alone, as on Kafka."""
        last: dict[tuple[Kind, Any], int] = {}
        end = self._committed_end()
        for index, entry in enumerate(self.entries[:end]):
            last[entry.kind, entry.key] = index
        kept = [self.entries[index] for index in sorted(last.values())]
        self.entries = kept + self.entries[end:]

    def restore(self) -> Restored:
        """Everything up to the last commit record."""
        restored = Restored()
        pending: list[Entry] = []
        for entry in self.entries:
            if entry.kind is Kind.CLAIM:
                restored.epoch = max(restored.epoch, entry.value)
            elif entry.kind is Kind.COMMIT:
                _apply(restored, pending, entry.value)
                pending.clear()
            else:
                pending.append(entry)
        restored.torn = [(entry.kind, entry.key) for entry in pending if entry.kind is not Kind.OUTBOX]
        return restored

    def _committed_end(self) -> int:
        for index in range(len(self.entries), 0, -1):
            if self.entries[index - 1].kind is Kind.COMMIT:
                return index
        return 0


def _apply(restored: Restored, pending: list[Entry], commit: Commit) -> None:
    outbox: dict[int, Send] = {}
    kept: dict[Kind, dict[Any, Any]] = {Kind.STATE: restored.states, Kind.TIMER: restored.timers}
    for kind, key, value in pending:
        if kind is Kind.OUTBOX:
            epoch, number = key
            if epoch == commit.epoch and number < commit.outgoing:
                outbox[number] = value
        elif value is None:
            kept[kind].pop(key, None)
        else:
            kept[kind][key] = value
    restored.commit = commit
    restored.outbox = tuple(outbox[number] for number in sorted(outbox))
