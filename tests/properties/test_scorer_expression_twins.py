"""What an operator says and CEL can say, too, they answer alike: of any event, read fast or by the contract."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import example, given, settings

from baton_schemas.documents.condition import Condition
from baton_schemas.engagement import EngagementRecorded
from services.scorer.conditions import compile_condition, compile_event_condition
from services.scorer.hot import read_act

TWINS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"property": "seats", "gt": 5}, "event.properties.seats > 5"),
    ({"property": "seats", "gte": 5, "lt": 9.5}, "event.properties.seats >= 5 && event.properties.seats < 9.5"),
    ({"property": "seats", "exists": True}, "has(event.properties.seats)"),
    ({"property": "seats", "exists": False}, "!has(event.properties.seats)"),
    ({"property": "form", "equals": "demo"}, "event.properties.form == 'demo'"),
    ({"property": "form", "in": ["demo", "trial"]}, "event.properties.form in ['demo', 'trial']"),
    ({"property": "form", "starts_with": "de", "ends_with": "o"},
     "event.properties.form.startsWith('de') && event.properties.form.endsWith('o')"),
    ({"not": {"property": "form", "contains": "em"}},
     "!has(event.properties.form) || !event.properties.form.contains('em')"),
    ({"property": "tags", "has_all": ["demo", "x"]},
     "event.properties.tags.exists(t, t == 'demo') && event.properties.tags.exists(t, t == 'x')"),
    ({"field": "url", "contains": "demo"}, "event.url.contains('demo')"),
    ({"field": "campaign.source", "equals": "x"}, "event.campaign.source == 'x'"),
    ({"field": "campaign.term", "exists": True}, "has(event.campaign.term)"),
)  # fmt: skip
WORD = st.sampled_from(("demo", "trial", "", "x", "a demo b"))
EVENT = st.fixed_dictionaries(
    {
        "person": st.just({"user_id": "7"}),
        "action": st.just("joined"),
        "properties": st.fixed_dictionaries(
            {},
            optional={
                "seats": st.integers(-20, 20) | st.floats(0, 12) | st.none(),
                "form": WORD | st.none(),
                "tags": st.lists(WORD.filter(bool), max_size=3),
            },
        ),
    },
    optional={
        "url": WORD | st.none(),
        "campaign": st.none() | st.dictionaries(st.sampled_from(("source", "term")), WORD | st.none()),
    },
)


@given(EVENT, st.sampled_from(TWINS))
@example({"person": {"user_id": "7"}, "action": "joined", "campaign": None}, TWINS[-1])
@settings(max_examples=200, deadline=None)
def test_an_expression_equals_its_declarative_twin(event: dict[str, Any], twins: tuple[dict[str, Any], str]) -> None:
    data = json.dumps(event).encode()
    declared, expressed = (Condition.model_validate(each) for each in (twins[0], {"cel": twins[1]}))
    for told in (EngagementRecorded.model_validate_json(data), read_act(data)):
        if told is not None:
            assert compile_event_condition(expressed)(told) == compile_event_condition(declared)(told)


@given(st.fixed_dictionaries({}, optional={"a": st.none() | WORD | st.integers(-9, 9) | st.booleans()}))
@settings(max_examples=100, deadline=None)
def test_on_traits_what_is_absent_is_absent_for_both(traits: dict[str, Any]) -> None:
    for declared, expressed in (({"exists": True}, "has(traits.a)"), ({"gte": 3}, "traits.a >= 3")):
        twin = compile_condition(Condition.model_validate({"trait": "a", **declared}))
        assert compile_condition(Condition.model_validate({"cel": expressed}))(traits) == twin(traits)
