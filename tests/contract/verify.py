"""Checks what a toy's engine told against its inputs, from the topics alone; every broken promise comes in words.

It allows what engines may differ in: the order between topics and lanes, repeats that are equal byte for byte, which
of several configurations a decision saw (but never an older one later), and whether a timer fires when the record
that moves it comes in after its due time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.runtime.clock import TimeScale
from services.runtime.record import Record
from tests.contract import toy
from tests.contract.expected import READERS, Expected, Topics, expect


@dataclass(frozen=True, slots=True)
class Report:
    """`broken`: promises that do not hold, in words. `repeats`: records told more than once, byte for byte."""

    broken: list[str]
    repeats: int
    expected: Expected


def verify(
    topics: Topics,
    *,
    complete: bool = True,
    healed: bool = False,
    now: int | None = None,
    config_from: int = 0,
    scale: TimeScale | None = None,
    slack_ms: int = 0,
) -> Report:
    """Checks all outputs against the inputs.

    `complete` False: things may be missing (the worker stopped), but nothing may be wrong. `now`: timers due later
    (Baton ms) need not have fired. `config_from`: the least configuration offset that any decision must have seen.
    `slack_ms`: how far broker's and engine's clocks may be apart around a due time.
    """
    scale = scale or TimeScale()
    expected = expect(topics, healed=healed, scale=scale, slack_ms=slack_ms)
    broken: list[str] = []
    repeats = _check_decided(topics, expected, config_from, broken, complete=complete)
    repeats += _check_loop_back(topics, expected, broken, complete=complete)
    rang = {}
    for name, record in _once(topics(toy.RANG), _json_id, broken):
        rang[name] = record
        _check_ring(name, record, expected, scale, slack_ms, broken)
    repeats += len(topics(toy.RANG)) - len(rang)
    dead_timers = _check_dead(topics, expected, broken, complete=complete)
    for name, ring in expected.rings.items():
        fired = name in rang or ring[:4] in dead_timers
        if ring.must and complete and not fired and (now is None or ring.due <= now):
            broken.append(f"{name}: never fired")
    return Report(broken, repeats, expected)


def _check_decided(topics: Topics, expected: Expected, config_from: int, broken: list[str], *, complete: bool) -> int:
    decided: dict[str, dict[str, Any]] = {}
    lanes: dict[tuple[str, int, bytes | None], int] = defaultdict(lambda: -1)
    seen: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    config = topics(toy.CONFIG)
    for name, record in _once(topics(toy.DECIDED), _header_id, broken):
        value = json.loads(record.value or b"")
        decided[name] = value
        topic, partition, offset = value["at"]
        wanted = expected.decided.get(name)
        if wanted is None:
            broken.append(f"{name}: decided, but nothing asks for it")
            continue
        if wanted != {part: value[part] for part in wanted}:
            broken.append(f"{name}: decided {value}, expected {wanted}")
        if record.key != expected.keys[name]:
            broken.append(f"{name}: key {record.key!r}, expected {expected.keys[name]!r}")
        lane = (topic, partition, record.key)
        if offset < lanes[lane]:
            broken.append(f"{name}: told after a later one of its key")
        lanes[lane] = offset
        seen[topic, partition].append((offset, value["config"]))
        if value["label"] != _label(config, value["config"]) or value["config"] < config_from:
            broken.append(f"{name}: decided with label {value['label']!r} at configuration {value['config']}")
    for where, pairs in seen.items():
        versions = [version for _, version in sorted(pairs)]
        if versions != sorted(versions):
            broken.append(f"{where}: a later record was decided with an older configuration")
    if complete:
        broken += [f"{name}: never decided" for name in expected.decided.keys() - decided.keys()]
    return len(topics(toy.DECIDED)) - len(decided)


def _check_loop_back(topics: Topics, expected: Expected, broken: list[str], *, complete: bool) -> int:
    repeats = 0
    for topic in (toy.INTERNAL, toy.HEARD):
        found = {}
        for name, record in _once(topics(topic), lambda each: (each.value or b"").decode(), broken):
            found[name] = record.key
        for name, key in found.items():
            if expected.heard.get(name) != key:
                broken.append(f"{topic}: {name} under {key!r}, expected {expected.heard.get(name)!r}")
        if complete:
            broken += [f"{topic}: {name}: missing" for name in expected.heard.keys() - found.keys()]
        repeats += len(topics(topic)) - len(found)
    return repeats


def _check_ring(
    name: str, record: Record, expected: Expected, scale: TimeScale, slack_ms: int, broken: list[str]
) -> None:
    value = json.loads(record.value or b"")
    ring = expected.rings.get(name)
    if ring is None or ring.code is not None or "stale" in value:
        broken.append(f"{name}: fired, but was moved, cancelled, or never set")
        return
    if record.key != ring.key:
        broken.append(f"{name}: fired for {record.key!r}, expected {ring.key!r}")
    if value["read_to"] < ring.due or scale.at(record.timestamp) < ring.due - slack_ms:
        broken.append(f"{name}: fired before its partition was read to its due time: {value}")


def _check_dead(
    topics: Topics, expected: Expected, broken: list[str], *, complete: bool
) -> set[tuple[int, bytes, str, int]]:
    found = set()
    timers = set()
    allowed = {ring[:4]: ring.code for ring in expected.rings.values() if ring.code is not None}
    for topic in (*READERS, toy.INTERNAL):
        for _, record in _once(topics(f"{topic}.dead"), _position, broken):
            headers = {name: value.decode() for name, value in _ours(record)}
            if headers["baton-dead-offset"] == "-1":
                original = dict(_theirs(record))
                name, due = original["baton-timer"].decode(), int(original["baton-timer-due"])
                identity = (int(headers["baton-dead-partition"]), record.key or b"", name, due)
                timers.add(identity)
                if allowed.get(identity) != headers["baton-dead-code"] or topic != toy.ALPHA:
                    broken.append(f"{topic}.dead: {identity}: {headers['baton-dead-code']}, not expected")
                continue
            where = (topic, int(headers["baton-dead-partition"]), int(headers["baton-dead-offset"]))
            found.add(where)
            if where not in expected.dead:
                broken.append(f"{topic}.dead: {where}: {headers['baton-dead-code']}, not expected")
            else:
                broken += _differences(record, headers, *expected.dead[where])
    if complete:
        broken += [f"{where}: no dead letter" for where in expected.dead.keys() - found]
    return timers


def _differences(letter: Record, headers: dict[str, str], code: str, original: Record) -> Iterable[str]:
    where = f"{original.topic}/{original.partition}/{original.offset}: dead letter"
    key = None if "baton-dead-null-key" in headers else letter.key
    if (key, letter.value) != (original.key, original.value):
        yield f"{where}: other bytes"
    if _theirs(letter) != [tuple(header) for header in original.headers]:
        yield f"{where}: other headers"
    if (headers["baton-dead-code"], headers["baton-dead-processor"]) != (code, "toy"):
        yield f"{where}: code {headers['baton-dead-code']}, expected {code}"
    if headers["baton-dead-timestamp"] != str(original.timestamp):
        yield f"{where}: other time"


def _once(records: Iterable[Record], name_of: Callable[[Record], str], broken: list[str]) -> list[tuple[str, Record]]:
    """The first of each name, in log order; a repeat that is not equal byte for byte is a second decision."""
    first: dict[str, Record] = {}
    for record in records:
        name = name_of(record)
        known = first.setdefault(name, record)
        if _bytes(known) != _bytes(record):
            broken.append(f"{name}: told twice, in two ways")
    return list(first.items())


def _bytes(record: Record) -> tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]:
    return record.partition, record.key, record.value, [(name, value) for name, value in record.headers]


def _header_id(record: Record) -> str:
    return dict(record.headers)["toy-id"].decode()


def _json_id(record: Record) -> str:
    name: str = json.loads(record.value or b"")["id"]
    return name


def _position(record: Record) -> str:
    headers = dict(_ours(record))
    place = b"/".join(headers[f"baton-dead-{part}"] for part in ("topic", "partition", "offset")).decode()
    return f"{place} {record.key!r} {_theirs(record)}" if headers["baton-dead-offset"] == b"-1" else place


def _ours(record: Record) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in record.headers[len(_theirs(record)) :]]


def _theirs(record: Record) -> list[tuple[str, bytes]]:
    starts = [index for index, (name, _) in enumerate(record.headers) if name == "baton-dead-code"]
    return [(name, value) for name, value in record.headers[: starts[-1]]]


def _label(config: Sequence[Record], end: int) -> str:
    label = b""
    for record in sorted(config, key=lambda each: each.offset):
        if record.offset < end and record.key == b"label":
            label = record.value or b""
    return label.decode()
