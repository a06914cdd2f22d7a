"""Conditions, compiled once to closures: what a criterion asks of traits or of an event.

Compiled, a condition takes a person's traits by name, or an event, and answers yes or no; it never raises, whatever it
is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TypeVar

from baton_schemas.contract import Scalar
from baton_schemas.documents.condition import Condition
from baton_schemas.documents.expression import paths
from baton_schemas.engagement import EngagementRecorded
from services.scorer import hot
from services.scorer.expressions import compile_on_event, compile_on_traits
from services.scorer.operators import Answer, ScalarTest, elements, scalar_tests, whole_tests

T = TypeVar("T")
Values = Mapping[str, Answer]
Event = EngagementRecorded | hot.Act
Test = Callable[[Values], bool]
EventTest = Callable[[Event], bool]
MOST_REMEMBERED, LONGEST_REMEMBERED = 4096, 100


def compile_condition(condition: Condition) -> Test:
    """The closure of a condition on traits."""
    return _compiled(condition, _of_traits, compile_on_traits)


def compile_event_condition(condition: Condition) -> EventTest:
    """The closure of a condition on an event: its properties and its own fields are read where they are."""
    return _compiled(condition, _of_event, compile_on_event)


def compile_each(conditions: Sequence[Condition]) -> Callable[[Values], int]:
    """Which of several conditions on traits hold, as bits (the first is 1).

    Many people have a value in common and few conditions look at two traits, so traits are asked about one after the
    other, and what a short value answers is remembered. True, 1 and 1.0 are one key but not one answer, so only text,
    whole numbers and nothing are.
    """
    alone: dict[str, list[tuple[int, Test]]] = {}
    others: list[tuple[int, Test]] = []
    for place, condition in enumerate(conditions):
        for part in _choices(condition):
            subjects = _subjects(part)
            asked = others if len(subjects) > 1 else alone.setdefault(subjects.pop(), [])
            asked.append((1 << place, compile_condition(part)))
    remembered: list[tuple[str, list[tuple[int, Test]], dict[Answer, int]]]
    remembered = [(subject, tests, {}) for subject, tests in alone.items()]

    def holding(values: Values) -> int:
        bits = _bits(others, values) if others else 0
        for subject, tests, answers in remembered:
            value = values.get(subject)
            usual = len(value) <= LONGEST_REMEMBERED if isinstance(value, str) else value is None or type(value) is int
            if not usual:
                bits |= _bits(tests, values)
                continue
            known = answers.get(value)
            if known is None:
                if len(answers) >= MOST_REMEMBERED:
                    answers.clear()
                known = answers[value] = _bits(tests, values)
            bits |= known
        return bits

    return holding


def _bits(tests: list[tuple[int, Test]], values: Values) -> int:
    bits = 0
    for bit, test in tests:
        if test(values):
            bits |= bit
    return bits


def _choices(condition: Condition) -> list[Condition]:
    """The conditions of which one suffices."""
    if condition.any is None:
        return [condition]
    return [choice for part in condition.any for choice in _choices(part)]


def _compiled(
    condition: Condition,
    reader: Callable[[Condition], Callable[[T], Answer]],
    expressed: Callable[[str], Callable[[T], bool]],
) -> Callable[[T], bool]:
    if condition.cel is not None:
        return expressed(condition.cel)
    if condition.all is not None:
        return _every([_compiled(part, reader, expressed) for part in condition.all])
    if condition.any is not None:
        return _some([_compiled(part, reader, expressed) for part in condition.any])
    if condition.not_ is not None:
        inner = _compiled(condition.not_, reader, expressed)
        return lambda of: not inner(of)
    return _test(reader(condition), condition)


def _of_traits(condition: Condition) -> Callable[[Values], Answer]:
    subject = _subject(condition)
    return lambda values: values.get(subject)


def _of_event(condition: Condition) -> Callable[[Event], Answer]:
    if condition.field is None:
        subject = _subject(condition)
        return lambda event: event.properties.get(subject)
    if not condition.field.startswith("campaign."):
        return attrgetter(condition.field)
    part: Callable[[object], Answer] = attrgetter(condition.field.removeprefix("campaign."))
    return lambda event: None if event.campaign is None else part(event.campaign)


def _subject(condition: Condition) -> str:
    return f"@{condition.field}" if condition.field else condition.subject() or ""


def _subjects(condition: Condition) -> set[str]:
    if condition.cel is not None:
        return {path.name for path in paths(condition.cel)}
    if condition.subject() is not None:
        return {_subject(condition)}
    return {subject for part in condition.parts() for subject in _subjects(part)}


def _every(tests: list[Callable[[T], bool]]) -> Callable[[T], bool]:
    def every(of: T) -> bool:
        for test in tests:  # noqa: SIM110  a plain loop, on the hot path
            if not test(of):
                return False
        return True

    return every


def _some(tests: list[Callable[[T], bool]]) -> Callable[[T], bool]:
    def some(of: T) -> bool:
        for test in tests:  # noqa: SIM110  a plain loop, on the hot path
            if test(of):
                return True
        return False

    return some


def _test(read: Callable[[T], Answer], condition: Condition) -> Callable[[T], bool]:
    tests, wholes = scalar_tests(condition), whole_tests(condition)
    exists = condition.exists
    first = tests[0] if len(tests) == 1 else lambda element: all(test(element) for test in tests)
    if wholes:
        return _of_whole(read, first if tests else None, wholes, exists=exists)

    def holds(of: T) -> bool:
        value = read(of)
        if not value and (value is None or value == "" or value == []):  # noqa: PLR1714  three plain comparisons, on the hot path
            return exists is False
        if exists is False:
            return False
        if isinstance(value, list):
            return any(first(element) for element in value) if tests else True
        return first(value)

    return holds


def _of_whole(
    read: Callable[[T], Answer], each: ScalarTest | None, wholes: list[Callable[[Answer], bool]], *, exists: bool | None
) -> Callable[[T], bool]:
    """A test that asks of a list as a whole, too. Of what is absent it holds that it has none of anything."""

    def holds(of: T) -> bool:
        value = read(of)
        known: list[Scalar] = [element for element in elements(value) if element is not None and element != ""]
        if exists is not None and exists != bool(known):
            return False
        if each is not None and not any(map(each, known)):
            return False
        return all(whole(known) for whole in wholes)

    return holds
