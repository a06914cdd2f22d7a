"""The separate verifier: reads topics, recomputes from the inputs what has to be there, and names what is wrong.

It believes nobody: what was decided is what outputs say, or what a committed group of the journal has promised to
say; what state there is comes from the journal topic. What may differ between two good runs is allowed: the order
between keys, repeats that are equal byte for byte, and which configuration a decision saw, if never an older one later.

    lost               an input without decision, hearing or letter; a promise that was never told; an input not read
    decided_twice      one id, two contents
    repeat_not_equal   one id, one content, other bytes, key, headers or partition
    other_id           a decision on a known input under another id
    wrong_decision     the content is not what the input log comes to
    unasked            an output that no input asks for
    out_of_order       told after a later one of its key
    config_went_back   a later record decided with an older configuration
    state_differs      the journal's state is not what the input log comes to
    offset_ahead       the group has committed more than the journal has
    timer_twice        fired again, after it was gone
    timer_unasked      fired, though moved, cancelled or never set
    timer_early        fired before its partition was read up to its due time
    timer_never        due and not fired
    letter_differs     a dead letter that does not keep its original, or gives another reason
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from services.runtime.partitioner import partition_of
from services.runtime.record import LogRecord
from tests.contract import toy
from tests.contract.expected import Expected, expect
from tests.faults.journal_view import JournalView, Promise, fold
from tests.faults.outer_log import DEAD, INPUTS, TOLD, Observed
from tests.faults.told import bytes_of, content_of, counted, name_of, split_letter

Kind = Literal[
    "lost",
    "decided_twice",
    "repeat_not_equal",
    "other_id",
    "wrong_decision",
    "unasked",
    "out_of_order",
    "config_went_back",
    "state_differs",
    "offset_ahead",
    "timer_twice",
    "timer_unasked",
    "timer_early",
    "timer_never",
    "letter_differs",
]
SLACK_MS = 100
"""How far the broker's clock and a worker's may be apart."""


class Anomaly(NamedTuple):
    """A broken promise, and where."""

    kind: Kind
    what: str


@dataclass(slots=True)
class Findings:
    """`anomalies` is empty when all is well. `repeats`: records told more than once, equal byte for byte."""

    anomalies: list[Anomaly] = field(default_factory=list)
    repeats: int = 0
    told: int = 0

    @property
    def kinds(self) -> set[Kind]:
        return {each.kind for each in self.anomalies}

    def add(self, kind: Kind, what: str) -> None:
        self.anomalies.append(Anomaly(kind, what))


def verify(observed: Observed, *, complete: bool = True, now: int | None = None) -> Findings:
    """Checks a run. `complete` False: it is not over, so things may be missing, but nothing may be wrong.

    `now`: timers due later (wall ms) need not have fired.
    """
    return _Check(observed, complete=complete, now=now).run()


class _Check:
    def __init__(self, observed: Observed, *, complete: bool, now: int | None) -> None:
        self.observed = observed
        self.complete = complete
        self.now = now
        self.out = Findings()
        self.expected: Expected = expect(observed.topics.__getitem__, slack_ms=SLACK_MS)
        self.journal: dict[int, JournalView] = {number: fold(each) for number, each in observed.journal.items()}
        self.ids = {tuple(each["at"]): name for name, each in self.expected.decided.items() if "+" not in name}
        self.told: dict[str, dict[str, LogRecord]] = {topic: self._told(topic) for topic in TOLD}

    def run(self) -> Findings:
        self._promises()
        self._decided()
        self._heard()
        self._rang(self._letters())
        self._offsets()
        if self.complete:
            self._state()
        return self.out

    def _told(self, topic: str) -> dict[str, LogRecord]:
        """The first of each id, in the log's order."""
        first: dict[str, LogRecord] = {}
        for record in self.observed.topics[topic]:
            name = name_of(record)
            known = first.setdefault(name, record)
            self._same(f"{topic}: {name}", known, record)
            if known is not record:
                self.out.repeats += 1
        self.out.told += len(first)
        return first

    def _same(self, name: str, one: LogRecord | Promise, other: LogRecord | Promise) -> None:
        if content_of(one) != content_of(other):
            self.out.add("decided_twice", f"{name}: {content_of(one)} and {content_of(other)}")
        elif bytes_of(one) != bytes_of(other):
            self.out.add("repeat_not_equal", f"{name}: {bytes_of(one)} and {bytes_of(other)}")

    def _promises(self) -> None:
        """What a committed group promised is told, exactly so."""
        for number, view in self.journal.items():
            for promise in view.promises:
                name = name_of(promise)
                told = self.told[promise.topic].get(name)
                if told is not None:
                    self._same(f"{promise.topic}: {name}, promised in journal {number}", told, promise)
                elif self.complete:
                    self.out.add("lost", f"{promise.topic}: {name}: promised in journal {number}, never told")

    def _decided(self) -> None:
        last: dict[tuple[str, int, bytes | None], int] = defaultdict(lambda: -1)
        configs: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
        for name, record in self.told[toy.DECIDED].items():
            value = json.loads(record.value or b"")
            topic, partition, offset = value["at"]
            wanted = self.expected.decided.get(name)
            if wanted is None or name != value["id"]:
                known = self.ids.get((topic, partition, offset))
                self.out.add("unasked" if known is None else "other_id", f"{name}: should be {known}")
                continue
            found = {part: value[part] for part in wanted}
            if found != wanted or record.key != self.expected.keys[name]:
                self.out.add("wrong_decision", f"{name}: {record.key!r} {found}, should be {wanted}")
            if value["label"] != self._label(value["config"]):
                self.out.add("wrong_decision", f"{name}: label {value['label']} at configuration {value['config']}")
            lane = (topic, partition, record.key)
            if offset < last[lane]:
                self.out.add("out_of_order", f"{name}: told after offset {last[lane]}")
            last[lane] = offset
            configs[topic, partition].append((offset, value["config"]))
        for (topic, partition), pairs in configs.items():
            versions = [version for _, version in sorted(pairs)]
            if versions != sorted(versions):
                self.out.add("config_went_back", f"{topic}/{partition}: {versions}")
        self._missing(toy.DECIDED, self.expected.decided.keys())

    def _heard(self) -> None:
        for topic in (toy.INTERNAL, toy.HEARD):
            for name, record in self.told[topic].items():
                wanted = self.expected.heard.get(name)
                if wanted is None:
                    source = dict(record.headers).get("toy-from", b"/").decode().partition("/")
                    at = (toy.ALPHA, int(source[0] or -1), int(source[2] or -1))
                    self.out.add("other_id" if at in self.ids else "unasked", f"{topic}: {name}")
                elif record.key != wanted:
                    self.out.add("wrong_decision", f"{topic}: {name}: under {record.key!r}, should be {wanted!r}")
            self._missing(topic, self.expected.heard.keys())

    def _letters(self) -> set[tuple[int, bytes, str, int]]:
        """Checks dead letters, and answers with the timers that became one."""
        found, timers = set(), set()
        deadly = {ring[:4]: ring.code for ring in self.expected.rings.values() if ring.code is not None}
        for topic in DEAD:
            for name, letter in self.told[topic].items():
                theirs, ours = split_letter(letter)
                if ours["offset"] == "-1":
                    marks = dict(theirs)
                    timer = (int(ours["partition"]), letter.key or b"", marks["baton-timer"].decode())
                    identity = (*timer, int(marks["baton-timer-due"]))
                    timers.add(identity)
                    if deadly.get(identity) != ours["code"]:
                        self.out.add("unasked", f"{topic}: {name}: {ours['code']}")
                    continue
                where = (ours["topic"], int(ours["partition"]), int(ours["offset"]))
                found.add(where)
                if where not in self.expected.dead:
                    self.out.add("unasked", f"{topic}: {name}: {ours['code']}")
                    continue
                code, original = self.expected.dead[where]
                key = None if "null-key" in ours else letter.key
                same = (key, letter.value, theirs, ours["code"], ours["timestamp"])
                if same != (original.key, original.value, list(original.headers), code, str(original.timestamp)):
                    self.out.add("letter_differs", f"{topic}: {name}: {same}")
        if self.complete:
            for where in self.expected.dead.keys() - found:
                self.out.add("lost", f"{where}: no dead letter")
        return timers

    def _rang(self, letters: set[tuple[int, bytes, str, int]]) -> None:
        rang = self.told[toy.RANG]
        for name, record in rang.items():
            value, ring = json.loads(record.value or b""), self.expected.rings.get(name)
            if name.startswith("nobody#"):
                self.out.add("timer_twice", f"{name}: {value}")
            elif ring is None or ring.code is not None or "stale" in value or record.key != ring.key:
                self.out.add("timer_unasked", f"{name}: {value}")
            elif value["read_to"] < ring.due or record.timestamp < ring.due - SLACK_MS:
                self.out.add("timer_early", f"{name}: {value}")
        for name, ring in self.expected.rings.items():
            due = ring.must and self.complete and (self.now is None or ring.due <= self.now)
            if due and name not in rang and ring[:4] not in letters:
                self.out.add("timer_never", f"{name}: due at {ring.due}")

    def _offsets(self) -> None:
        positions = {
            (topic, number): position
            for number, view in self.journal.items()
            for topic, position in view.positions.items()
        }
        for where, offset in self.observed.committed.items():
            if offset > positions.get(where, 0):
                self.out.add("offset_ahead", f"{where}: {offset}, the journal has read to {positions.get(where, 0)}")
        if self.complete:
            for topic in INPUTS:
                for record in self.observed.topics[topic]:
                    if record.offset >= positions.get((topic, record.partition), 0):
                        self.out.add("lost", f"{topic}/{record.partition}/{record.offset}: never read")

    def _state(self) -> None:
        wanted = dict(self.expected.tallies)
        for group, count in self.expected.groups.items():
            key = toy.state_key(toy.INTERNAL, group)
            wanted[partition_of(group, self.observed.partitions), key] = (count, [])
        found: dict[tuple[int, bytes], tuple[int, list[int]] | None] = {}
        for number, view in self.journal.items():
            for key, packed in view.states.items():
                found[number, key] = counted(packed)
        for where in wanted.keys() | found.keys():
            if found.get(where, ()) != wanted.get(where):
                self.out.add("state_differs", f"{where}: {found.get(where)}, should be {wanted.get(where)}")

    def _missing(self, topic: str, names: Any) -> None:
        if self.complete:
            for name in names - self.told[topic].keys():
                self.out.add("lost", f"{topic}: {name}")

    def _label(self, end: int) -> str:
        labels = [each.value for each in self.observed.topics[toy.CONFIG] if each.offset < end and each.key == b"label"]
        return (labels[-1] or b"").decode() if labels else ""
