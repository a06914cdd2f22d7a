"""The verifier itself: a true log passes, and each kind of lie that is told in it is called by its name."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import msgspec
import pytest

from services.runtime.clock import ManualClock
from services.runtime.memory import MemoryEngine
from services.runtime.record import LogRecord, Record
from services.runtime.timers import pack_due, pack_name
from tests.contract import toy
from tests.contract.toy import ALPHA, BETA, DECIDED, HEARD, INTERNAL, RANG
from tests.faults.journal_view import fold
from tests.faults.outer_log import INPUTS, TOLD, Observed
from tests.faults.verifier import Kind, verify

Topics = dict[str, list[LogRecord]]


def truth() -> Observed:
    """One partition with a bit of everything, run on the memory engine, and the journal that belongs to it."""
    engine = MemoryEngine([toy.Toy()], clock=ManualClock(1_700_000_000_000), partitions=1, topics=toy.TOPICS)
    engine.publish(toy.CONFIG, b"label", b"first")
    for value in (b"plain", b"!permanent", b"plain", b"!timer call 500", b"!timer moved 500", b"!timer moved 900"):
        engine.publish(ALPHA, b"ann", value)
    engine.publish(BETA, b"bob", b"!forget")
    engine.run_until_idle()
    engine.advance(1000)
    engine.publish(toy.CONFIG, b"label", b"second")
    engine.publish(ALPHA, b"ann", b"plain")
    engine.run_until_idle()
    topics: Topics = {}
    for topic in (*INPUTS, *TOLD, toy.CONFIG):
        topics[topic] = [_plain(topic, record) for record in engine.records(topic)]
    ends = {topic: len(topics[topic]) for topic in INPUTS}
    return Observed(topics, {0: journal(topics, ends)}, {(topic, 0): end for topic, end in ends.items()}, 1)


def _plain(topic: str, record: Record) -> LogRecord:
    place = (record.partition, record.offset, record.timestamp)
    return LogRecord(topic, *place, record.key, record.value, record.headers)


def journal(topics: Topics, ends: dict[str, int]) -> list[LogRecord]:
    """A journal of two owners; the second one has all states, and promised the last decision."""
    last = topics[DECIDED][-1]
    ann = toy.Tally(n=6, last=[2, 3, 4, 5, 6], rang=2)
    group = toy.Tally(n=6, highest={"0": 6})
    promise = msgspec.msgpack.encode((DECIDED, 0, last.key, last.value, last.headers))
    commit = msgspec.msgpack.encode((2, 1, ends, {}, 0))
    return lines(
        (1, b"k", b"\0\0\0\1", b"owner"),
        (1, b"s", b"half done", b"never counts"),
        (2, b"k", b"\0\0\0\2", b"successor"),
        (2, b"s", b"half done", None),
        (2, b"t", pack_name(b"key", "call"), pack_due(5)),
        (2, b"t", pack_name(b"key", "call"), None),
        (2, b"s", toy.state_key(ALPHA, b"ann"), toy.pack(ann)),
        (2, b"s", toy.state_key(INTERNAL, toy.group_of(b"ann")), toy.pack(group)),
        (2, b"o", b"\0\0\0\2\0\0\0\0", promise),
        (2, b"c", b"\0\0\0\2", commit),
        (1, b"s", toy.state_key(ALPHA, b"ann"), b"late, and void"),
        (2, b"s", b"a tail", b"not yet"),
    )


def lines(*records: tuple[int, bytes, bytes, bytes | None]) -> list[LogRecord]:
    found = []
    for offset, (epoch, kind, key, value) in enumerate(records):
        mark = epoch.to_bytes(4, "big")
        headers = () if value is not None else (("e", mark),)
        found.append(LogRecord("journal", 0, offset, 0, kind + key, None if value is None else mark + value, headers))
    return found


def change(topics: Topics, topic: str, index: int, **content: object) -> None:
    """Says something else in one decision; its headers stay."""
    record = topics[topic][index]
    value = {**json.loads(record.value or b""), **content}
    topics[topic][index] = record._replace(value=toy.dumps(value))


def again(topics: Topics, topic: str, index: int, **content: object) -> None:
    """Tells something once more, with other content if named."""
    topics[topic].append(topics[topic][index]._replace(offset=len(topics[topic])))
    if content:
        change(topics, topic, len(topics[topic]) - 1, **content)


def swap(records: list[LogRecord]) -> None:
    records[0], records[1] = records[1], records[0]


LIES: list[tuple[str, Kind, Callable[[Topics], object]]] = [
    ("a decision is missing", "lost", lambda topics: topics[DECIDED].pop(0)),
    ("a promise is not told", "lost", lambda topics: topics[DECIDED].pop()),
    ("a hearing is missing", "lost", lambda topics: topics[HEARD].pop()),
    ("a letter is missing", "lost", lambda topics: topics[f"{ALPHA}.dead"].clear()),
    (
        "an input lies behind the positions",
        "lost",
        lambda topics: topics[BETA].append(topics[BETA][0]._replace(offset=9)),
    ),
    ("decided twice", "decided_twice", lambda topics: again(topics, DECIDED, 0, label="second")),
    ("told otherwise than promised", "decided_twice", lambda topics: change(topics, DECIDED, -1, config=1)),
    ("rang twice, in two ways", "decided_twice", lambda topics: again(topics, RANG, 0, read_to=9)),
    (
        "a repeat with other headers",
        "repeat_not_equal",
        lambda topics: topics[INTERNAL].append(topics[INTERNAL][0]._replace(headers=(("toy-from", b"0/99"),))),
    ),
    (
        "another id",
        "other_id",
        lambda topics: topics[DECIDED].append(
            topics[DECIDED][0]._replace(
                value=(topics[DECIDED][0].value or b"").replace(b'"id":"toy.alpha/0/0"', b'"id":"x"'),
                headers=(("toy-id", b"x"),),
            )
        ),
    ),
    ("a wrong count", "wrong_decision", lambda topics: change(topics, DECIDED, 0, n=2)),
    ("a wrong label", "wrong_decision", lambda topics: change(topics, DECIDED, 0, label="second")),
    ("heard by the wrong group", "wrong_decision", lambda topics: _set(topics[HEARD], 0, key=b"group-9")),
    ("heard, and nobody said it", "unasked", lambda topics: _set(topics[HEARD], 0, value=b"toy.alpha/0/77")),
    ("out of order", "out_of_order", lambda topics: swap(topics[DECIDED])),
    (
        "an older configuration later",
        "config_went_back",
        lambda topics: change(topics, DECIDED, 0, config=2, label="second"),
    ),
    ("fired again", "timer_twice", lambda topics: again(topics, RANG, 0, id="nobody#call@1700000000500", stale=True)),
    ("fired though moved", "timer_unasked", lambda topics: change(topics, RANG, 0, id="x#moved@1700000000500")),
    ("fired too early", "timer_early", lambda topics: change(topics, RANG, 0, read_to=1)),
    ("never fired", "timer_never", lambda topics: topics[RANG].pop()),
    ("a letter with other bytes", "letter_differs", lambda topics: _set(topics[f"{ALPHA}.dead"], 0, value=b"x")),
]


def _set(records: list[LogRecord], index: int, **fields: object) -> None:
    records[index] = records[index]._replace(**fields)  # type: ignore[arg-type]


def test_the_truth_passes() -> None:
    findings = verify(truth())
    assert not findings.anomalies
    assert findings.repeats == 0


def test_an_equal_repeat_passes_and_is_counted() -> None:
    observed = truth()
    topics = {name: list(records) for name, records in observed.topics.items()}
    again(topics, DECIDED, 2)
    findings = verify(dataclasses.replace(observed, topics=topics))
    assert not findings.anomalies
    assert findings.repeats == 1


@pytest.mark.parametrize(("kind", "lie"), [(kind, lie) for _, kind, lie in LIES], ids=[name for name, _, _ in LIES])
def test_a_lie_is_called_by_its_name(kind: Kind, lie: Callable[[Topics], object]) -> None:
    observed = truth()
    topics = {name: list(records) for name, records in observed.topics.items()}
    lie(topics)
    assert kind in verify(dataclasses.replace(observed, topics=topics)).kinds


def test_what_is_not_over_may_miss_things_but_not_say_wrong_ones() -> None:
    observed = truth()
    topics = {name: list(records) for name, records in observed.topics.items()}
    topics[DECIDED].pop()
    topics[RANG].clear()
    assert not verify(dataclasses.replace(observed, topics=topics), complete=False).anomalies
    again(topics, DECIDED, 0, label="second")
    assert "decided_twice" in verify(dataclasses.replace(observed, topics=topics), complete=False).kinds


def test_offsets_ahead_of_the_journal_and_a_wrong_state() -> None:
    observed = truth()
    ahead = dataclasses.replace(observed, committed={(ALPHA, 0): 8})
    assert verify(ahead).kinds == {"offset_ahead"}
    assert {"offset_ahead", "state_differs", "lost"} <= verify(dataclasses.replace(observed, journal={0: []})).kinds
    commit = msgspec.msgpack.encode((1, 0, {}))
    wrong = lines((3, b"s", toy.state_key(ALPHA, b"ann"), None), (3, b"c", b"\0\0\0\3", commit))
    assert verify(dataclasses.replace(observed, journal={0: [*observed.journal[0], *wrong]})).kinds == {"state_differs"}


def test_a_journal_is_folded_by_its_definition() -> None:
    view = fold(truth().journal[0])
    assert view.claims == [1, 2]
    assert set(view.states) == {toy.state_key(ALPHA, b"ann"), toy.state_key(INTERNAL, toy.group_of(b"ann"))}
    assert not view.timers
    assert view.late == [b"s" + toy.state_key(ALPHA, b"ann")]
    assert view.tail == [b"sa tail"]
    assert [promise.topic for promise in view.promises] == [DECIDED]
    assert len(view.tombstones) == 2
