"""Takes one safeguard out of a worker, so that the fault suite can show that it would notice.

    without.fence()    a write of another owner between our own goes unnoticed
    without.claim()    an owner starts from what it restored, and says so to nobody
    without.stamp()    records are given the generation of before their fetch, and lanes take what they get

Called by the program of a test's worker before it starts the engine; the product has no switch for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition

from services.runtime.kafka import journal
from services.runtime.kafka.fence import Gap
from services.runtime.kafka.inbox import Inbox, Verdict
from services.runtime.kafka.intake import Intake
from services.runtime.kafka.journal import Journal
from services.runtime.kafka.restore import Fold
from services.runtime.record import Record


def fence() -> None:
    """Nobody judges a gap."""

    def blind(records: object, *, epoch: int, owner: str) -> Gap:
        return Gap()

    setattr(journal, "judge", blind)  # noqa: B010  the name is the module's own


def claim() -> None:
    """Restores to the end as it was seen, then writes at once; what landed in between is valid and unknown."""

    async def silent(self: Journal, fold: Fold, end: int) -> int:
        return end

    Journal._claim = silent  # type: ignore[method-assign]


def stamp() -> None:
    """The generation is taken before the fetch, which may outlast a rebalance; lanes do not look at positions."""

    async def early(self: Intake) -> tuple[int, Mapping[TopicPartition, Any]]:
        generation = self.generation()
        return generation, await self._get().getmany(timeout_ms=500)

    offer = Inbox.offer

    def trusting(self: Inbox, topic: str, records: Sequence[Record]) -> Verdict:
        self._fresh.add(topic)
        return offer(self, topic, records)

    Intake.fetch = early  # type: ignore[method-assign]
    Inbox.offer = trusting  # type: ignore[method-assign]


SWITCHES: Mapping[str, Callable[[], None]] = {"fence": fence, "claim": claim, "stamp": stamp}
