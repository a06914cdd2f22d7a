"""What waits in a lane: nothing missing, nothing twice, nobody starved."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.kafka.inbox import Inbox
from services.runtime.record import LogRecord, Record


def records(start: int, end: int, size: int = 1, topic: str = "a") -> list[LogRecord]:
    return [LogRecord(topic, 0, offset, 0, b"k", b"x" * size) for offset in range(start, end)]


def inbox(*topics: str, at: int = 0, capacity: int = 4) -> Inbox:
    made = Inbox(topics, capacity)
    made.expect(dict.fromkeys(topics, at))
    return made


def offsets(batch: Sequence[Record]) -> list[int]:
    return [record.offset for record in batch]


def test_a_chunk_that_starts_too_high_is_refused_until_it_was_asked_for_again() -> None:
    waiting = inbox("a")
    assert waiting.offer("a", records(0, 5)) == "taken"
    assert waiting.offer("a", records(7, 9)) == "refused"
    assert waiting.expected("a") == 5
    waiting.expect({"a": 5})
    assert waiting.offer("a", records(7, 9)) == "hole"
    assert offsets(waiting.cut("a", 100, 100)) == [0, 1, 2, 3, 4]
    assert offsets(waiting.cut("a", 100, 100)) == [7, 8]


def test_what_was_read_before_is_cut_off() -> None:
    waiting = inbox("a", at=3)
    waiting.offer("a", records(0, 2))
    assert not waiting
    waiting.offer("a", records(1, 6))
    assert offsets(waiting.cut("a", 100, 100)) == [3, 4, 5]


def test_every_input_gets_a_turn_and_the_smallest_is_first() -> None:
    waiting = inbox("a", "b")
    waiting.offer("a", records(0, 100))
    waiting.offer("b", records(0, 1, topic="b"))
    assert waiting.waiting() == ["b", "a"]
    waiting.cut("b", 10, 1000)
    assert waiting.waiting() == ["a"]


def test_a_full_input_waits_until_half_of_its_room_is_free() -> None:
    waiting = inbox("a", capacity=2)
    waiting.offer("a", records(0, 1))
    assert waiting.has_room("a")
    waiting.offer("a", records(1, 2))
    assert not waiting.has_room("a")
    assert not waiting.wants("a")
    waiting.cut("a", 10, 10)
    assert waiting.wants("a")


def test_a_record_larger_than_a_batch_goes_alone() -> None:
    waiting = inbox("a")
    waiting.offer("a", [*records(0, 1), *records(1, 2, size=99), *records(2, 4)])
    assert [offsets(waiting.cut("a", 10, 50)) for _ in range(3)] == [[0], [1], [2, 3]]


@given(
    chunks=st.lists(st.integers(1, 9), max_size=8),
    most=st.integers(1, 7),
    size=st.integers(0, 5),
    room=st.integers(1, 9),
)
def test_records_come_out_once_and_in_order(chunks: list[int], most: int, size: int, room: int) -> None:
    waiting, end = inbox("a"), 0
    for length in chunks:
        assert waiting.offer("a", records(end, end + length, size)) == "taken"
        end += length
    found: list[int] = []
    while waiting:
        batch = offsets(waiting.cut("a", most, room))
        assert 1 <= len(batch) <= most
        found += batch
    assert found == list(range(end))


def test_of_a_bulk_input_one_chunk_is_enough_and_it_is_not_in_the_way() -> None:
    made = Inbox(("a", "b"), 4, {"b"})
    made.expect({"a": 0, "b": 0})
    made.offer("b", [LogRecord("b", 0, 0, 70, b"k", b"x"), LogRecord("b", 0, 1, 80, b"k", b"x")])
    assert not made
    assert made.waiting() == []
    assert made.waiting_bulk() == "b"
    assert (made.has_room("a"), made.has_room("b"), made.wants("b")) == (True, False, False)
    assert (made.oldest("b"), made.newest("b"), made.oldest("a"), made.newest("a")) == (70, 80, None, None)
    made.cut("b", 1, 100)
    assert made.oldest("b") == 80
    made.cut("b", 1, 100)
    assert (made.oldest("b"), made.newest("b"), made.wants("b"), made.waiting_bulk()) == (None, 80, True, None)
