"""CloudEvents 1.0 on Kafka, both modes. The cases of the project's own conformance features for the Kafka binding and
its event sets stand here as data."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton_schemas.envelope import EnvelopeError, Event, envelop, from_record, to_headers
from baton_schemas.feedback import InsightReported

Headers = list[tuple[str, bytes | None]]
BINARY: Headers = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"1234-1234-1234"),
    ("ce_type", b"com.example.someevent"),
    ("ce_source", b"/mycontext/subcontext"),
    ("ce_time", b"2018-04-05T03:56:24Z"),
    ("content-type", b"application/json"),
]
STRUCTURED = {
    "specversion": "1.0",
    "type": "com.example.someevent",
    "time": "2018-04-05T03:56:24Z",
    "id": "1234-1234-1234",
    "source": "/mycontext/subcontext",
    "datacontenttype": "application/json",
    "data": {"message": "Hello World!"},
}
TIME = 1_522_900_584_000


def structured(**changes: object) -> Event:
    document = {name: value for name, value in {**STRUCTURED, **changes}.items() if value is not ...}
    return from_record([("content-type", b"application/cloudevents+json")], json.dumps(document).encode())


def assert_is_the_conformance_event(event: Event) -> None:
    assert event.id == "1234-1234-1234"
    assert event.type == "com.example.someevent"
    assert event.source == "/mycontext/subcontext"
    assert event.time == TIME
    assert event.datacontenttype == "application/json"
    assert event.data is not None
    assert json.loads(event.data) == {"message": "Hello World!"}


def test_binary_content_mode() -> None:
    assert_is_the_conformance_event(from_record(BINARY, b'{"message": "Hello World!"}'))


@pytest.mark.parametrize(
    "content_type",
    ["application/cloudevents+json", "application/cloudevents+json; charset=utf-8", "Application/CloudEvents+JSON"],
)
def test_structured_content_mode(content_type: str) -> None:
    event = from_record([("content-type", content_type.encode())], json.dumps(STRUCTURED, indent=4).encode())
    assert_is_the_conformance_event(event)


@pytest.mark.parametrize("data", ["Hello, 🌎!", {"msg": "Hello, 🌎!"}, ["Hello", "🌎!"], 5, False])
def test_minimal_events_with_any_json(data: object) -> None:
    event = structured(time=..., datacontenttype="application/json; charset=utf-8", data=data)
    assert event.time is None
    assert event.data is not None
    assert json.loads(event.data) == data


def test_extensions_travel_in_both_modes() -> None:
    extensions = {"comexampleextension1": "value", "comexampleextension2": '{"othervalue": 5}'}
    in_text = structured(**extensions)
    in_headers = from_record([*BINARY, *((f"ce_{name}", text.encode()) for name, text in extensions.items())], b"{}")
    assert in_text.extensions == in_headers.extensions == tuple(sorted(extensions.items()))
    assert structured(sequence=7).extensions == (("sequence", "7"),)


def test_foreign_headers_and_null_headers_do_not_matter() -> None:
    event = from_record([("user-agent", b"\xff"), ("trace", None), *BINARY], b"{}")
    assert event.extensions == ()


def test_header_names_are_compared_without_case_and_the_first_counts() -> None:
    shouted: Headers = [(name.upper(), value) for name, value in BINARY]
    assert from_record([*shouted, ("ce_id", b"second")], b"{}").id == "1234-1234-1234"


def test_a_deletion_of_a_compacted_topic_has_no_data() -> None:
    assert from_record(BINARY, None).data is None
    assert structured(data=...).data is None
    assert structured(data=None).data is None


def test_base64_data() -> None:
    assert structured(data=..., data_base64=base64.b64encode(b"[1]").decode()).data == b"[1]"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": ...}, "specversion"),
        ({"id": ""}, "id"),
        ({"id": ...}, "id"),
        ({"id": None}, "id"),
        ({"id": 5}, "id"),
        ({"source": ...}, "source"),
        ({"type": ""}, "type"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2018-04-05T03:56:24"}, "time"),
        ({"data": ..., "data_base64": "not base64!"}, "data_base64"),
        ({"data": ..., "data_base64": 5}, "data_base64"),
    ],
)
def test_a_structured_event_that_is_none_names_the_attribute(changes: dict[str, object], field: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        structured(**changes)
    assert caught.value.field == field
    assert caught.value.fix
    assert "yesterday" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "value", "field"),
    [
        ([], b"{}", "ce_specversion"),
        ([("content-type", b"application/cloudevents-batch+json")], b"[]", "content-type"),
        ([("content-type", b"application/cloudevents+json")], b"{", "value"),
        ([("content-type", b"application/cloudevents+json")], None, "value"),
        ([("content-type", b"application/cloudevents+json")], b"[]", "value"),
        ([("content-type", b"application/cloudevents+json")], b"[" * 100_000, "value"),
        ([("content-type", b"application/cloudevents+json")], b'{"id":"\\ud800"}', "value"),
        ([*BINARY[:1], ("ce_id", b"\xff")], b"{}", "ce_ headers"),
    ],
)
def test_a_record_that_is_no_event_names_what_is_wrong(headers: Headers, value: bytes | None, field: str) -> None:
    with pytest.raises(EnvelopeError) as caught:
        from_record(headers, value)
    assert caught.value.field == field


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@settings(max_examples=200)
@given(words, words, st.integers(-62_135_596_800_000, 253_402_300_799_999), st.dictionaries(words, words, max_size=3))
def test_what_is_written_is_read_back(event_id: str, source: str, time: int, notes: dict[str, str]) -> None:
    data = InsightReported(lead="l", handoff="h", pains=list(notes.values()), at=time)
    headers, value = envelop(data, id=event_id, source=source, time=time)
    event = from_record(headers, value)
    assert event[:4] == (event_id, source, data.TYPE, time)
    assert InsightReported.model_validate_json(event.data or b"") == data
    assert envelop(data, id=event_id, source=source, time=time) == (headers, value)


def test_headers_are_always_in_one_order() -> None:
    names = [name for name, _ in to_headers(id="i", source="s", type="t", time=0, extensions=(("k", "v"),))]
    assert names == ["content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_k"]


headers_of_anybody = st.lists(
    st.tuples(st.sampled_from(["content-type", "ce_specversion", "ce_id", "ce_time", "x"]), st.binary(max_size=40))
)


@settings(max_examples=300)
@given(headers_of_anybody, st.binary())
def test_no_bytes_break_the_reader(headers: list[tuple[str, bytes]], value: bytes) -> None:
    with suppress(EnvelopeError):
        from_record(headers, value)
