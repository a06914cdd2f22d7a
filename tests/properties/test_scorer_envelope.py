"""However an envelope is read fast, it is what `from_record` says, and what that refuses is refused in its words."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import example, given, settings

from baton_schemas.envelope import EnvelopeError, from_record, to_headers
from services.runtime.errors import Permanent
from services.runtime.record import LogRecord
from services.scorer.intake import open_envelope

USUAL = to_headers(id="e1", source="/s", type="a.b.v1", time=1_772_443_800_123)
NAMES = st.sampled_from([name for name, _ in USUAL] + ["Ce_Id", "CONTENT-TYPE", "ce_other", "baton-origin"])
TEXTS = st.sampled_from(
    (
        *(None, b"", b"e2", "é".encode(), b"1.0", b"1.1", b"application/json", b"application/json; charset=utf-8"),
        *(b"2026-03-02T09:30:00Z", b"2026-03-02T09:30:00.123456+01:00", b"yesterday", b"2026-03-02T09:30:00"),
    )
)
Headers = list[tuple[str, bytes | None]]


@settings(max_examples=500, deadline=None)
@given(
    st.permutations(USUAL) | st.just(list(USUAL)),
    st.lists(st.tuples(st.integers(0, 6), NAMES, TEXTS), max_size=2),
    st.lists(st.integers(0, 5), max_size=1),
)
@example(list(USUAL), [(2, "ce_id", None)], [2])
@example(list(USUAL), [(2, "ce_id", b"")], [2])
@example(list(USUAL), [(4, "ce_type", b"")], [4])
@example(list(reversed(USUAL)), [(0, "ce_id", b"")], [3])
@example(list(USUAL), [(3, "ce_source", b"\xff")], [3])
@example(list(USUAL), [(6, "baton-origin", b"t/0/1"), (7, "baton-recorded", b"5")], [])
@example(list(reversed(USUAL)), [(6, "baton-origin", b"t/0/1"), (7, "baton-recorded", b"5")], [])
@example(list(USUAL), [(0, "ce_id", b"first")], [])
@example(list(USUAL), [(0, "Ce_Id", b"first")], [])
@example(list(USUAL), [(6, "ce_id", b"last")], [])
def test_an_envelope_read_fast_is_what_the_headers_say(
    headers: Headers, more: list[tuple[int, str, bytes | None]], gone: list[int]
) -> None:
    said = [each for index, each in enumerate(headers) if index not in gone]
    for place, name, text in more:
        said.insert(place, (name, text))
    assert opened(said) == plainly(said)


def opened(headers: Headers) -> tuple[object, ...]:
    """What the scorer reads, or why it does not."""
    record = LogRecord("t", 0, 0, 0, None, b"{}", tuple(headers))  # type: ignore[arg-type]  # a log may hold nulls
    try:
        read = open_envelope(record)
    except Permanent as error:
        return error.code, error.field, error.fix
    return read.id, read.source, read.type, read.time, read.data


def plainly(headers: Headers) -> tuple[object, ...]:
    """The same, of the schemas' own reading."""
    try:
        event = from_record(headers, b"{}")
    except EnvelopeError as error:
        return "not_cloudevent", error.field, error.fix
    return event.id, event.source, event.type, event.time, event.data
