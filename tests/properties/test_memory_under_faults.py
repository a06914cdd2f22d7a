"""Whatever the traffic, the cuts and the crashes: the memory engine comes to what the log alone says."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton_schemas.catalogue import MIB
from services.runtime.clock import ManualClock, TimeScale
from services.runtime.decide import Decision, Limits, decide_batch
from services.runtime.effects import Effects, Send
from services.runtime.memory import Faults, Gap, MemoryEngine
from services.runtime.processor import Context
from services.runtime.record import Batch, LogRecord
from services.runtime.state import Overlay
from tests.contract import toy
from tests.contract.verify import Report, verify

KEYS = [b"ann", b"bob", b"cyd", b"\xff\xfe", b"", None]
VALUES = [
    *[b"plain"] * 3, None, b"\xff\xfe", b"!letter", b"!permanent", b"!large", b"!fat", b"!transient 1", b"!wide 4",
    b"!forget", b"!timer call 40", b"!timer call 5", b"!timer visit 20", b"!timer repeat 15", b"!timer permanent 10",
    b"!timer past -10", b"!cancel call", b"!cancel visit",
]  # fmt: skip
UNTIMED = [value for value in VALUES if value is None or not value.startswith((b"!timer", b"!cancel", b"!forget"))]
"""What may come in bulk: a timer does not wait for what lies there, so whether it still rings would be open."""


class Publish(NamedTuple):
    topic: str
    key: bytes | None
    value: bytes | None


class Pass(NamedTuple):
    milliseconds: int


class Sleep(NamedTuple):
    """Time passes while nobody works."""

    milliseconds: int


class Configure(NamedTuple):
    label: bytes


class Idle(NamedTuple):
    restart: bool


Step = Publish | Pass | Sleep | Configure | Idle
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Publish, st.sampled_from([toy.ALPHA, toy.BETA]), st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.builds(Publish, st.just(toy.BULK), st.sampled_from(KEYS), st.sampled_from(UNTIMED)),
    st.builds(Publish, st.just(toy.ALPHA), st.sampled_from(KEYS[:2]), st.sampled_from(VALUES)),
    st.builds(Pass, st.integers(0, 30)),
    st.builds(Sleep, st.integers(0, 60)),
    st.builds(Configure, st.sampled_from([b"red", b"green"])),
    st.builds(Idle, st.booleans()),
)


def play(steps: list[Step], seed: int, faults: Faults | None, max_batch: int, rate: float = 1.0) -> MemoryEngine:
    clock = ManualClock(1_000_000, TimeScale(1_000_000, rate))
    engine = MemoryEngine(
        [toy.Toy()],
        clock=clock,
        partitions=3,
        topics=toy.TOPICS,
        seed=seed,
        faults=faults,
        max_batch=max_batch,
        attempts=50,
    )
    for step in steps:
        match step:
            case Publish(topic, key, value):
                engine.publish(topic, key, value)
            case Pass(milliseconds):
                engine.advance(milliseconds)
            case Sleep(milliseconds):
                clock.advance(milliseconds)
            case Configure(label):
                engine.publish(toy.CONFIG, b"label", label)
            case Idle(restart):
                engine.run_until_idle()
                if restart:
                    for partition in range(engine.log.partitions):
                        engine.log.journal("toy", toy.Toy.state_version, partition).compact()
                    engine.restart("toy")
    engine.advance(1000)
    return engine


def judge(engine: MemoryEngine) -> Report:
    report = verify(engine.records, scale=engine.clock.scale)
    assert not report.broken, "\n".join(report.broken[:10])
    tallies: dict[tuple[int, bytes], tuple[int, list[int]]] = {}
    groups: dict[bytes, int] = {}
    for partition in range(engine.log.partitions):
        for key, packed in engine.state("toy", partition).items():
            tally = toy.unpack(packed)
            if key.startswith(toy.INTERNAL.encode()):
                groups[key.partition(b"|+")[2]] = tally.n
            elif tally.n:
                tallies[partition, key] = (tally.n, tally.last)
    assert tallies == report.expected.tallies
    assert groups == dict(report.expected.groups)
    return report


@settings(max_examples=500, deadline=None)
@given(
    steps=st.lists(STEPS, min_size=1, max_size=60),
    seed=st.integers(0, 2**32),
    crash=st.sampled_from([0.0, 0.02, 0.1, 0.3]),
    transient=st.sampled_from([0.0, 0.2]),
    max_batch=st.sampled_from([1, 3, 1000]),
    rate=st.sampled_from([1.0, 60.0]),
)
def test_any_traffic_cuts_and_crashes_come_to_what_the_log_says(
    steps: list[Step], seed: int, crash: float, transient: float, max_batch: int, rate: float
) -> None:
    faults = Faults(crash, transient=transient, transient_times=3, most=40)
    report = judge(play(steps, seed, faults, max_batch, rate))
    if not faults.hits:
        assert report.repeats == 0 or any(isinstance(step, Idle) and step.restart for step in steps)


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(STEPS, max_size=20), seed=st.integers(0, 2**32))
def test_a_seed_gives_the_same_logs_again(steps: list[Step], seed: int) -> None:
    first, second = (play(steps, seed, Faults(0.1), 3) for _ in range(2))
    for topic in first.log.topics:
        assert first.records(topic) == second.records(topic)


TRAFFIC: list[Step] = [
    *(Publish(topic, key, b"!wide 3") for topic in (toy.ALPHA, toy.BETA) for key in KEYS[:3]),
    *(Publish(toy.ALPHA, key, b"!timer call 20") for key in KEYS[:3]),
    Idle(restart=True),
    *(Publish(toy.ALPHA, key, b"plain") for key in KEYS[:3]),
    Pass(100),
    Idle(restart=True),
    *(Publish(toy.BETA, key, b"plain") for key in KEYS[:3]),
]


@pytest.mark.parametrize("gap", Gap)
@pytest.mark.parametrize("visit", range(3))
@pytest.mark.parametrize("seed", range(3))
def test_a_crash_in_each_gap_loses_nothing_and_decides_nothing_twice(gap: Gap, visit: int, seed: int) -> None:
    faults = Faults(at={gap: {visit, visit + 1}})
    judge(play(TRAFFIC, seed, faults, 2))
    assert faults.hits[gap] == 2


def _one_by_one(records: list[LogRecord], state: Overlay, context: Context, limits: Limits) -> Decision:
    return _in_pieces(records, lambda _: 1, state, context, limits)


def _in_pieces(
    records: list[LogRecord], size: Callable[[int], int], state: Overlay, context: Context, limits: Limits
) -> Decision:
    processor, effects, start = toy.Toy(), Effects(), 0
    outgoing: list[Send] = []
    while start < len(records):
        piece = records[start : start + size(start)]
        batch = Batch(toy.ALPHA, 0, piece)
        decision = decide_batch(processor, batch, Overlay(state, effects.states), context, limits)
        effects.absorb(decision.effects)
        outgoing += decision.outgoing
        start += decision.consumed
        if decision.failure is not None:
            return Decision(effects, tuple(outgoing), start, decision.failure)
    return Decision(effects, tuple(outgoing), start)


def _split(outgoing: tuple[Send, ...]) -> tuple[list[Send], list[Send]]:
    letters = [send for send in outgoing if send.topic.endswith(".dead")]
    return [send for send in outgoing if not send.topic.endswith(".dead")], letters


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(st.sampled_from([v for v in VALUES if v != b"!transient 1"] + [b"!bug", b"!stray"]), max_size=30),
    keys=st.lists(st.sampled_from(KEYS), min_size=30, max_size=30),
    cuts=st.lists(st.integers(1, 30), min_size=30, max_size=30),
)
def test_a_batch_cut_anyhow_decides_as_record_by_record(
    values: list[bytes | None], keys: list[bytes | None], cuts: list[int]
) -> None:
    records = [LogRecord(toy.ALPHA, 0, i, 1000 + i, keys[i], value) for i, value in enumerate(values)]
    context, limits = Context(0, 1), Limits(lambda _: MIB, MIB)
    empty = Overlay({})
    whole = _in_pieces(records, cuts.__getitem__, empty, context, limits)
    single = _one_by_one(records, empty, context, limits)
    # letters follow the sends of their batch, so only the order between the two kinds depends on the cut
    assert _split(whole.outgoing) == _split(single.outgoing)
    assert (whole.effects.states, whole.effects.timers) == (single.effects.states, single.effects.timers)
    assert (whole.consumed, repr(whole.failure)) == (single.consumed, repr(single.failure))
