"""Conditions, compiled once to closures: what a criterion asks of traits or of an event.

Compiled, a condition takes a mapping of values by name and answers yes or no; it never raises, whatever it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from baton_schemas.contract import Scalar
from baton_schemas.documents.definition import Condition

Answer = Scalar | list[Scalar]
Values = Mapping[str, Answer]
Test = Callable[[Values], bool]
ScalarTest = Callable[[Scalar], bool]
MOST_REMEMBERED, LONGEST_REMEMBERED = 4096, 100
_WORDS = {True: frozenset({"true", "yes"}), False: frozenset({"false", "no"})}


def compile_condition(condition: Condition) -> Test:
    """The closure of a condition."""
    if condition.all is not None:
        return _every([compile_condition(part) for part in condition.all])
    if condition.any is not None:
        return _some([compile_condition(part) for part in condition.any])
    if condition.not_ is not None:
        inner = compile_condition(condition.not_)
        return lambda values: not inner(values)
    subject = f"@{condition.field}" if condition.field else condition.subject()
    return _test(subject or "", condition)


def compile_remembered(condition: Condition) -> Test:
    """As `compile_condition`, for what many people have in common: answers to short values are remembered."""
    subjects = _subjects(condition)
    if len(subjects) == 1:
        return _remembered(compile_condition(condition), subjects.pop())
    if condition.all is not None:
        return _every([compile_remembered(part) for part in condition.all])
    if condition.any is not None:
        return _some([compile_remembered(part) for part in condition.any])
    return compile_condition(condition)


def _subjects(condition: Condition) -> set[str]:
    if condition.field or condition.subject() is not None:
        return {f"@{condition.field}" if condition.field else condition.subject() or ""}
    return {subject for part in condition.parts() for subject in _subjects(part)}


def _remembered(test: Test, subject: str) -> Test:
    """The test of one subject, asked once for each value. True, 1 and 1.0 are one key but not one answer, so only
    text, whole numbers and nothing are remembered."""
    answers: dict[str | int | None, bool] = {}

    def remembered(values: Values) -> bool:
        value = values.get(subject)
        if isinstance(value, str):
            if len(value) > LONGEST_REMEMBERED:
                return test(values)
        elif isinstance(value, (bool, float, list)):
            return test(values)
        answer = answers.get(value)
        if answer is None:
            if len(answers) >= MOST_REMEMBERED:
                answers.clear()
            answer = answers[value] = test(values)
        return answer

    return remembered


def _every(tests: list[Test]) -> Test:
    def every(values: Values) -> bool:
        for test in tests:  # noqa: SIM110  a plain loop, on the hot path
            if not test(values):
                return False
        return True

    return every


def _some(tests: list[Test]) -> Test:
    def some(values: Values) -> bool:
        for test in tests:  # noqa: SIM110  a plain loop, on the hot path
            if test(values):
                return True
        return False

    return some


def as_number(value: Scalar) -> float | None:
    """The number that `value` is, also when it came as text; None when it is none.

    >>> as_number(" 42 "), as_number("many"), as_number(True)
    (42.0, None, None)
    """
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return number if number - number == 0.0 else None
    return float(value) if abs(value) < 1e300 else None


def _test(subject: str, condition: Condition) -> Test:
    tests = _scalar_tests(condition)
    exists = condition.exists
    first = tests[0] if len(tests) == 1 else lambda element: all(test(element) for test in tests)

    def holds(values: Values) -> bool:
        value = values.get(subject)
        if value is None or value == "" or value == []:  # noqa: PLR1714  three plain comparisons, on the hot path
            return exists is False
        if exists is False:
            return False
        if isinstance(value, list):
            return any(first(element) for element in value) if tests else True
        return first(value)

    return holds


def _scalar_tests(condition: Condition) -> list[ScalarTest]:
    tests: list[ScalarTest] = []
    if condition.equals is not None:
        tests.append(_one_of([condition.equals]))
    if condition.in_ is not None:
        tests.append(_one_of(condition.in_))
    if condition.contains is not None:
        tests.append(_contains(condition.contains.casefold()))
    if condition.gte is not None or condition.lte is not None:
        tests.append(_between(condition.gte, condition.lte))
    return tests


def _one_of(wanted: list[str | int | float | bool]) -> ScalarTest:
    flags = frozenset(value for value in wanted if isinstance(value, bool))
    words = frozenset(value.strip().casefold() for value in wanted if isinstance(value, str))
    words = words.union(*(_WORDS[flag] for flag in flags))
    numbers = frozenset(
        number for value in wanted if not isinstance(value, (bool, str)) and (number := as_number(value)) is not None
    )

    def one_of(value: Scalar) -> bool:
        if isinstance(value, str):
            return value.strip().casefold() in words or (bool(numbers) and as_number(value) in numbers)
        if isinstance(value, bool):
            return value in flags
        return bool(numbers) and as_number(value) in numbers

    return one_of


def _contains(wanted: str) -> ScalarTest:
    return lambda value: isinstance(value, str) and wanted in value.casefold()


def _between(least: float | None, most: float | None) -> ScalarTest:
    def between(value: Scalar) -> bool:
        number = as_number(value)
        if number is None:
            return False
        return (least is None or number >= least) and (most is None or number <= most)

    return between
