"""The scorer itself over past traffic, in memory and as fast as it goes: one lane, whole batches, timers in their time.

What it comes to is what the memory engine comes to, because decisions do not depend on how the log is cut; a test holds
the two against each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from services.runtime.clock import TimeScale
from services.runtime.decide import Limits, decide_timer
from services.runtime.effects import Effects, Send
from services.runtime.processor import Context, Globals
from services.runtime.record import Batch, LogRecord
from services.runtime.timers import Timers
from services.scorer import person
from services.scorer.configuration import InForce
from services.scorer.identity import Keyring
from services.scorer.person import Person
from services.scorer.processors import ScorerProcessor
from services.scorer.scope import Definitions

MOST = 500
_HOPS = ("engagement.linked", "accounts.members", "accounts.signals")
_LIMITS = Limits(lambda _: 1 << 24, 1 << 24)


class Given(InForce):
    """Definitions in force because somebody wants to know what they would do, signed or not."""

    def __init__(self, definitions: Definitions) -> None:
        super().__init__()
        self._given = definitions

    def definitions(self, snapshot: Globals) -> Definitions:  # noqa: ARG002
        return self._given


class Replay:
    """Takes records of the scorer's inputs in the order of their times. `told` is given each record of
    `leads.qualified` as it is said."""

    def __init__(
        self,
        definitions: Definitions,
        keyring: Keyring,
        scale: TimeScale,
        *,
        tables: Mapping[str, Mapping[bytes, bytes]],
        told: Callable[[Send], None],
    ) -> None:
        self._scorer = ScorerProcessor(keyring)
        self._scorer.in_force = Given(definitions)
        self._context = Context(0, 1, Globals(tables), scale)
        self._state: dict[bytes, bytes] = {}
        self._timers = Timers()
        self._hops: defaultdict[str, list[Send]] = defaultdict(list)
        self._told = told
        self._now = 0

    def run(self, records: Sequence[LogRecord], done: Callable[[int], None] = lambda _: None) -> None:
        """Works off all records and what follows from them. `done` hears how many are worked off."""
        start = 0
        while start < len(records):
            end, topic = start, records[start].topic
            while end < len(records) and end - start < MOST and records[end].topic == topic:
                end += 1
            batch = records[start:end]
            self.advance(self._context.scale.at(batch[0].timestamp))
            self._work(topic, batch)
            start = end
            done(start)

    def advance(self, moment: int) -> None:
        """Lets time pass (Baton ms): every timer that is due until then rings."""
        while (timer := self._timers.first_due(moment)) is not None:
            self._now = self._context.scale.wall(timer.due)
            decision = decide_timer(self._scorer, timer, self._state, self._context, _LIMITS)
            if decision.failure is not None:
                raise decision.failure
            self._take(decision.effects)
            self._work_off()

    def people(self) -> Iterator[tuple[str, Person]]:
        """Everybody, by key."""
        for key, packed in self._state.items():
            if key.startswith(person.PREFIX):
                yield key.removeprefix(person.PREFIX).decode(), person.unpack(packed)

    def _work(self, topic: str, records: Sequence[LogRecord]) -> None:
        self._now = records[-1].timestamp
        self._take(self._scorer.process(Batch(topic, 0, records), self._state, self._context))
        self._work_off()

    def _work_off(self) -> None:
        """What the scorer told itself, until it says nothing more."""
        while self._hops:
            topic = next(each for each in _HOPS if each in self._hops)
            sends = self._hops.pop(topic)
            records = [
                LogRecord(topic, 0, place, self._now, send.key, send.value, send.headers)
                for place, send in enumerate(sends)
            ]
            self._take(self._scorer.process(Batch(topic, 0, records), self._state, self._context))

    def _take(self, effects: Effects) -> None:
        for key, value in effects.states.items():
            if value is None:
                self._state.pop(key, None)
            else:
                self._state[key] = value
        self._timers.apply(effects.timers)
        for send in effects.sends:
            if send.topic in _HOPS:
                self._hops[send.topic].append(send)
            elif send.topic == "leads.qualified":
                self._told(send)
