"""The definition: one document, refused with a clear line unless both teams signed exactly what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baton_schemas.documents.condition import Condition
from baton_schemas.documents.signing import content_digest
from baton_schemas.feedback import CriterionPoints, ModelPublished
from services.runtime.agreement import check_signed, read_signers
from services.runtime.errors import UserError
from services.scorer.conditions import compile_condition
from services.scorer.definition import compile_rules, read
from tests.unit.scorer.world import DEFINITION, NOW, RICH, RULES, SIGNED, World, email

EXAMPLE = Path(__file__).parents[3] / "config" / "definition.yaml"


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("half_life_days: 3", "halflife_days: 3", "did you mean `half_life_days`?"),
        ("any_of: [demo, pricing]", "any_of: [demo, pricng]", "did you mean `pricing`?"),
        ("points: 2.5", "points: 2.55", "engagement.2.points"),
        ("points: 30,", "points: many,", "engagement.3.points"),
        ("points: 30,", "points: yes,", "engagement.3.points: give a number; YAML reads a bare yes"),
        ("exit: 35", "exit: on", "exit: give a number"),
        ("cap: -18", "cap: no", "cap: give a number"),
        ("half_life_days: 3", "half_life_days: yes", "half_life_days: give a number"),
        ("{id: size,", "{id: view,", "criterion `view`: is given twice"),
        ("exit: 35", "exit: 55", "exit: must be lower than enter"),
        ("cap: -18", "cap: 18", "same sign"),
        ("{field: url, contains: /pricing}", "{trait: title, contains: x}", "engagement.1.when: looks at a trait"),
        ("when: {trait: seniority, in: [vp, director]}", "when: {trait: seniority}", "say what must hold"),
        ("grades: [A1, B1]", "grades: [A1, E7]", "tiers.0.grades.1"),
        ("1: 40", "1: 20", "must fall"),
    ],
)
def test_a_mistake_is_named_with_field_and_fix(before: str, after: str, complaint: str) -> None:
    assert before in DEFINITION
    with pytest.raises(UserError) as refusal:
        read(DEFINITION.replace(before, after), "definition.yaml")
    assert complaint in str(refusal.value)
    assert "definition.yaml" in str(refusal.value)


def test_the_worked_example_is_signed_by_both_teams() -> None:
    definition = read(EXAMPLE.read_text(), "definition.yaml")
    signers = read_signers({"signers": EXAMPLE.with_name("signers.yaml").read_text()})
    approvals = check_signed(definition, signers)
    assert 12 <= len(definition.criteria) <= 17
    assert [each.by for each in approvals] == ["Maren Holt, Head of Marketing", "Jonas Weber, Head of Sales"]


@pytest.mark.parametrize(
    ("condition", "value", "answer"),
    [
        ({"equals": "VP"}, " vp ", True),
        ({"equals": 5}, "5", True),
        ({"equals": 5}, "five", False),
        ({"equals": True}, "yes", True),
        ({"equals": False}, "no", True),
        ({"equals": 1}, True, False),
        ({"in": ["a", 2]}, 2.0, True),
        ({"in": ["a", 2]}, ["x", "A"], True),
        ({"contains": "ops"}, "DevOps lead", True),
        ({"contains": "ops"}, 7, False),
        ({"gte": 3, "lte": 9}, "3.5", True),
        ({"gte": 3, "lte": 9}, 10, False),
        ({"gte": 3}, None, False),
        ({"gte": 3}, "nan", False),
        ({"gte": 3}, 10**400, False),
        ({"exists": True}, "", False),
        ({"exists": False}, [], True),
        ({"exists": True}, 0, True),
    ],
)
def test_a_condition_answers(condition: dict[str, Any], value: Any, answer: bool) -> None:
    test = compile_condition(Condition.model_validate({"trait": "t", **condition}))
    assert test({"t": value}) is answer
    negated = compile_condition(Condition.model_validate({"not": {"trait": "t", **condition}}))
    assert negated({"t": value}) is not answer


def test_conditions_join() -> None:
    parts = [{"property": "a", "equals": 1}, {"property": "b", "gte": 2}]
    every = compile_condition(Condition.model_validate({"all": parts}))
    some = compile_condition(Condition.model_validate({"any": parts}))
    assert [every({"a": 1, "b": b}) for b in (1, 2)] == [False, True]
    assert [some({"a": 0, "b": b}) for b in (1, 2)] == [False, True]


def test_a_model_counts_only_over_the_content_it_was_made_for() -> None:
    definition = read(SIGNED, "d")
    moved = {"demo": CriterionPoints(points=33.5, signed=30), "careers": CriterionPoints(points=2, signed=-9)}
    model = ModelPublished(
        definition="small", definition_digest=content_digest(definition), version=4, parent=3, criteria=moved,
        labels=50, at=NOW, cause="test",
    )  # fmt: skip
    rules = compile_rules(definition, model)
    assert (rules.by_id["demo"].points, rules.versions.model_version) == (335, 4)
    assert rules.by_id["careers"].points == 0
    other = model.model_copy(update={"definition_digest": "0" * 64})
    assert compile_rules(definition, other).judged == RULES.judged


def refusal(old: str, new: str) -> str:
    text = RICH.split("signatures:", maxsplit=1)[0]
    assert old in text
    with pytest.raises(UserError) as error:
        read(text.replace(old, new, 1), "d.yaml")
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("{trait: employees, gte: 50", "{trait: Age, gte: 50", "looks at `Age`, which is protected"),
        ("{field: url, contains: /pricing}, points: 6", "{property: gender, exists: true}, points: 6", "is protected"),
        ("{trait: seniority, equals: director}", "{not: {trait: religion, exists: true}}", "personas.0.when"),
        ("groups:", "learnable: [country, health]\ngroups:", "learnable.1: `health` is protected"),
        ("groups:", "protected: [Seniority]\ngroups:", "looks at `seniority`, which is protected"),
        ("{name: user,", "{name: boss,", "persona `boss`: is given twice"),
        ("first_time: 3, group: web", "first_time: 3, group: wbe", "no group `wbe`, did you mean `web`?"),
        ("id: web,", "id: demo,", "criterion `demo`: is given twice"),
        ("points: -9,", "points: -9, group: web,", "holds what gives points"),
        ("first_time: 3,", "first_time: -3,", "first_time: needs the same sign"),
        ("times: 2, per: day", "times: 2, per: month", "per"),
        ("for_days: 6, points: -7", "for_days: 6, points: 7", "points"),
        ("steps: [{action: email_clicked}, {action: careers_viewed}]", "steps: [{action: email_clicked}]", "steps"),
    ],
)
def test_what_does_not_hang_together_is_named(old: str, new: str, says: str) -> None:
    assert says in refusal(old, new)


def test_the_first_persona_that_fits_is_in_the_story() -> None:
    world = World(RICH)
    who = email("ada")
    world.traits(who, seniority="director", employees=200)
    for action in ("page_viewed", "demo_requested"):
        world.act(who, action, url="https://x.example/pricing")
        world.run()
    [lead] = world.qualified()
    assert lead.dossier.persona == "Decides alone"
