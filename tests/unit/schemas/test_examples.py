"""Every contract has an example that people can copy, and a JSON Schema that says the same as the model."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

import baton_schemas
from baton_schemas.catalogue import CONTRACTS, TOPICS
from baton_schemas.envelope import envelop, from_record
from baton_schemas.generate import FOLDER, schema_of, text_of, write

EXAMPLES = Path(baton_schemas.__file__).parent / "examples"
KINDS = sorted(CONTRACTS)
ADDRESS = re.compile(r"[\w.]+@([\w-]+\.[\w.-]+)")


def example(kind: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EXAMPLES / f"{kind}.json").read_text(encoding="utf-8"))
    return loaded


def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8")))


def test_there_is_one_of_each_and_nothing_else() -> None:
    assert sorted(path.stem for path in EXAMPLES.iterdir()) == KINDS
    assert sorted(path.stem for path in FOLDER.iterdir()) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_schema_is_the_models(kind: str) -> None:
    committed = (FOLDER / f"{kind}.json").read_text(encoding="utf-8")
    assert committed == text_of(CONTRACTS[kind]), "run `python -m baton_schemas.generate`"
    Draft202012Validator.check_schema(json.loads(committed))


def test_writing_them_leaves_exactly_them(tmp_path: Path) -> None:
    (tmp_path / "baton.gone.v1.json").write_text("{}")
    written = write(tmp_path)
    assert sorted(tmp_path.iterdir()) == written
    assert [path.read_bytes() for path in written] == [(FOLDER / path.name).read_bytes() for path in written]


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_is_a_cloudevent_that_model_and_schema_accept(kind: str) -> None:
    event = example(kind)
    assert event["type"] == kind
    assert {"specversion", "id", "source", "type", "time", "datacontenttype", "partitionkey", "data"} == set(event)
    validator(kind).validate(event["data"])
    data = CONTRACTS[kind].model_validate_json(json.dumps(event["data"]))
    assert json.loads(data.to_json()) == event["data"], "an example shows the form in which Baton writes"


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_survives_both_modes(kind: str) -> None:
    document = example(kind)
    model = CONTRACTS[kind]
    structured = from_record(
        [("content-type", b"application/cloudevents+json; charset=utf-8")], json.dumps(document).encode()
    )
    data = model.model_validate_json(structured.data or b"")
    assert structured.time is not None
    headers, value = envelop(data, id=structured.id, source=structured.source, time=structured.time)
    binary = from_record(headers, value)
    assert (binary.id, binary.source, binary.type, binary.time) == structured[:4]
    assert model.model_validate_json(binary.data or b"") == data
    assert dict(headers)["ce_time"].decode() == document["time"]


@pytest.mark.parametrize("kind", KINDS)
def test_examples_hold_nobodys_address(kind: str) -> None:
    document = example(kind)
    text = json.dumps(document)
    addresses = ADDRESS.findall(text)
    hosts = addresses + re.findall(r"https?://([\w.-]+)", text)
    assert all(re.fullmatch(r"(www\.)?example\.(com|org|net)", host) for host in hosts)
    assert not ADDRESS.search(document["partitionkey"])


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_fields_are_ignored(kind: str) -> None:
    document = example(kind)["data"]
    more = {**document, "added_in_a_later_minor_version": {"anything": [1]}}
    validator(kind).validate(more)
    model = CONTRACTS[kind]
    assert model.model_validate_json(json.dumps(more)) == model.model_validate_json(json.dumps(document))


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_field_and_a_wrong_type_are_refused_by_name(kind: str) -> None:
    document = example(kind)["data"]
    model = CONTRACTS[kind]
    check = validator(kind)
    for field, info in model.model_fields.items():
        if info.is_required():
            less = {name: value for name, value in document.items() if name != field}
            assert named(model, less) == {field}
            assert not check.is_valid(less)
        wrong = deepcopy(document)
        wrong[field] = 5 if isinstance(document.get(field), dict | list) else {"not": ["this"]}
        if field == "traits" or (info.annotation is not None and "Scalar" in str(info.annotation)):
            wrong[field] = 5
        if is_mapping(kind, field):
            wrong[field] = "text"
        assert named(model, wrong) == {field}, f"{field} of a wrong type"
        assert not check.is_valid(wrong), f"{field} of a wrong type"


def is_mapping(kind: str, field: str) -> bool:
    schema = schema_of(CONTRACTS[kind])["properties"][field]
    return bool(schema.get("type") == "object" or "$ref" in schema)


def named(model: Any, document: dict[str, Any]) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(json.dumps(document))
    return {str(error["loc"][0]) for error in caught.value.errors()}


def test_every_topic_carries_registered_contracts_and_every_contract_travels() -> None:
    carried = {model.TYPE: model for topic in TOPICS.values() for model in topic.records}
    assert carried == CONTRACTS
    assert all(topic.records for topic in TOPICS.values())
    for kind, model in CONTRACTS.items():
        assert re.fullmatch(r"baton\.[a-z]+(\.[a-z]+)*\.v[1-9]\d*", kind)
        assert model.__doc__, f"{kind}: says what it is"
        assert schema_of(model)["x-topics"]
