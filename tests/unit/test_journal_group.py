"""A group as records: what is written reads back, says who wrote it, and ends with its commit record."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.kafka.group import (
    COMMIT,
    OUTBOX,
    Commit,
    Group,
    Line,
    Outgoing,
    encode,
    epoch_of,
    outbox_key,
    read_commit,
    read_outgoing,
    tombstones,
)

EPOCHS = st.integers(0, 2**32 - 1)
HEADERS = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=5)), max_size=3).map(tuple)
OUTGOING = st.builds(
    Outgoing, st.text(max_size=10), st.integers(0, 99), st.binary(), st.none() | st.binary(), headers=HEADERS
)
GROUPS = st.builds(
    Group,
    states=st.dictionaries(st.binary(max_size=8), st.none() | st.binary(max_size=20), max_size=5),
    timers=st.dictionaries(
        st.tuples(st.binary(max_size=5), st.text(max_size=5)), st.none() | st.integers(0, 2**40), max_size=5
    ),
    outbox=st.lists(OUTGOING, max_size=5),
    positions=st.dictionaries(st.text(max_size=5), st.integers(0, 2**60), max_size=3),
    globals=st.dictionaries(st.text(max_size=5), st.integers(0, 2**60), max_size=3),
    read_to=st.integers(0, 2**60),
)


@given(group=GROUPS, epoch=EPOCHS, number=st.integers(0, 2**40))
def test_every_record_says_its_epoch_and_the_commit_record_is_last(group: Group, epoch: int, number: int) -> None:
    lines = list(encode(group, epoch=epoch, number=number))
    assert {epoch_of(line.value, line.headers) for line in lines} == {epoch}
    assert [line.key[:1] == COMMIT for line in lines] == [False] * (len(lines) - 1) + [True]
    assert read_commit(lines[-1].value or b"") == Commit(
        number, len(group.outbox), group.positions, group.globals, group.read_to
    )


@given(group=GROUPS, epoch=EPOCHS)
def test_the_outbox_reads_back_exactly(group: Group, epoch: int) -> None:
    kept = {line.key: line.value for line in encode(group, epoch=epoch, number=1) if line.key[:1] == OUTBOX}
    found = [read_outgoing(kept[outbox_key(epoch, index)] or b"") for index in range(len(group.outbox))]
    assert found == group.outbox


def test_a_tombstone_says_who_wrote_it() -> None:
    (line,) = tombstones([b"c\x00\x00\x00\x01"], 7)
    assert line.value is None
    assert epoch_of(line.value, line.headers) == 7


def test_a_bare_tombstone_has_the_lowest_epoch() -> None:
    assert epoch_of(None, Line(b"s", None).headers) == 0
