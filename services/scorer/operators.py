"""What a condition may ask of a value: compiled once, each answers yes or no whatever it is given, and never raises."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

from baton_schemas.contract import Scalar
from baton_schemas.documents.condition import Condition

Answer = Scalar | list[Scalar]
ScalarTest = Callable[[Scalar], bool]
_LONGEST_TIME = 40
_WORDS = {True: frozenset({"true", "yes"}), False: frozenset({"false", "no"})}


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


def scalar_tests(condition: Condition) -> list[ScalarTest]:
    """What is asked of a value, or of each element of a list."""
    tests: list[ScalarTest] = []
    if condition.equals is not None:
        tests.append(_one_of([condition.equals]))
    if condition.in_ is not None:
        tests.append(_one_of(condition.in_))
    for wanted, compare in (
        (condition.contains, str.__contains__),
        (condition.starts_with, str.startswith),
        (condition.ends_with, str.endswith),
    ):
        if wanted is not None:
            tests.append(_text(wanted.casefold(), compare))
    bounds = (condition.gt, condition.gte, condition.lt, condition.lte)
    if bounds != (None, None, None, None):
        tests.append(_between(*bounds))
    if condition.before is not None or condition.after is not None:
        tests.append(_dated(condition.after, condition.before))
    if condition.domain is not None:
        tests.append(_domain(_listed(condition.domain), below=False))
    if condition.under_domain is not None:
        tests.append(_domain(_listed(condition.under_domain), below=True))
    return tests


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


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


def _text(wanted: str, compare: Callable[[str, str], bool]) -> ScalarTest:
    return lambda value: isinstance(value, str) and compare(value.casefold(), wanted)


def _between(above: float | None, least: float | None, below: float | None, most: float | None) -> ScalarTest:
    def between(value: Scalar) -> bool:
        number = as_number(value)
        if number is None:
            return False
        over = (above is None or number > above) and (least is None or number >= least)
        return over and (below is None or number < below) and (most is None or number <= most)

    return between


def as_day(value: Scalar) -> date | None:
    """The day that `value` names, in UTC; None when it names none.

    >>> as_day("2026-03-01"), as_day("2026-03-01T23:30:00-02:00"), as_day("soon")
    (datetime.date(2026, 3, 1), datetime.date(2026, 3, 2), None)
    """
    if not isinstance(value, str) or len(value) > _LONGEST_TIME:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()
    except (ValueError, OverflowError):
        return None


def _dated(after: date | None, before: date | None) -> ScalarTest:
    def dated(value: Scalar) -> bool:
        day = as_day(value)
        return day is not None and (after is None or day > after) and (before is None or day < before)

    return dated


def as_domain(value: Scalar) -> str | None:
    """The host of a mail address, a URL or a domain, in lower case, without a leading `www.`; None when it has none.

    >>> as_domain("Ada@Mail.Acme.example"), as_domain("https://www.acme.example:8080/x?y=a@b.c"), as_domain("acme")
    ('mail.acme.example', 'acme.example', None)
    """
    if not isinstance(value, str):
        return None
    host = value.strip().casefold().partition("://")[2] or value.strip().casefold()
    host = re.split(r"[/?#]", host, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].strip(".").removeprefix("www.")
    return host if "." in host and " " not in host else None


def _domain(wanted: list[str], *, below: bool) -> ScalarTest:
    known = frozenset(each.removeprefix("www.") for each in wanted)
    ends = tuple(f".{each}" for each in known)

    def domain(value: Scalar) -> bool:
        host = as_domain(value)
        return host is not None and (host in known or (below and host.endswith(ends)))

    return domain


def whole_tests(condition: Condition) -> list[Callable[[Answer], bool]]:
    """What is asked of a list as a whole; one value is a list of one, nothing an empty one."""
    tests: list[Callable[[Answer], bool]] = []
    if condition.has_all is not None:
        each_of = [_one_of([wanted]) for wanted in condition.has_all]
        tests.append(lambda value: all(any(map(wanted, elements(value))) for wanted in each_of))
    if condition.has_none is not None:
        unwanted = _one_of(condition.has_none)
        tests.append(lambda value: not any(map(unwanted, elements(value))))
    return tests


def elements(value: Answer) -> list[Scalar]:
    """A list as it is; anything else is a list of one."""
    return value if isinstance(value, list) else [value]
