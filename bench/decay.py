"""The job of the bare comparison: decode an event, decay a score, cross a threshold or not, keep the state.

Every contender runs these very functions, so what differs between them is the machinery around. The state carries a
count of events, which is how the bench knows from outside that each event was counted exactly once.
"""

from __future__ import annotations

import msgspec

from services.runtime.effects import Effects, Send
from services.runtime.processor import Context
from services.runtime.record import Batch
from services.runtime.state import State, Working

EVENTS = "bench.events"
THRESHOLD = 100.0
HALF_LIFE_MS = 3_600_000


class Event(msgspec.Struct):
    """About 190 bytes of JSON."""

    id: str
    person: str
    type: str
    at: int
    points: int
    url: str


class Person(msgspec.Struct, array_like=True):
    """About 410 bytes packed: a score, and what else a real state would hold."""

    score: float = 0.0
    at: int = 0
    count: int = 0
    above: bool = False
    padding: bytes = b"p" * 386


decode = msgspec.json.Decoder(Event).decode
unpack = msgspec.msgpack.Decoder(Person).decode
pack = msgspec.msgpack.Encoder().encode


def add(person: Person, event: Event) -> bool:
    """Takes an event in; True when it lifts the person over the threshold."""
    person.score = person.score * 0.5 ** ((event.at - person.at) / HALF_LIFE_MS) + event.points
    person.at = event.at
    person.count += 1
    above, before = person.score >= THRESHOLD, person.above
    person.above = above
    return above and not before


class Decay:
    """The same as a processor. Each run of the bench has a journal (`version`) and signals of its own."""

    name = "bench"
    inputs = (EVENTS,)
    globals: tuple[str, ...] = ()

    def __init__(self, version: int, signals: str) -> None:
        self.state_version = version
        self.outputs = (signals,)
        self._signals = signals

    def process(self, batch: Batch, state: State, context: Context) -> Effects:  # noqa: ARG002
        effects = Effects()
        people = Working(state, decode=unpack, encode=pack)
        for record in batch.records:
            key, value = record.key or b"", record.value or b""
            person = people.get(key) or Person()
            if add(person, decode(value)):
                effects.sends.append(Send(self._signals, key, value))
            people.put(key, person)
        effects.states.update(people.changes())
        return effects

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:
        raise NotImplementedError
