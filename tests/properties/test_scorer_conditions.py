"""A condition on an event asks what it would ask of the event's values by name, were they laid out like traits."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from baton_schemas.documents.condition import Condition
from baton_schemas.engagement import EngagementRecorded
from services.scorer.conditions import Answer, Event, compile_condition, compile_each, compile_event_condition
from services.scorer.hot import read_act

NAMES = ("path", "seats", "form")
FIELDS = ("url", "user_agent", "campaign.name", "campaign.source", "campaign.term")
WORDS = ("/pricing", "/Pricing?a=1", "yes", "no", "true", "7", "")
VALUE = st.sampled_from((*WORDS, 7, 0, 1, True, False))
TEST = st.one_of(
    st.fixed_dictionaries({"equals": VALUE}),
    st.fixed_dictionaries({"in": st.lists(VALUE, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"contains": st.sampled_from(("pric", "E"))}, optional={"exists": st.just(value=True)}),
    st.fixed_dictionaries({"gte": st.sampled_from((0.5, 7.0))}, optional={"lte": st.just(7.0)}),
    st.fixed_dictionaries({"exists": st.booleans()}),
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
