"""Bulk topics give way, on every engine: to what is behind, to what comes in, and to timers."""

from __future__ import annotations

import json

from tests.contract.engines import Builder, EngineUnderTest
from tests.contract.test_contract import check
from tests.contract.toy import ALPHA, BULK, DECIDED, RANG


def in_time(engine: EngineUnderTest) -> list[tuple[int, str, int]]:
    """What was decided, in the order in which it was told: when (ms), and the record's topic and partition."""
    told = [(record.timestamp, *json.loads(record.value or b"")["at"][:2]) for record in engine.records(DECIDED)]
    return sorted(told, key=lambda each: each[0])


def test_no_bulk_record_is_decided_while_live_ones_are_behind_in_any_partition(build: Builder) -> None:
    engine = build(max_batch=20)
    for _ in range(2000):
        engine.publish(ALPHA, b"live", b"plain", partition=0)
    for _ in range(50):
        engine.publish(BULK, b"past", b"plain", partition=1)
        engine.publish(BULK, b"live", b"plain", partition=0)
    engine.pass_time(1500)
    engine.start()
    engine.drain()
    check(engine)
    told = in_time(engine)
    assert len(told) == 2100
    if not engine.slack_ms:  # a clock that stands still says nothing, the order of arrival does
        told = [(place, topic, partition) for place, (_, topic, partition) in enumerate(told)]
    live = [at for at, topic, _ in told if topic == ALPHA]
    early = [at for at, topic, _ in told if topic == BULK and at < live[-1] - engine.slack_ms]
    assert early == []


def test_bulk_is_read_to_its_end_beside_live_traffic_and_over_a_kill(build: Builder) -> None:
    engine = build(max_batch=5)
    for index in range(300):
        engine.publish(BULK, b"p%d" % (index % 9), b"plain")
    engine.start()
    for index in range(40):
        engine.publish(ALPHA, b"p%d" % (index % 9), b"plain")
    engine.kill()
    engine.publish(ALPHA, b"p1", b"plain")
    engine.start()
    engine.drain()
    check(engine)
    assert {topic for _, topic, _ in in_time(engine)} == {ALPHA, BULK}


def test_a_timer_does_not_wait_for_bulk(build: Builder) -> None:
    engine = build(max_batch=20)
    engine.publish(ALPHA, b"ann", b"!timer call 600")
    engine.start()
    engine.drain()
    engine.stop()
    for _ in range(1000):
        engine.publish(BULK, b"ann", b"!wide 3")
    engine.pass_time(700)
    engine.start()
    engine.drain()
    check(engine)
    rung = min(record.timestamp for record in engine.records(RANG))
    assert rung <= [at for at, topic, _ in in_time(engine) if topic == BULK][-1]
