"""What a decision is taken on: one record or one timer, when, under which rules; and what it comes to.

Ids of everything that is sent derive from the cause and from what is sent, never from the time of sending (L2).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from baton_schemas.contract import Contract
from baton_schemas.envelope import envelop
from services.router.rules import Rules
from services.runtime.effects import DeadLetter, Effects, Observation, Send
from services.runtime.record import Record

SOURCE = "/baton/router"
LONGEST_CAUSE = 128
LEAD = b"l:"
TEAM = b"t:"
ACCOUNT = b"a:"
ALERTS = b"w:"


@dataclass(frozen=True, slots=True)
class Occasion:
    """`at` is the record's time, or what the timer's partition has been read to (Baton ms). Collects into `effects`."""

    cause: str
    at: int
    rules: Rules
    effects: Effects

    def send(self, topic: str, key: str, data: Contract, what: str) -> None:
        """Sends `data`. `what` tells apart what one cause sends to one topic: handoff, version, step."""
        name = blake2b(f"{self.cause}|{topic}|{what}".encode(), digest_size=12).hexdigest()
        headers, value = envelop(data, id=name, source=SOURCE, time=self.at)
        self.effects.sends.append(Send(topic, key.encode(), value, headers))

    def observe(self, metric: str, value: float = 1.0, *labels: str) -> None:
        """One reading for a metric."""
        self.effects.observations.append(Observation(metric, value, labels))

    def timer(self, key: bytes, name: str, due: int | None) -> None:
        """Sets a timer, or cancels it."""
        self.effects.timers[key, name] = due

    def refuse(self, record: Record, code: str, field: str, fix: str) -> None:
        """Makes `record` a dead letter. Nothing of its content may be in `field` or `fix`."""
        self.effects.dead_letters.append(DeadLetter(record, code, field, fix))


def cause_of(source: str, id: str) -> str:
    """What caused a decision, as `<source>#<id>`; a hash of it where that is longer than a name may be."""
    cause = f"{source}#{id}"
    return cause if len(cause) <= LONGEST_CAUSE else "hash#" + blake2b(cause.encode(), digest_size=16).hexdigest()
