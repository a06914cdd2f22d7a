"""CEL expressions on fields whose types are declared: what can't be evaluated is found before it judges anybody."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from baton_schemas.documents.expression import Path, paths
from baton_schemas.documents.fields import FieldType
from services.scorer.expression_types import misfits

TYPES: dict[str, Sequence[FieldType]] = {
    "name": ["text"],
    "site": ["domain"],
    "since": ["day"],
    "employees": ["whole_number"],
    "seats": ["number"],
    "price": ["number"],
    "partner": ["yes_no"],
    "tools": ["list"],
    "either": ["text", "number"],
}


def found(expression: str) -> list[str]:
    types: dict[Path, Sequence[FieldType]] = {}
    for path in paths(expression):
        name = path.name.removeprefix("properties.")
        types[path] = TYPES.get(name, ("text",))
    return list(misfits(expression, types))


@pytest.mark.parametrize(
    "expression",
    [
        "traits.employees > 50",
        "traits.employees > 50.5",
        "traits.seats * 2.0 > traits.price",
        "traits.seats + 2 > 5",
        "traits.name.contains('x') && traits.site.endsWith('.example')",
        "int(traits.name) > 3",
        "timestamp(traits.since) > timestamp('2026-01-01T00:00:00Z')",
        "traits.partner == true || !traits.partner",
        "'x' in traits.tools",
        "traits.tools.exists(each, each > 5)",
        "size(traits.tools) > 1",
        "traits.employees in [50, 100] || traits.name in ['a', 'b']",
        "traits.either > 5",
        "traits.either.startsWith('a')",
        "event.url.contains('/pricing') && event.properties.seats > 3",
        "event.campaign.name == 'spring' && event.properties['seats'] != 4",
        "5 == traits.employees",
        "has(traits.name) && traits.employees == -5",
    ],
)
def test_what_fits_the_types_is_left_alone(expression: str) -> None:
    assert found(expression) == []


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("traits.employees > 'many'", "can't be evaluated: `traits.employees` is a whole_number"),
        ("traits.name > 5", "can't be evaluated: `traits.name` is a text"),
        ("traits.employees.contains('5')", "can't be evaluated"),
        ("traits.name == 'a' && traits.employees > 'b'", "can't be evaluated"),
        ("traits.partner && traits.seats > '5'", "can't be evaluated"),
        ("int(traits.name) > 'x'", "can't be evaluated"),
        ("traits.employees * 2.0 > 5.0", "can't be evaluated"),
        ("size(traits.partner) > 1", "can't be evaluated"),
        ("event.url > 5", "can't be evaluated: `event.url` is a text"),
        ("event.properties.seats > event.url", "can't be evaluated"),
        ("traits.employees == '50'", "`traits.employees` is a whole_number, never '50'"),
        ("'50' != traits.employees", "`traits.employees` is a whole_number, never '50'"),
        ("traits.name == 5", "`traits.name` is a text, never 5"),
        ("traits.partner == 'yes'", "`traits.partner` is a yes_no, never 'yes'"),
        ("traits.employees == true", "`traits.employees` is a whole_number, never True"),
        ("traits.name in ['a', 5]", "`traits.name` is a text, never 5"),
        ("event.properties['seats'] == 'x'", "`event.properties.seats` is a number, never 'x'"),
        ("traits.either == true", "`traits.either` is a text or number, never True"),
    ],
)
def test_what_can_never_hold_is_named_with_type_and_fix(expression: str, said: str) -> None:
    [problem] = found(expression)
    assert problem.startswith(said)
    assert " - c" in problem


def test_a_field_of_unknown_type_is_not_judged() -> None:
    assert list(misfits("traits.employees > 'many'", {})) == []
