"""A condition on an event asks what it would ask of the event's values by name, were they laid out like traits."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from baton_schemas.documents.condition import Condition
from baton_schemas.engagement import EngagementRecorded
from services.scorer.conditions import Event, compile_condition, compile_each, compile_event_condition
from services.scorer.hot import read_act
from services.scorer.operators import Answer

NAMES = ("path", "seats", "form")
FIELDS = ("url", "user_agent", "campaign.name", "campaign.source", "campaign.term")
WORDS = (
    "/pricing", "/Pricing?a=1", "yes", "no", "true", "7", "", "2026-03-01", "2026-03-02T01:00:00+02:00",
    "a@mail.acme.example", "https://www.acme.example/x?y=a@b.c",
)  # fmt: skip
VALUE = st.sampled_from((*WORDS, 7, 0, 1, True, False))
TEST = st.one_of(
    st.fixed_dictionaries({"equals": VALUE}),
    st.fixed_dictionaries({"in": st.lists(VALUE, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"contains": st.sampled_from(("pric", "E"))}, optional={"exists": st.just(value=True)}),
    st.fixed_dictionaries({"gte": st.sampled_from((0.5, 7.0))}, optional={"lte": st.just(7.0)}),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries({"starts_with": st.sampled_from(("/P", "A@"))}, optional={"ends_with": st.just("example")}),
    st.fixed_dictionaries({"gt": st.sampled_from((6.9, 7.0))}, optional={"lt": st.just(7.1)}),
    st.fixed_dictionaries({"after": st.just("2026-02-28")}, optional={"before": st.just("2026-03-02")}),
    st.fixed_dictionaries({"domain": st.sampled_from(("acme.example", ["mail.acme.example", "b.c"]))}),
    st.fixed_dictionaries({"under_domain": st.just("acme.example")}),
    st.fixed_dictionaries({"has_all": st.lists(VALUE, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"has_none": st.lists(VALUE, min_size=1, max_size=2)}, optional={"exists": st.booleans()}),
)
SUBJECT = st.one_of(
    st.fixed_dictionaries({"property": st.sampled_from(NAMES)}),
    st.fixed_dictionaries({"field": st.sampled_from(FIELDS)}),
)
ONE = st.tuples(SUBJECT, TEST).map(lambda parts: {**parts[0], **parts[1]})
CONDITION = st.recursive(
    ONE,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=5,
)
TEXT = st.sampled_from(WORDS) | st.none()
EVENT = st.fixed_dictionaries(
    {"person": st.just({"user_id": "7"}), "action": st.just("joined")},
    optional={
        "url": TEXT,
        "user_agent": TEXT,
        "campaign": st.none() | st.dictionaries(st.sampled_from(("name", "source", "term")), TEXT),
        "properties": st.dictionaries(st.sampled_from(NAMES), VALUE | st.none() | st.lists(VALUE, max_size=2)),
    },
)


@settings(max_examples=400, deadline=None)
@given(CONDITION, EVENT)
def test_an_event_is_asked_where_its_values_are(condition: dict[str, Any], event: dict[str, Any]) -> None:
    asked, data = Condition.model_validate(condition), json.dumps(event).encode()
    told = EngagementRecorded.model_validate_json(data)
    plain = compile_condition(asked)(laid_out(told))
    assert compile_event_condition(asked)(told) == plain
    if (act := read_act(data)) is not None:
        assert compile_event_condition(asked)(act) == plain


def laid_out(event: Event) -> dict[str, Answer]:
    """The properties by name, the event's own fields behind an @."""
    values: dict[str, Answer] = {**event.properties, "@url": event.url, "@user_agent": event.user_agent}
    for part in ("name", "source", "term"):
        values[f"@campaign.{part}"] = None if event.campaign is None else getattr(event.campaign, part)
    return values


TRAITS = st.dictionaries(
    st.sampled_from(NAMES),
    VALUE | st.sampled_from((1.0, 7.0, "x" * 101 + "pric", None)) | st.lists(VALUE, max_size=2),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(CONDITION, min_size=1, max_size=4), st.lists(TRAITS, min_size=1, max_size=6))
def test_several_conditions_at_once_answer_as_each_alone(
    conditions: list[dict[str, Any]], people: list[dict[str, Any]]
) -> None:
    asked = [Condition.model_validate(condition) for condition in conditions]
    holding, tests = compile_each(asked), [compile_condition(condition) for condition in asked]
    for traits in people + people:  # what is remembered answers the same
        assert holding(traits) == sum(1 << place for place, test in enumerate(tests) if test(traits))


SAYS = [
    ({"starts_with": "/Pri"}, "/pricing", True),
    ({"starts_with": "pri"}, "/pricing", False),
    ({"ends_with": "NG"}, "/pricing", True),
    ({"gt": 7}, 7, False),
    ({"gt": 7, "lte": 8}, "8.0", True),
    ({"lt": 7}, 7.0, False),
    ({"lt": 7}, True, False),
    ({"before": "2026-03-02"}, "2026-03-01", True),
    ({"before": "2026-03-02"}, "2026-03-02", False),
    ({"after": "2026-03-01"}, "2026-03-02T01:00:00+02:00", False),
    ({"after": "2026-03-01"}, "2026-03-01T23:30:00-02:00", True),
    ({"after": "2026-03-01"}, "soon", False),
    ({"domain": "acme.example"}, "https://www.Acme.example:8080/x?y=a@b.c", True),
    ({"domain": "acme.example"}, "ada@mail.acme.example", False),
    ({"under_domain": "acme.example"}, "ada@mail.acme.example", True),
    ({"under_domain": "acme.example"}, "notacme.example", False),
    ({"under_domain": ["acme.example", "b.c"]}, ["x", "b.c"], True),
    ({"has_all": ["a", 7]}, ["A", "7", "z"], True),
    ({"has_all": ["a", 7]}, ["a"], False),
    ({"has_all": ["a"]}, "a", True),
    ({"has_all": ["a"]}, None, False),
    ({"has_none": ["a"]}, ["b", "A"], False),
    ({"has_none": ["a"]}, ["b"], True),
    ({"has_none": ["a"]}, None, True),
    ({"has_none": ["a"], "exists": True}, [], False),
    ({"contains": "b", "starts_with": "a"}, ["xb", "ac"], False),
    ({"contains": "b", "starts_with": "a"}, ["xb", "ab"], True),
]


@pytest.mark.parametrize(("test", "value", "holds"), SAYS)
def test_an_operator_says_what_it_says(test: dict[str, Any], value: Answer, holds: bool) -> None:
    condition = Condition.model_validate({"trait": "it", **test})
    assert compile_condition(condition)({"it": value}) is holds
    assert compile_each([condition])({"it": value}) == int(holds)


@settings(max_examples=200, deadline=None)
@given(CONDITION, CONDITION, EVENT)
def test_not_any_is_all_not(one: dict[str, Any], other: dict[str, Any], event: dict[str, Any]) -> None:
    told = EngagementRecorded.model_validate_json(json.dumps(event))
    neither = {"not": {"any": [one, other]}}
    each_not = {"all": [{"not": one}, {"not": other}]}
    answers = [compile_event_condition(Condition.model_validate(each))(told) for each in (neither, each_not)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "test",
    [
        {"gt": 8, "lt": 7},
        {"gte": 8, "lte": 7},
        {"after": "2026-03-02", "before": "2026-03-01"},
        {"domain": "no domain"},
        {"before": "soon"},
        {"starts_with": ""},
        {"has_all": []},
        {"matches": "a*"},
        {},
    ],
)
def test_what_nothing_can_pass_is_refused(test: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Condition.model_validate({"trait": "it", **test})
