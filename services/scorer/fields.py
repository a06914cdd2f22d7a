"""Do the conditions of a definition fit the fields that a company says it has? A check before it judges anybody.

A misspelt field never matches and nobody notices: so an unknown name is an error with the nearest known one, and an
operator or value that can't fit the field's type is an error with the fix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from baton_schemas.documents.condition import OPERATORS, Condition
from baton_schemas.documents.definition import LeadDefinition, near
from baton_schemas.documents.expression import Path, paths
from baton_schemas.documents.fields import EVERY_ACTION, Fields, FieldType
from services.runtime.documents import line_of
from services.runtime.errors import UserError
from services.scorer.expression_types import misfits
from services.scorer.expressions import program
from services.scorer.operators import as_number

_SAME, _TEXT = ("equals", "in", "exists"), ("contains", "starts_with", "ends_with")
_BOUNDS, _DAYS, _DOMAINS = ("gt", "gte", "lt", "lte"), ("before", "after"), ("domain", "under_domain")
FITTING: Mapping[FieldType, tuple[str, ...]] = {
    "text": (*_SAME, *_TEXT, *_DOMAINS),
    "number": (*_SAME, *_BOUNDS),
    "whole_number": (*_SAME, *_BOUNDS),
    "yes_no": _SAME,
    "day": ("exists", *_DAYS),
    "list": tuple(OPERATORS),
    "domain": (*_SAME, *_TEXT, *_DOMAINS),
}
"""The operators that may be asked of a field of each type."""
_WORDS = ("yes", "no", "true", "false")
_VALUES: Mapping[FieldType, tuple[Callable[[object], bool], str]] = {
    "text": (lambda value: isinstance(value, str), "write it in quotes"),
    "domain": (lambda value: isinstance(value, str), "write it in quotes"),
    "number": (lambda value: _number(value) is not None, "give a number"),
    "whole_number": (lambda value: (number := _number(value)) is not None and number == int(number),
                     "give a whole number"),
    "yes_no": (lambda value: isinstance(value, bool) or str(value).casefold() in _WORDS, "give yes or no"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Known:
    """The fields that may be looked at in one place, each with the types it may have."""

    what: str
    types: Mapping[str, Sequence[FieldType]]


def problems(definition: LeadDefinition, text: str, where: str, fields: Fields | None) -> list[str]:
    """Every condition that can't be meant so, a line each: `where:line: field: what is wrong - fix`.

    Without `fields` only the CEL expressions are read.
    """
    found = []
    for kind, place, condition, actions in definition.conditions():
        known = None if fields is None else _known(fields, kind, actions)
        for path, said in _of(condition, place, known):
            steps = [int(part) if part.isdigit() else part for part in path.split(".")]
            found.append(f"{where}:{line_of(text, steps)}: {path}: {said}")
    if fields is not None:
        names = [*fields.traits, *(name for types in fields.properties.values() for name in types)]
        for index, name in enumerate(definition.learnable):
            if name not in names:
                line = line_of(text, ("learnable", index))
                found.append(f"{where}:{line}: learnable.{index}: {_unknown('field', name, names)}")
    return found


def _known(fields: Fields, kind: str, actions: Sequence[str]) -> _Known:
    types: dict[str, list[FieldType]] = {}
    if kind == "trait":
        return _Known("trait", {name: [each] for name, each in fields.traits.items()})
    for action in (EVERY_ACTION, *actions):
        for name, each in fields.properties.get(action, {}).items():
            types.setdefault(name, []).append(each)
    return _Known(f"property of {' or '.join(actions)}", types)


def _of(condition: Condition, place: str, known: _Known | None) -> Iterator[tuple[str, str]]:
    if condition.cel is not None:
        yield from _of_expression(condition.cel, f"{place}.cel", known)
    name = condition.trait or condition.property
    if name is not None and known is not None:
        if name in known.types:
            yield from _misfits(condition, name, place, known.types[name])
        else:
            yield f"{place}.{'trait' if condition.trait else 'property'}", _unknown(known.what, name, known.types)
    for join, parts in (("all", condition.all), ("any", condition.any)):
        for index, part in enumerate(parts or ()):
            yield from _of(part, f"{place}.{join}.{index}", known)
    if condition.not_ is not None:
        yield from _of(condition.not_, f"{place}.not", known)


def _of_expression(expression: str, place: str, known: _Known | None) -> Iterator[tuple[str, str]]:
    try:
        program(expression)
    except UserError as error:
        yield place, str(error).removeprefix("cel: ")
        return
    if known is None:
        return
    types: dict[Path, Sequence[FieldType]] = {}
    for path in paths(expression):
        name = path.name.removeprefix("properties.")
        declared = path.root == "traits" or name != path.name
        if declared and name not in known.types:
            yield place, _unknown(known.what, name, known.types)
        else:
            types[path] = known.types[name] if declared else ("text",)
    for said in misfits(expression, types):
        yield place, said


def _misfits(condition: Condition, name: str, place: str, types: Sequence[FieldType]) -> Iterator[tuple[str, str]]:
    """What fits one of the types is right: two actions may call different things by one name."""
    said = " or ".join(dict.fromkeys(types))
    for operator, attribute in OPERATORS.items():
        value = getattr(condition, attribute)
        if value is None:
            continue
        fitting = [each for each in types if operator in FITTING[each]]
        if not fitting:
            usable = ", ".join(FITTING[types[0]])
            yield f"{place}.{operator}", f"`{name}` is a {said}, which has no `{operator}` - use one of {usable}"
        elif operator in ("equals", "in") and all(each in _VALUES for each in fitting):
            for given in value if isinstance(value, list) else [value]:
                if not any(_VALUES[each][0](given) for each in fitting):
                    yield f"{place}.{operator}", f"`{name}` is a {said}, never {given!r} - {_VALUES[fitting[0]][1]}"


def _unknown(what: str, name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    return f"no {what} `{name}`{near(name, known)} - correct it, or add it to fields.yaml"


def _number(value: object) -> float | None:
    return as_number(value) if isinstance(value, (str, int, float)) else None
