"""What holds for all contracts: what is nullable may be absent, numbers are finite and exact, times are instants."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from baton_schemas.catalogue import CONTRACTS
from baton_schemas.contract import format_time, parse_time
from baton_schemas.engagement import EngagementRecorded, PersonIdentified
from baton_schemas.feedback import ModelPublished, OutcomeLabelled, OutcomeReported

FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999


@pytest.mark.parametrize("kind", sorted(CONTRACTS))
def test_what_may_be_null_may_be_absent_because_nones_are_left_out(kind: str) -> None:
    for name, field in CONTRACTS[kind].model_fields.items():
        if type(None) in get_args(field.annotation):
            assert not field.is_required(), f"{kind}: {name} would not survive to_json"


def test_a_label_taken_back_and_a_first_model_survive_the_wire() -> None:
    versions = {"definition": "d", "definition_version": 1, "definition_digest": "x", "model_version": 0}
    label = OutcomeLabelled.model_validate(
        {
            "lead": "l", "handoff": "h", "revision": 2, "good": None, "stage": "reopened", "criteria": [],
            "versions": versions, "at": 0,
        }
    )  # fmt: skip
    assert OutcomeLabelled.model_validate_json(label.to_json()) == label
    model = ModelPublished(
        definition="d", definition_digest="x", version=1, parent=None, criteria={}, labels=0, at=0, cause="c"
    )
    assert ModelPublished.model_validate_json(model.to_json()) == model


@settings(max_examples=200)
@given(st.integers(FIRST, LAST))
def test_times_survive_the_wire_to_the_millisecond(moment: int) -> None:
    assert parse_time(format_time(moment)) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("2026-03-02T09:30:00.1239Z", 1_772_443_800_123),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_times_are_instants_whatever_the_zone(text: str, moment: int) -> None:
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    "text", ["2026-03-02T09:30:00", "yesterday", "", "2026-02-30T00:00:00Z", "2026-03-02T25:00:00Z"]
)
def test_what_is_no_instant_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="2026-03-02T09:30:00Z") as caught:
        parse_time(text)
    assert not text or text == "2026-03-02T09:30:00" or text not in str(caught.value)


def outcome(**changes: Any) -> bytes:
    data = {"lead": "l", "handoff": "h", "kind": "won", "at": "2026-03-02T09:30:00Z", **changes}
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"at": "2026-03-02T09:30:00"}, "at"),
        ({"at": "9999-12-31T23:59:59.999-01:00"}, "at"),
        ({"kind": "sold"}, "kind"),
        ({"lead": ""}, "lead"),
        ({"lead": "l" * 129}, "lead"),
        ({"note": "n" * 10_001}, "note"),
        ({"automated": "perhaps"}, "automated"),
    ],
)
def test_values_out_of_bounds_are_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OutcomeReported.model_validate_json(outcome(**changes))
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_are_finite(number: str) -> None:
    with pytest.raises(ValidationError):
        PersonIdentified.model_validate_json(f'{{"person":{{"user_id":"u"}},"traits":{{"employees":{number}}}}}')


def test_counts_are_exact_in_every_language() -> None:
    base = json.loads(
        b'{"definition":"d","definition_digest":"x","criteria":{},"at":"2026-03-02T09:30:00Z","cause":"c"}'
    )
    for version, labels in ((2**53, 0), (1, -1)):
        with pytest.raises(ValidationError):
            ModelPublished.model_validate_json(json.dumps({**base, "version": version, "labels": labels}))


@pytest.mark.parametrize("person", [{}, {"email": None}, {"email": "x"}, {"user_id": ""}])
def test_an_event_without_a_usable_identifier_is_refused(person: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        EngagementRecorded.model_validate_json(json.dumps({"person": person, "action": "page_viewed"}))
    assert {error["loc"][0] for error in caught.value.errors()} == {"person"}


def test_equal_values_are_equal_bytes_without_nones() -> None:
    one = OutcomeReported.model_validate_json(outcome(note=None))
    other = OutcomeReported.model_validate_json(json.dumps(dict(reversed(list(json.loads(outcome()).items())))))
    assert one.to_json() == other.to_json()
    assert b"null" not in one.to_json()
