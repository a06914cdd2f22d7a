"""Conditions against the fields that a company has: names that do not exist, operators and values that can't fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baton_schemas.documents.condition import OPERATORS
from baton_schemas.documents.fields import Fields
from services.cli.config_folder import check_set, read_folder
from services.cli.definitions.files import check, fields_beside
from services.runtime.errors import UserError
from services.scorer.definition import read
from services.scorer.fields import problems
from tests.unit.scorer.world import DEFINITION, NOW

BOSS = "{trait: seniority, in: [vp, director]}"
PRICES = "{field: url, contains: /pricing}"
FIELDS = Fields.model_validate(
    {
        "traits": {"seniority": "text", "employees": "whole_number", "company_domain": "domain", "share": "number",
                   "opted_in": "yes_no", "since": "day", "tags": "list"},
        "properties": {"*": {"path": "text"}, "page_viewed": {"seconds": "number"}, "joined": {"plan": "text"}},
    }
)  # fmt: skip
CONFIG = Path(__file__).parents[3] / "config"
NAMES = {"text": "seniority", "whole_number": "employees", "domain": "company_domain", "number": "share",
         "yes_no": "opted_in", "day": "since", "list": "tags"}  # fmt: skip
WORDS = "equals in exists contains starts_with ends_with domain under_domain"
NUMBERS = "equals in exists gt gte lt lte"
FITTING = {"text": WORDS, "domain": WORDS, "number": NUMBERS, "whole_number": NUMBERS, "yes_no": "equals in exists",
           "day": "exists before after", "list": " ".join(OPERATORS)}  # fmt: skip
VALUES = {"text": "x", "domain": "acme.example", "number": "2.5", "whole_number": "2", "yes_no": "yes", "day": "x",
          "list": "x"}  # fmt: skip


def said(old: str, new: str) -> list[str]:
    text = DEFINITION.replace(old, new)
    return problems(read(text, "d.yaml"), text, "d.yaml", FIELDS)


def value(operator: str, type: str) -> str:
    if operator in ("in", "has_all", "has_none"):
        return f"[{VALUES[type]}]"
    if operator in ("gt", "gte", "lt", "lte"):
        return "2"
    fixed = {"before": "2026-01-01", "after": "2026-01-01", "exists": "true", "equals": VALUES[type]}
    return fixed.get(operator, "acme.example")


@pytest.mark.parametrize("type", list(FITTING))
@pytest.mark.parametrize("operator", list(OPERATORS))
def test_an_operator_fits_a_type_or_is_refused_with_those_that_do(operator: str, type: str) -> None:
    found = said(BOSS, f"{{trait: {NAMES[type]}, {operator}: {value(operator, type)}}}")
    if operator in FITTING[type].split():
        assert found == []
        return
    (line,) = found
    assert f"fit.0.when.{operator}: `{NAMES[type]}` is a {type}, which has no `{operator}` - use one of " in line


@pytest.mark.parametrize(
    ("condition", "wrong"),
    [
        ("{trait: seniority, equals: 7}", "never 7 - write it in quotes"),
        ("{trait: seniority, in: [vp, yes]}", "never True - write it in quotes"),
        ("{trait: employees, equals: 2.5}", "never 2.5 - give a whole number"),
        ("{trait: employees, in: [many]}", "never 'many' - give a whole number"),
        ("{trait: share, equals: half}", "never 'half' - give a number"),
        ("{trait: opted_in, equals: 1}", "never 1 - give yes or no"),
        ("{trait: employees, equals: '7'}", None),
        ("{trait: opted_in, in: ['no', no]}", None),
    ],
)
def test_a_value_that_can_never_be_is_refused(condition: str, wrong: str | None) -> None:
    found = said(BOSS, condition)
    assert len(found) == (wrong is not None)
    assert wrong is None or wrong in found[0]


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        (BOSS, "{trait: senority, exists: true}", "fit.0.when.trait", "no trait `senority`, did you mean `seniority`?"),
        (BOSS, "{not: {any: [{trait: agge, exists: true}]}}", "fit.0.when.not.any.0.trait", "no trait `agge`"),
        (BOSS, "{cel: traits.employes > 1}", "fit.0.when.cel", "no trait `employes`, did you mean `employees`?"),
        (PRICES, "{property: pth, equals: x}", "engagement.1.when.property",
         "no property of page_viewed `pth`, did you mean `path`?"),
        (PRICES, "{property: plan, equals: x}", "engagement.1.when.property", "no property of page_viewed `plan`"),
        (PRICES, "{cel: 'event.url == \"\" && event.properties.second > 1'}", "engagement.1.when.cel",
         "no property of page_viewed `second`, did you mean `seconds`?"),
        ("{trait: company_domain, equals: rival.example}", "{trait: domain, equals: x}", "disqualifiers.1.when.trait",
         "no trait `domain`"),
    ],
)  # fmt: skip
def test_an_unknown_field_is_told_with_its_line_and_the_nearest_known(
    old: str, new: str, where: str, what: str
) -> None:
    line = DEFINITION[: DEFINITION.index(old)].count("\n") + 1
    (found,) = said(old, new)
    assert found.startswith(f"d.yaml:{line}: {where}: {what}")
    assert found.endswith(" - correct it, or add it to fields.yaml")


def test_personas_and_what_learning_looks_at_are_checked_too() -> None:
    more = "personas:\n  - {name: a, label: A, when: {trait: agge, exists: true}}\nlearnable: [path, seniorty]\nnotes:"
    persona, learnable = said("notes:", more)
    assert "personas.0.when.trait: no trait `agge`" in persona
    assert "learnable.1: no field `seniorty`, did you mean `seniority`?" in learnable


def test_fields_that_are_known_pass_in_cel_and_of_the_event_itself() -> None:
    assert said(PRICES, "{cel: 'event.properties.seconds > 9 && event.action != \"plan\" && has(event.url)'}") == []
    assert said(PRICES, "{property: path, equals: x}") == []


def test_both_commands_check_and_without_the_document_nothing_changes(tmp_path: Path) -> None:
    wrong = DEFINITION.replace(BOSS, "{trait: senority, exists: true}")
    file = tmp_path / "definition.yaml"
    file.write_text(wrong)
    assert check(wrong, str(file), None, NOW, fields_beside(file)).problems == ()
    (tmp_path / "fields.yaml").write_text("traits: {seniority: text, employees: number, company_domain: domain}\n")
    assert any("senority" in each for each in check(wrong, str(file), None, NOW, fields_beside(file)).problems)
    with pytest.raises(UserError, match=r"definition\.yaml:5: fit\.0\.when\.trait: no trait `senority`, did you mean"):
        check_set(read_folder(tmp_path), tmp_path)
    (tmp_path / "fields.yaml").write_text("traits: {seniority: txt}\n")
    with pytest.raises(UserError, match=r"fields\.yaml:1: traits\.seniority: "):
        check_set(read_folder(tmp_path), tmp_path)


def test_the_shipped_fields_fit_the_shipped_definition() -> None:
    documents: Any = read_folder(CONFIG)
    assert ("fields", "fields") in documents
    check_set(documents, CONFIG)
