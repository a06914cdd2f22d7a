"""CEL conditions: what they may name and cost, and that none of them stops the scorer."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from baton_schemas.documents.condition import Condition
from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.expression import LONGEST, MOST_IN_A_DEFINITION, Path, paths
from baton_schemas.engagement import EngagementRecorded
from services.runtime.documents import parse
from services.runtime.errors import UserError
from services.scorer.conditions import compile_condition, compile_each, compile_event_condition
from services.scorer.definition import read
from services.scorer.expressions import LONGEST_LIST, LONGEST_MATCHED
from tests.signing import signed
from tests.unit.scorer.world import DEFINITION, World

BOSS = "{trait: seniority, in: [vp, director]}"
PRICES = "{field: url, contains: /pricing}"
ADA = {"email": "ada@acme.example"}


def on_traits(expression: str, **traits: object) -> bool:
    condition = Condition.model_validate({"cel": expression})
    alone = compile_condition(condition)(traits)  # type: ignore[arg-type]
    assert compile_each([condition])(traits) == int(alone)  # type: ignore[arg-type]
    return alone


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("traits.used > traits.bought", True),
        ("traits.used > 9.5 && traits.name.startsWith('A')", True),
        ("traits['used'] == 10", True),
        ("traits.tags.exists(tag, tag == 'b')", True),
        ("traits.tags.all(tag, tag == 'b')", False),
        ("size(traits.tags.filter(tag, tag != 'a')) == 1", True),
        ("has(traits.bought) && !has(traits.gone)", True),
        ("!has(traits.empty) && !has(traits.nothing)", True),
        ("traits.joined < '2026-01-01' && timestamp(traits.at) < timestamp('2026-01-01T00:00:00Z')", True),
        ("traits.gone == 1 || traits.used == 10", True),
        ("traits.gone == 1", False),
        ("traits.gone != 1", False),
        ("traits.name > 3", False),
        ("traits.used / 0 == 1", False),
        ("traits.used + 9223372036854775807 > 0", False),
        ("traits.used", False),
        ("traits.many.exists(each, each == 1)", False),
    ],
)
def test_an_expression_on_traits_holds_or_does_not_and_never_raises(expression: str, holds: bool) -> None:
    traits = {"used": 10, "bought": 8, "name": "Ada", "tags": ["a", "b"], "empty": "", "nothing": None,
              "joined": "2025-12-01", "at": "2025-12-01T08:00:00Z", "many": [1] * (LONGEST_LIST + 1)}  # fmt: skip
    assert on_traits(expression, **traits) is holds


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("event.action == 'joined' && event.properties.seats >= 3", True),
        ("event.url.endsWith('/x') && event.campaign.source == 'mail'", True),
        ("has(event.user_agent) || has(event.campaign.term)", False),
        ("event.properties.gone == 1", False),
    ],
)
def test_an_expression_on_an_event_sees_its_action_fields_and_properties(expression: str, holds: bool) -> None:
    event = EngagementRecorded.model_validate(
        {"person": ADA, "action": "joined", "url": "https://a.example/x", "campaign": {"source": "mail"},
         "properties": {"seats": 3}}
    )  # fmt: skip
    assert compile_event_condition(Condition.model_validate({"cel": expression}))(event) is holds


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("traits.a == now()", "no function `now`"),
        ("traits.at.getHours() < 9", "no function `getHours`"),
        ("trait.a == 1", "no name `trait`, did you mean `traits`?"),
        ("event.urll == 'x'", "no field `event.urll`, did you mean `url`?"),
        ("event.campaign == 'x'", "`event.campaign` as a whole"),
        ("traits['a' + 'b'] == 1", "`traits` as a whole"),
        ("traits.exists(name, name == 'a')", "`traits` as a whole"),
        ("traits.a.all(x, traits.b.all(y, x == y))", "`all` stands within another"),
        ("traits.a.all(traits, true)", "`traits` is taken"),
        ("traits.a.map(x, x) == [1]", "no function `map`"),
        ("1 == 1", "names no field"),
    ],
)
def test_what_an_expression_may_not_say_is_refused_with_the_fix(expression: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Condition.model_validate({"cel": expression})
    assert said in str(refused.value)
    assert "cel: " in str(refused.value)


def test_what_is_remembered_of_one_trait_is_not_taken_for_an_answer_about_two() -> None:
    holding = compile_each([Condition.model_validate({"cel": "traits.used > traits.bought"})])
    assert [holding({"used": 5, "bought": bought}) for bought in (3, 9, 4)] == [1, 0, 1]


def test_names_in_texts_and_comments_are_no_fields() -> None:
    assert paths("""traits.a == "traits.b" && traits.a != 'it\\'s traits.c' // traits.d""") == (Path("traits", "a"),)
    assert paths("event.properties['a.b'] == 1") == (Path("event", "properties.a.b"),)


def test_an_expression_is_not_too_long_and_stands_alone() -> None:
    with pytest.raises(ValidationError, match=f"at most {LONGEST} characters"):
        Condition.model_validate({"cel": "traits.a == 1".ljust(LONGEST + 1)})
    with pytest.raises(ValidationError, match="cel stand alone"):
        Condition.model_validate({"cel": "traits.a == 1", "equals": 1})


def refusal(text: str) -> str:
    with pytest.raises(UserError) as refused:
        read(text, "d.yaml")
    return str(refused.value)


def test_a_definition_says_where_an_expression_is_wrong() -> None:
    line = DEFINITION[: DEFINITION.index(BOSS)].count("\n") + 1
    wrong = DEFINITION.replace(BOSS, "{cel: traits.a ==}")
    assert refusal(wrong).startswith(f"d.yaml:{line}: fit.0.when.cel: no expression: 1:")
    event = refusal(DEFINITION.replace(BOSS, "{cel: event.properties.a == 1}"))
    assert f"d.yaml:{line}: fit.0.when: cel: looks at an event" in event
    assert "engagement.1.when: cel: looks at traits" in refusal(DEFINITION.replace(PRICES, "{cel: traits.a == 1}"))
    assert "`gender`, which is protected" in refusal(DEFINITION.replace(BOSS, """{cel: "traits['gender'] == 'm'"}"""))


def test_a_definition_has_a_few_expressions_at_most() -> None:
    def having(count: int) -> str:
        return DEFINITION.replace(BOSS, f"{{any: [{', '.join(['{cel: traits.a == 1}'] * count)}]}}")

    assert parse(LeadDefinition, having(MOST_IN_A_DEFINITION), "d.yaml")
    assert f"over {MOST_IN_A_DEFINITION} `cel` conditions" in refusal(having(MOST_IN_A_DEFINITION + 1))


def test_an_expression_that_cannot_be_evaluated_stops_nobody() -> None:
    asked = DEFINITION.replace(PRICES, "{cel: event.properties.seats > 5}").replace(
        BOSS, "{cel: traits.used > traits.bought}"
    )
    world = World(signed(asked), partitions=1)
    now = world.clock.now()
    world.traits(ADA, used="many", bought=3, at=now - 2)
    for seats in ({}, {"seats": "many"}, {"seats": 3}, {"seats": 6}):
        world.act(ADA, "page_viewed", properties=seats)
    world.act(ADA, "demo_requested")
    world.run()
    views, prices, demo, boss = 4, 6, 30, 20
    assert world.records("leads.scored")[-1].score == views + prices + demo  # type: ignore[attr-defined]
    world.traits(ADA, used=4, at=now - 1)
    world.run()
    assert world.records("leads.scored")[-1].score == boss + views + prices + demo  # type: ignore[attr-defined]
    assert world.dead() == []


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("'(x{1,10}){1,10}y'", "its repeats make 100 - 50 at most"),
        ("r'x{51}'", "its repeats make 51"),
        ("'x{0,99}'", "its repeats make 99"),
        ("'x{60,}'", "its repeats make 60"),
        ("'(?x)x{ 1000 }'", "`{` begins a repeat"),
        (r"'x\x7b1000}'", "a character by its number can't be read"),
        (r"'x\173999}'", "a character by its number can't be read"),
        ("traits.b", "takes one pattern, written out"),
        ("'a' + 'b'", "takes one pattern, written out"),
    ],
)
def test_a_pattern_that_may_keep_a_lane_busy_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Condition.model_validate({"cel": f"traits.a.matches({pattern})"})
    assert said in str(refused.value)


@pytest.mark.parametrize("pattern", [r"r'^\d{4}-\d{2}$'", r"'\\d{4}'", r"r'\p{L}+'", r"r'a\{1000\}'", "'(a+)+$'"])
def test_other_patterns_are_asked(pattern: str) -> None:
    assert Condition.model_validate({"cel": f"traits.a.matches({pattern})"}).cel
    assert not on_traits(f"traits.a.matches({pattern})", a="-")
    assert not on_traits("traits.a.matches('x')", a="x" * (LONGEST_MATCHED + 1))
    assert on_traits("traits.a.matches('x')", a="x" * LONGEST_MATCHED)


def test_what_is_no_pattern_is_found_when_the_definition_is_read() -> None:
    assert "no regular expression: '('" in refusal(DEFINITION.replace(BOSS, "{cel: \"traits.a.matches('(')\"}"))


def test_what_cannot_be_evaluated_is_counted_by_its_criterion_and_what_is_absent_is_not() -> None:
    text = signed(DEFINITION.replace(BOSS, '{any: [{cel: "traits.note > 3"}, {trait: seniority, exists: true}]}'))
    world = World(text)
    world.traits(ADA, seniority="vp", country="DE")
    world.run()
    assert ("baton_expressions_failed_total", ("boss",)) not in world.engine.observed
    world.traits(ADA, note="a text")
    world.run()
    assert world.engine.observed["baton_expressions_failed_total", ("boss",)] == 1
