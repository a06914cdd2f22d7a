"""The commit step of a lane: decide once, then tell (L2). Lanes know this interface and nothing beneath it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from services.runtime.kafka import faults
from services.runtime.kafka.group import Group, Outgoing
from services.runtime.kafka.journal import Journal
from services.runtime.kafka.outputs import Outputs
from services.runtime.kafka.restore import Restored
from services.runtime.state import State


class CommitStep(Protocol):
    """How a group becomes durable and its outputs are told. One call at a time."""

    async def open(self) -> Restored:
        """Makes this the only owner and answers with what was committed; its outbox is told again."""
        ...

    async def commit(self, group: Group, state: State, due_of: Callable[[bytes, str], int | None]) -> None:
        """When this returns, the group is durable and all of its outbox is on the log.

        `state` and `due_of` are the lane's, the group's changes applied. Raises Fenced or Transient: then the lane is
        over, and a restart finds out what became of the group.
        """
        ...


class JournalThenOutputs:
    """The journal first, the fence, then the outputs; the offset is the caller's."""

    def __init__(self, journal: Journal, outputs: Outputs, observe: Callable[[str, float], None]) -> None:
        self._journal = journal
        self._outputs = outputs
        self._observe = observe

    async def open(self) -> Restored:
        restored = await self._journal.open()
        await self._tell(restored.outbox)
        return restored

    async def commit(self, group: Group, state: State, due_of: Callable[[bytes, str], int | None]) -> None:
        gap = await self._journal.append(group)
        while gap:
            self._observe("healed", len(gap.states) + len(gap.timers) + len(gap.litter))
            gap = await self._journal.heal(gap, state, due_of)
        faults.point("between_journal_and_outputs", str(self._journal.tp.partition))
        await self._tell(group.outbox)
        faults.point("between_outputs_and_offset", str(self._journal.tp.partition))

    async def _tell(self, outbox: Sequence[Outgoing]) -> None:
        await self._outputs.send(outbox)
