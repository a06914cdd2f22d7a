"""What a test may change in its worker: a slow commit, a fetch that waits long or is held, or a guard taken out.

The last kind are mutants: an engine without its fence, its claim or its generation stamp. The suite runs them to show
that its scenarios find out. Nothing of this is in the product; it is patched here, from the outside.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import TopicPartition

from services.runtime.effects import Effects
from services.runtime.kafka import intake, journal
from services.runtime.kafka.fence import Gap
from services.runtime.kafka.group import Group
from services.runtime.kafka.intake import Intake
from services.runtime.kafka.journal import Journal
from services.runtime.kafka.lane import Lane
from services.runtime.kafka.lanes import Lanes
from services.runtime.kafka.restore import Fold

Fetched = tuple[int, Mapping[TopicPartition, Any]]
_POLL_S = 0.02
_LONG_POLL_MS = 600_000
_EXPIRED_S = 2.0


def say(line: str) -> None:
    """One line for the test."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def slow_commit() -> None:
    """Lanes of the first generation hold their first group until they are revoked, then finish it."""
    _hold_commits(finish=True)


def stuck_commit() -> None:
    """Lanes of the first generation hold their first group for ever: they are given up at revocation."""
    _hold_commits(finish=False)


def _hold_commits(*, finish: bool) -> None:
    commit, first = Lane._commit, list[int]()

    async def held(self: Lane, group: Group, effects: Effects) -> None:
        first.append(self.generation)
        if self.generation == first[0]:
            say(f"commit held: {self.partition}")
            full = False
            while not self._closing:
                if not full and any(not self._inbox.has_room(topic) for topic in self.inputs):
                    full = True
                    say(f"queue full: {self.partition}")
                await asyncio.sleep(_POLL_S)
            say(f"revoked: {self.partition} {'full' if full else 'not full'}")
            if not finish:
                await asyncio.Event().wait()
        await commit(self, group, effects)

    Lane._commit = held  # type: ignore[method-assign]


def long_poll() -> None:
    """A fetch waits until there is something: so it outlasts a rebalance. Says when one did."""
    intake._POLL_MS = _LONG_POLL_MS
    fetch = Intake.fetch

    async def watched(self: Intake) -> Fetched:
        before = self.generation()
        say(f"fetching: {before}")
        stamp, fetched = await fetch(self)
        if self.generation() != before and fetched:
            say(f"fetch outlasted a rebalance: {before} {self.generation()} {sum(map(len, fetched.values()))}")
        return stamp, fetched

    Intake.fetch = watched  # type: ignore[method-assign]


def held_fetch() -> None:
    """The second chunks of all partitions of one input are gathered into one fetch, which arrives after a rebalance."""
    fetch = Intake.fetch
    seen: set[TopicPartition] = set()
    gathered: dict[TopicPartition, Any] = {}
    over: list[bool] = []

    async def held(self: Intake) -> Fetched:
        stamp, fetched = await fetch(self)
        lanes: Any = self._sink
        if over:
            return stamp, fetched
        gathered.update({tp: records for tp, records in fetched.items() if tp in seen})
        first = {tp: records for tp, records in fetched.items() if tp not in seen}
        seen.update(first)
        if len(gathered) < len(lanes):
            return stamp, first
        over.append(True)
        say(f"fetch held: {stamp}")
        while not (stamp < lanes.generation == self.generation() and lanes.restored()):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        say(f"fetch released: {stamp} {self.generation()}")
        return stamp, gathered

    Intake.fetch = held  # type: ignore[method-assign]


def expires() -> None:
    """The group forgets this member just before a fetch with a `!cancel` is stamped; it joins anew a second later."""
    fetch = Intake.fetch
    over: list[bool] = []

    async def expiring(self: Intake) -> Fetched:
        stamp, fetched = await fetch(self)
        values = [record.value for records in fetched.values() for record in records]
        if over or not any(value.startswith(b"!cancel") for value in values):
            return stamp, fetched
        over.append(True)
        coordinator = self._get()._coordinator
        join = coordinator.ensure_active_group

        async def late(*arguments: Any) -> Any:
            await asyncio.sleep(_EXPIRED_S)
            return await join(*arguments)

        coordinator.ensure_active_group = late
        coordinator.reset_generation()
        say(f"expired: {stamp} {self.generation()}")
        return self.generation(), fetched

    Intake.fetch = expiring  # type: ignore[method-assign]


def no_fence() -> None:
    """Mutant: nobody looks at what others wrote between two of our records."""
    vars(journal)["judge"] = lambda *_, **__: Gap()


def no_claim() -> None:
    """Mutant: after the restore a lane goes to work at once."""

    async def claim(self: Journal, fold: Fold, end: int) -> int:
        return end

    Journal._claim = claim  # type: ignore[method-assign]


def early_stamp() -> None:
    """Mutant: a fetch is stamped with the generation in which it was asked for."""

    async def fetch(self: Intake) -> Fetched:
        stamp = self.generation()
        return stamp, await self._get().getmany(timeout_ms=intake._POLL_MS)

    Intake.fetch = fetch  # type: ignore[method-assign]


def no_stamp() -> None:
    """Mutant: chunks go to whichever lanes there are, of whatever generation."""
    deliver = Lanes.deliver

    def anyhow(self: Lanes, generation: int, fetched: Mapping[TopicPartition, Any]) -> None:
        deliver(self, self.generation, fetched)

    Lanes.deliver = anyhow  # type: ignore[method-assign]


VARIANTS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (slow_commit, stuck_commit, no_fence, no_claim, early_stamp, no_stamp, long_poll, held_fetch, expires)
}
"""By name. A mutant comes before what watches it."""
