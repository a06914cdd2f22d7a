"""A dead letter holds its original exactly, and the way back to where it stood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import dead_letters
from services.runtime.effects import DeadLetter, Send
from services.runtime.errors import UserError
from services.runtime.origin import Origin, origin_of
from services.runtime.record import LogRecord

NAMES = st.one_of(st.text(max_size=5), st.sampled_from(["baton-dead-code", "baton-dead-cut", "baton-dead-null-key"]))
HEADERS = st.lists(st.tuples(NAMES, st.binary(max_size=5)), max_size=4).map(tuple)
RECORDS = st.builds(
    LogRecord,
    st.just("stage.in"),
    st.integers(0, 99),
    st.integers(0, 2**60),
    st.integers(0, 2**50),
    st.none() | st.binary(max_size=9),
    st.none() | st.binary(max_size=99),
    HEADERS,
)


def render(record: LogRecord, *, code: str = "rotten", limit: int = 5000) -> Send:
    letter = DeadLetter(record, code, "data.email", "send it as text")
    return dead_letters.render(letter, topic="in", processor="scorer", limit=limit)


def landed(send: Send, offset: int = 7) -> LogRecord:
    return LogRecord(send.topic, 0, offset, 5, send.key, send.value, send.headers)


@given(RECORDS)
def test_what_is_buried_reads_back_exactly(record: LogRecord) -> None:
    send = render(record)
    assert send == render(record)
    buried = dead_letters.read(landed(send))
    assert (buried.key, buried.value, buried.headers) == (record.key, record.value, record.headers)
    assert (buried.code, buried.field, buried.fix) == ("rotten", "data.email", "send it as text")
    assert (buried.processor, buried.timestamp) == ("scorer", record.timestamp)
    assert buried.origin == Origin("in", record.partition, record.offset)
    again = buried.replay()
    assert (again.topic, again.key, again.value) == ("in", record.key, record.value)
    assert again.headers == (*record.headers, buried.origin.header())


@given(RECORDS)
def test_a_letter_of_a_replay_keeps_the_first_origin(record: LogRecord) -> None:
    first = dead_letters.read(landed(render(record))).replay()
    replayed = LogRecord("stage.in", 5, 10_000, 6, first.key, first.value, first.headers)
    second = dead_letters.read(landed(render(replayed))).replay()
    assert second == first
    assert origin_of(replayed, "in") == Origin("in", record.partition, record.offset)


@given(RECORDS)
def test_a_dead_letter_may_die_itself(record: LogRecord) -> None:
    outer = landed(render(record))
    assert dead_letters.read(landed(render(outer))).headers == outer.headers


def test_an_original_that_would_not_fit_is_cut_to_its_position() -> None:
    record = LogRecord("in", 2, 41, 5, b"k" * 3000, b"v" * 9000, (("h", b"x"),))
    send = render(record)
    assert dead_letters.size_of(send) <= 5000
    buried = dead_letters.read(landed(send))
    assert buried.cut
    assert (buried.origin, buried.value) == (Origin("in", 2, 41), None)
    with pytest.raises(UserError, match="in/2/41: too large"):
        buried.replay()


def test_long_or_odd_words_cannot_jam_the_dead_topic() -> None:
    record = LogRecord("in", 2, 41, 5, b"k", b"v")
    buried = dead_letters.read(landed(render(record, code="\ud800" + "x" * 9000)))
    assert len(buried.code) < 1000


def test_a_dead_timer_cannot_be_replayed() -> None:
    letter = dead_letters.timer_letter(
        ("rotten", "", ""), topic="in", partition=3, key=b"k", name="call", due=8, timestamp=9
    )
    buried = dead_letters.read(landed(dead_letters.render(letter, topic="in", processor="p", limit=5000)))
    assert buried.of_timer
    with pytest.raises(UserError, match="a timer died"):
        buried.replay()


def test_what_is_no_dead_letter_is_named() -> None:
    with pytest.raises(UserError, match=r"in\.dead/0/7: header baton-dead-code: missing"):
        dead_letters.read(LogRecord("in.dead", 0, 7, 5, b"k", b"v"))


@pytest.mark.parametrize("value", [b"", b"in/1", b"in/x/2", b"\xff/1/2", None])
def test_an_origin_that_cannot_be_read_is_somebody_elses(value: bytes) -> None:
    assert origin_of(LogRecord("stage.in", 1, 2, 3, None, None, (("baton-origin", value),)), "in") == ("in", 1, 2)


@given(RECORDS)
def test_the_size_is_never_below_what_the_log_counts(record: LogRecord) -> None:
    builder = pytest.importorskip("aiokafka.record.default_records").DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=1,
        producer_epoch=1,
        base_sequence=0,
        batch_size=9999,
    )
    send = render(record)
    builder.append(0, timestamp=2**50, key=send.key, value=send.value, headers=list(send.headers))
    assert len(builder.build()) <= dead_letters.size_of(send)
