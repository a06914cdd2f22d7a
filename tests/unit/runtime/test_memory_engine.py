"""What the memory engine adds to the contract: several processors, time, its journal, its refusals."""

# ruff: noqa: ARG002  a processor need not look at all it is given
from __future__ import annotations

from collections.abc import Sequence

import pytest

from baton_schemas.catalogue import Topic
from services.runtime.clock import ManualClock, TimeScale
from services.runtime.effects import Effects, Observation, Send
from services.runtime.errors import Transient, UserError
from services.runtime.memory import Faults, MemoryEngine, Stopped
from services.runtime.memory.journal import Commit, Entry, Journal, Kind
from services.runtime.processor import Context
from services.runtime.record import Batch
from services.runtime.state import State

TOPICS = {name: Topic(name, "any", (), max_message_bytes=1000) for name in ("a", "b", "c")}
TOPICS["one"] = Topic("one", "any", (), "compact", partitions=1)


class Pass:
    """Sends everything on, counts it, and reminds itself after ten milliseconds."""

    state_version = 1

    def __init__(self, source: str, target: str, tables: tuple[str, ...] = ()) -> None:
        self.name = f"{source}-{target}"
        self.inputs = (source,)
        self.outputs = (target,)
        self.globals = tables

    def process(self, batch: Batch, state: State, context: Context) -> Effects:
        effects = Effects(observations=[Observation("passed", len(batch.records), (self.name,))])
        for record in batch.records:
            key = record.key or b""
            effects.sends.append(Send(self.outputs[0], key, record.value))
            effects.states[key] = b"%d" % context.time(record)
            effects.timers[key, "again"] = context.time(record) + 10
        return effects

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:
        return Effects(sends=[Send(self.outputs[0], key, b"%d %d" % (due, context.read_to))])


def engine(*processors: Pass, **options: int) -> MemoryEngine:
    return MemoryEngine(processors, clock=ManualClock(1000), topics=TOPICS, partitions=4, seed=options.get("seed", 0))


def values(found: Sequence[object], attribute: str = "value") -> list[object]:
    return [getattr(record, attribute) for record in found]


def test_processors_hand_on_to_one_another() -> None:
    chain = engine(Pass("a", "b"), Pass("b", "c"))
    for index in range(20):
        chain.publish("a", b"k%d" % index, b"%d" % index)
    assert chain.run_until_idle() > 0
    assert sorted(map(str, values(chain.records("c")))) == sorted(str(b"%d" % index) for index in range(20))
    assert chain.observed["passed", ("b-c",)] == 20
    assert chain.state("a-b") == {b"k%d" % index: b"1000" for index in range(20)}
    assert len(chain.timers("a-b")) == 20


def test_time_passes_from_one_due_timer_to_the_next() -> None:
    chain = engine(Pass("a", "b"), Pass("b", "c"))
    chain.publish("a", b"k", b"x")
    chain.advance(100)
    assert values(chain.records("b")) == [b"x", b"1010 1010"]
    assert values(chain.records("b"), "timestamp") == [1000, 1010]
    # the second processor was reminded at 1010, moved its timer to 1020, and fired
    assert values(chain.records("c")) == [b"x", b"1010 1010", b"1020 1020"]
    assert chain.clock.now() == 1100


def test_a_clock_that_is_moved_by_hand_fires_what_is_due() -> None:
    chain = engine(Pass("a", "b"))
    chain.publish("a", b"k", b"x")
    chain.run_until_idle()
    chain.clock.advance(500)
    chain.run_until_idle()
    assert values(chain.records("b")) == [b"x", b"1010 1500"]


def test_a_fast_clock_fires_at_or_after_the_due_time() -> None:
    fast = MemoryEngine([Pass("a", "b")], clock=ManualClock(1001, TimeScale(1000, 7.3)), topics=TOPICS, partitions=1)
    fast.publish("a", b"k", b"x")
    fast.advance(11)
    due, read_to = map(int, (fast.records("b")[-1].value or b"").split())
    assert due == 1017
    assert read_to >= due


def test_another_engine_goes_on_over_the_same_log() -> None:
    first = engine(Pass("a", "b"))
    first.publish("a", b"k", b"x")
    first.run_until_idle()
    first.publish("a", b"k", b"y")
    second = MemoryEngine([Pass("a", "b")], clock=first.clock, log=first.log)
    second.run_until_idle()
    assert values(second.records("b")) == [b"x", b"x", b"y"]  # the last outbox is told again, byte for byte


def test_records_without_key_are_spread_and_the_dead_topic_is_larger() -> None:
    chain = engine(Pass("a", "b"))
    for _ in range(50):
        chain.publish("a", None, b"x")
    assert set(values(chain.records("a"), "partition")) == {0, 1, 2, 3}
    with pytest.raises(UserError, match="a: record of 1001 bytes"):
        chain.publish("a", b"k", b"x" * 1000)
    chain.publish("a.dead", b"k", b"x" * 1000)


def test_what_is_not_declared_is_refused() -> None:
    with pytest.raises(UserError, match="topic nowhere: not in the catalogue"):
        engine(Pass("a", "nowhere"))
    with pytest.raises(UserError, match="input one: not partitioned"):
        engine(Pass("one", "a"))
    with pytest.raises(UserError, match="topic nowhere"):
        engine(Pass("a", "b")).publish("nowhere", b"k", b"v")


def test_a_transient_error_that_stays_stops_the_worker_and_loses_nothing() -> None:
    faults = Faults(transient=1.0, transient_times=99)
    chain = MemoryEngine([Pass("a", "b")], clock=ManualClock(0), topics=TOPICS, faults=faults, attempts=3)
    chain.publish("a", b"k", b"x")
    with pytest.raises(Stopped) as caught:
        chain.run_until_idle()
    assert isinstance(caught.value.cause, Transient)
    assert faults.transients == 3
    assert not chain.records("b")


def test_processors_that_keep_each_other_busy_do_not_hang() -> None:
    loop = engine(Pass("a", "a"))
    loop.publish("a", b"k", b"x")
    with pytest.raises(RuntimeError, match="not idle after 1000 steps"):
        loop.run_until_idle(most_steps=1000)


def state(key: bytes, value: bytes | None) -> Entry:
    return Entry(Kind.STATE, key, value)


def test_a_journal_gives_back_committed_groups_and_their_last_outbox_alone() -> None:
    journal = Journal()
    stale, kept = Send("b", b"k", b"stale"), Send("b", b"k", b"kept")
    journal.append([state(b"x", b"1"), state(b"y", b"1"), Entry(Kind.OUTBOX, (1, 0), stale)])
    journal.append([Entry(Kind.OUTBOX, (1, 1), stale)])
    journal.commit(Commit(1, {"a": 5}, outgoing=2))
    journal.append([state(b"y", None), Entry(Kind.TIMER, (b"x", "call"), 7), Entry(Kind.OUTBOX, (1, 0), kept)])
    journal.commit(Commit(1, {"a": 6}, outgoing=1))
    journal.append([state(b"x", b"torn"), state(b"z", b"torn"), Entry(Kind.OUTBOX, (1, 0), stale)])
    for _ in range(2):
        restored = journal.restore()
        assert (restored.states, restored.timers) == ({b"x": b"1"}, {(b"x", "call"): 7})
        assert (restored.commit.positions, restored.outbox) == ({"a": 6}, (kept,))
        assert restored.mended() == [state(b"x", b"1"), state(b"z", None)]
        journal.compact()


def test_a_torn_tail_never_counts_once_the_next_group_has_mended_it() -> None:
    journal = Journal()
    journal.append([state(b"x", b"1")])
    journal.commit(Commit(1))
    journal.append([state(b"x", b"torn"), state(b"z", b"torn"), Entry(Kind.OUTBOX, (1, 0), Send("b", b"k", b"torn"))])
    journal.append([*journal.restore().mended(), state(b"y", b"2")])
    journal.commit(Commit(2, outgoing=1))
    for _ in range(2):
        restored = journal.restore()
        assert restored.states == {b"x": b"1", b"y": b"2"}
        assert restored.outbox == ()
        journal.compact()


def test_a_journal_stays_as_small_as_what_it_holds() -> None:
    journal = Journal()
    for index in range(30_000):
        journal.append([state(b"%d" % (index % 10), b"%d" % index)])
        journal.commit(Commit(1, {"a": index}))
    assert len(journal.entries) < 11_000
    assert journal.restore().commit.positions == {"a": 29_999}
    assert len(journal.restore().states) == 10
