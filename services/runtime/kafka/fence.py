"""The fence: what records of others between two of our own say about who owns the journal.

A lane's journal offsets are contiguous while nobody else writes. The acknowledgement of a write proves nothing; its
offset does. Whoever finds a gap reads it and asks here, before any output is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.runtime.errors import Fenced
from services.runtime.kafka.group import CLAIM, COMMIT, EPOCH_BYTES, OUTBOX, STATE, TIMER, epoch_of
from services.runtime.kafka.restore import Raw
from services.runtime.timers import unpack_name


@dataclass(slots=True)
class Gap:
    """What an earlier owner overwrote: to be written again as it should be; `litter` are its marks, to be removed."""

    states: set[bytes] = field(default_factory=set)
    timers: set[tuple[bytes, str]] = field(default_factory=set)
    litter: set[bytes] = field(default_factory=set)

    def __ior__(self, other: Gap) -> Gap:
        self.states |= other.states
        self.timers |= other.timers
        self.litter |= other.litter
        return self

    def __bool__(self) -> bool:
        return bool(self.states or self.timers or self.litter)


def judge(records: Iterable[Raw], *, epoch: int, owner: str) -> Gap:
    """Reads a gap in the journal of `owner`, who writes as `epoch`.

    Raises Fenced when a later epoch is in it. An equal epoch under another name came later and has to give way.
    """
    gap = Gap()
    for record in records:
        key, value = record.key, record.value
        if key is None:
            continue
        writer, kind = epoch_of(value, tuple(record.headers)), key[:1]
        if writer > epoch:
            raise Fenced(f"epoch {writer} writes this journal, ours is {epoch}")
        if writer == epoch and not (kind == CLAIM and value is not None and value[EPOCH_BYTES:] != owner.encode()):
            continue  # our own
        if kind == STATE:
            gap.states.add(key[1:])
        elif kind == TIMER:
            gap.timers.add(unpack_name(key[1:]))
        elif kind in (OUTBOX, COMMIT, CLAIM) and value is not None and writer < epoch:
            gap.litter.add(key)
    return gap
