"""The scorer itself over past traffic, in memory and as fast as it goes: record by record, timers in their time.

What it comes to is what the memory engine comes to; a test holds the two against each other. What makes it fast: people
stay as they are between records instead of being packed, all sides share whatever does not depend on who judges
(`judging.py`), and nothing is written that a plan does not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from services.cli.planning.counting import for_all
from services.cli.planning.judging import NEVER, Judge, Judges, Qualified
from services.runtime.clock import TimeScale
from services.runtime.processor import Context, Globals
from services.runtime.record import LogRecord
from services.scorer.definition import Rules
from services.scorer.identity import Keyring
from services.scorer.person import Person
from services.scorer.processors import ScorerProcessor
from services.scorer.scope import Definitions

_EVERY = 1_000


class Replay:
    """Takes records of the scorer's inputs in the order of their times, for one side or for several that count the
    same. `qualified` has for each side who is told of its qualifications."""

    def __init__(
        self,
        sides: Sequence[Definitions],
        keyring: Keyring,
        scale: TimeScale,
        *,
        tables: Mapping[str, Mapping[bytes, bytes]],
        qualified: Sequence[Qualified],
    ) -> None:
        self._judges = [Judge(*each) for each in zip(sides, qualified, strict=True)]
        self._scorer = ScorerProcessor(keyring)
        self._turn = Judges(self._judges, _counting(sides), keyring, Context(0, 1, Globals(tables), scale))

    def run(self, records: Sequence[LogRecord], done: Callable[[int], None] = lambda _: None) -> None:
        """Works off all records and what follows from them. `done` hears how many are worked off."""
        turn, scorer, at = self._turn, self._scorer, self._turn.context.scale.at
        for number, record in enumerate(records):
            self.advance(at(record.timestamp))
            scorer.take(turn, record.topic, record)
            if turn.hops:
                self._work_off(record.timestamp)
            if number % _EVERY == _EVERY - 1:
                turn.effects.dead_letters.clear()
                done(number + 1)
        done(len(records))

    def advance(self, moment: int) -> None:
        """Lets time pass (Baton ms): every timer that is due until then rings."""
        turn = self._turn
        if moment < turn.soonest:
            return
        for judge in self._judges:
            while (timer := judge.timers.first_due(moment)) is not None:
                judge.timers.cancel(timer.key, timer.name)
                turn.asked = (judge,)
                self._scorer.ring(turn, timer.key, timer.name, timer.due)
                turn.asked = self._judges
                self._work_off(turn.context.scale.wall(timer.due))
        dues = (judge.timers.next_due() for judge in self._judges)
        turn.soonest = min((due for due in dues if due is not None), default=NEVER)

    def people(self, side: int) -> Iterator[tuple[str, Person]]:
        """Everybody that was judged, by key, as the side knows it."""
        for key, lead in self._judges[side].leads.items():
            one = self._turn.people.get(key.encode())
            if one is not None:
                one.lead = lead
                yield key, one

    def _work_off(self, timestamp: int) -> None:
        """What the scorer told itself, until it says nothing more."""
        hops = self._turn.hops
        while hops:
            send = hops.popleft()
            record = LogRecord(send.topic, 0, 0, timestamp, send.key, send.value, send.headers)
            self._scorer.take(self._turn, send.topic, record)


def _counting(sides: Sequence[Definitions]) -> Rules:
    rules = for_all(sides)
    if rules is None:
        raise ValueError("sides that do not count the same are replayed one by one")
    return rules
