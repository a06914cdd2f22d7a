"""What must come of a toy's input log, recomputed from the topics alone, without an engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.runtime.clock import TimeScale
from services.runtime.record import Record
from tests.contract import toy

READERS = (toy.ALPHA, toy.BETA, toy.BULK)
TIMER_CODES = {"permanent": "toy_timer", "large": "output_too_large"}
LETTER_CODES = {
    "!letter": "toy_letter",
    "!permanent": "toy_permanent",
    "!large": "output_too_large",
    "!fat": "state_too_large",
}
BUGS = ("!stray", "!keyless")

Topics = Callable[[str], Sequence[Record]]


class Ring(NamedTuple):
    """A timer that may fire, or must. `code` is set when it dies instead."""

    partition: int
    key: bytes
    name: str
    due: int
    must: bool
    code: str | None


@dataclass(slots=True)
class Expected:
    """What the inputs come to. `tallies`: count and last offsets by partition and state key."""

    decided: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict)
    heard: dict[str, bytes] = field(default_factory=dict)
    dead: dict[tuple[str, int, int], tuple[str, Record]] = field(default_factory=dict)
    rings: dict[str, Ring] = field(default_factory=dict)
    tallies: dict[tuple[int, bytes], tuple[int, list[int]]] = field(default_factory=dict)
    groups: dict[bytes, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(slots=True)
class _Lane:
    """One partition of one input, read in order."""

    topic: str
    partition: int
    out: Expected
    scale: TimeScale
    slack_ms: int
    tallies: dict[bytes, tuple[int, list[int]]] = field(default_factory=dict)
    changes: dict[tuple[bytes, str], list[tuple[int, int | None, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def read(self, record: Record) -> None:
        words = (record.value or b"").decode("utf-8", "replace").split(" ")
        key = toy.state_key(self.topic, record.key)
        moment = self.scale.at(record.timestamp)
        if code := LETTER_CODES.get(words[0]):
            self.out.dead[self.topic, self.partition, record.offset] = (code, record)
            return
        if words[0] == "!forget":
            self.tallies.pop(key, None)
            for (owner, _), changes in self.changes.items():
                if owner == key:
                    changes.append((moment, None, ""))
            return
        n, last = self.tallies.get(key, (0, []))
        self.tallies[key] = (n + 1, [*last, record.offset][-toy.LAST :])
        if words[0] == "!timer":
            setter = f"{key!r}/{record.partition}/{record.offset}"
            self.changes[key, words[1]].append((moment, moment + int(words[2]), setter))
        elif words[0] == "!cancel":
            self.changes[key, words[1]].append((moment, None, ""))
        self._decide(record, words, *self.tallies[key])

    def _decide(self, record: Record, words: list[str], n: int, last: list[int]) -> None:
        at = f"{self.topic}/{self.partition}/{record.offset}"
        carried = [value.decode() for name, value in record.headers if name == "baton-origin"]
        identity = carried[0] if carried else at
        extra = int(words[1]) if words[0] == "!wide" else 0
        for name in (identity, *(f"{identity}+{index}" for index in range(extra))):
            self.out.decided[name] = {"at": [self.topic, self.partition, record.offset], "n": n, "last": last}
            self.out.keys[name] = record.key or b""
        if self.topic == toy.ALPHA:
            group = toy.group_of(record.key)
            self.out.heard[identity] = group
            self.out.groups[group] += 1

    def close(self) -> None:
        for key, tally in self.tallies.items():
            self.out.tallies[self.partition, key] = tally
        for (key, name), changes in self.changes.items():
            for index, (_, due, setter) in enumerate(changes):
                if due is not None:
                    later = changes[index + 1][0] if index + 1 < len(changes) else None
                    self._ring(key, name, due, setter, later)

    def _ring(self, key: bytes, name: str, due: int, setter: str, later: int | None) -> None:
        """A change that was in the log before the due time comes first; one that came later may or may not."""
        code = next((code for start, code in TIMER_CODES.items() if name.startswith(start)), None)
        repeats = toy.REPEATS if name.startswith("repeat") else 0
        for moment in (due + toy.REPEAT_AFTER * number for number in range(repeats + 1)):
            if later is None or later >= moment - self.slack_ms:
                ring = Ring(self.partition, key, name, moment, later is None, code)
                self.out.rings[f"{setter}#{name}@{moment}"] = ring


def expect(topics: Topics, *, healed: bool = False, scale: TimeScale | None = None, slack_ms: int = 0) -> Expected:
    """What the two outer inputs come to. What lies at or behind a bug that is not healed is not expected."""
    out = Expected()
    for topic in READERS:
        lanes: dict[int, list[Record]] = defaultdict(list)
        for record in topics(topic):
            lanes[record.partition].append(record)
        for partition, records in lanes.items():
            lane = _Lane(topic, partition, out, scale or TimeScale(), slack_ms)
            for record in sorted(records, key=lambda each: each.offset):
                word = (record.value or b"").decode("utf-8", "replace").split(" ")[0]
                if word in BUGS or (word == "!bug" and not healed):
                    break
                lane.read(record)
            lane.close()
    return out
