"""A record on which a bug stops the worker is passed only when a person said so, and only that record."""

from __future__ import annotations

import pytest

from baton_schemas.catalogue import TOPICS
from baton_schemas.configuration import SkipRequested
from services.runtime import dead_letters
from services.runtime.clock import ManualClock
from services.runtime.effects import Effects, Send
from services.runtime.memory.engine import MemoryEngine, Stopped
from services.runtime.processor import Context
from services.runtime.record import Batch
from services.runtime.skips import SKIPS_TOPIC, position_key
from services.runtime.state import State


class Buggy:
    """Tells every record on; divides by zero at one."""

    name = "buggy"
    state_version = 1
    inputs = ("engagement.events",)
    outputs = ("leads.scored",)
    globals = ()

    def process(self, batch: Batch, state: State, context: Context) -> Effects:  # noqa: ARG002
        if any(record.value == b"bug" for record in batch.records):
            raise ZeroDivisionError("ada@example.com")
        return Effects(sends=[Send("leads.scored", record.key or b"", record.value) for record in batch.records])

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:  # noqa: ARG002
        raise AssertionError("sets no timer")


def engine() -> MemoryEngine:
    engine = MemoryEngine([Buggy()], clock=ManualClock(1000), partitions=1, topics=TOPICS)
    for value in (b"a", b"bug", b"b", b"bug", b"c"):
        engine.publish("engagement.events", b"k", value)
    return engine


def ask(engine: MemoryEngine, offset: int, value: bytes | None = None) -> None:
    data = SkipRequested(topic="engagement.events", partition=0, offset=offset, reason="ticket 7", at=1000)
    engine.publish(SKIPS_TOPIC, position_key("engagement.events", 0, offset), value or data.to_json())


def told(engine: MemoryEngine) -> list[bytes | None]:
    """In order; what a restart tells again is told once."""
    return list(dict.fromkeys(record.value for record in engine.records("leads.scored")))


def test_without_a_word_the_worker_stops_there_again_and_again() -> None:
    stuck = engine()
    for _ in range(2):
        with pytest.raises(Stopped):
            stuck.run_until_idle()
    assert told(stuck) == [b"a"]


def test_a_word_passes_that_record_and_stops_at_the_next() -> None:
    stuck = engine()
    ask(stuck, 1)
    with pytest.raises(Stopped):
        stuck.run_until_idle()
    assert told(stuck) == [b"a", b"b"]
    ask(stuck, 3)
    stuck.run_until_idle()
    assert told(stuck) == [b"a", b"b", b"c"]


def test_what_was_passed_is_a_dead_letter_with_the_reason_and_can_be_replayed() -> None:
    stuck = engine()
    ask(stuck, 1)
    ask(stuck, 3)
    stuck.run_until_idle()
    letters = [dead_letters.read(record) for record in stuck.records("engagement.events.dead")]
    assert [(letter.code, letter.field, letter.fix) for letter in letters] == [
        ("skipped", "ZeroDivisionError", "ticket 7")
    ] * 2
    assert letters[0].replay().value == b"bug"


def test_a_word_for_a_good_record_changes_nothing() -> None:
    fine = MemoryEngine([Buggy()], clock=ManualClock(1000), partitions=1, topics=TOPICS)
    fine.publish("engagement.events", b"k", b"a")
    ask(fine, 0)
    fine.run_until_idle()
    assert told(fine) == [b"a"]
    assert fine.records("engagement.events.dead") == []


def test_a_word_that_can_not_be_read_is_none() -> None:
    stuck = engine()
    ask(stuck, 1, b"{}")
    with pytest.raises(Stopped):
        stuck.run_until_idle()
