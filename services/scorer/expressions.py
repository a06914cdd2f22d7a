"""CEL expressions, compiled once to closures: the condition that no operator says.

An expression sees the fields that it names and nothing else. What is absent (nothing, an empty text or list, as for the
operators) is left out. Whatever goes wrong while it is evaluated (a field is absent, a text is compared with a number)
is the same each time, and counts as not met: it never raises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from baton_schemas.documents.expression import Path, paths, patterns
from baton_schemas.engagement import EngagementRecorded
from services.runtime.errors import UserError
from services.scorer import hot
from services.scorer.operators import Answer

T = TypeVar("T")
_failed: Counter[str] = Counter()
_NONE: Counter[str] = Counter()
LONGEST_MATCHED = 2000
"""With `matches`, more characters than these are not looked at, in all that an expression names: a pattern takes its
time for each of them."""
LONGEST_LIST = 200
"""A list with more elements is not looked at: macros and `in` together take the square of its length."""


def compile_on_traits(expression: str) -> Callable[[Mapping[str, Answer]], bool]:
    """The closure of an expression on traits. Raises UserError when it is no CEL."""
    names = [path.name for path in paths(expression)]

    def seen(values: Mapping[str, Answer]) -> dict[str, Any] | None:
        known = {name: value for name in names if _is_there(value := values.get(name))}
        return None if _too_long(known) else {"traits": known}

    return _compiled(expression, seen)


def compile_on_event(expression: str) -> Callable[[EngagementRecorded | hot.Act], bool]:
    """The closure of an expression on an event. Raises UserError when it is no CEL."""
    named = paths(expression)
    properties = [path.name.removeprefix("properties.") for path in named if path.name.startswith("properties.")]
    fields = [(_folders(path), attrgetter(path.name.split(".")[0])) for path in named if not _is_property(path)]

    def seen(event: EngagementRecorded | hot.Act) -> dict[str, Any] | None:
        known = {name: value for name in properties if _is_there(value := event.properties.get(name))}
        if _too_long(known):
            return None
        told: dict[str, Any] = {"properties": known}
        for (field, part), read in fields:
            value = read(event)
            if part is None:
                told.update({field: value} if _is_there(value) else {})
            else:
                inner = None if value is None else getattr(value, part)
                told.setdefault(field, {}).update({part: inner} if _is_there(inner) else {})
        return {"event": told}

    return _compiled(expression, seen)


def _compiled(expression: str, seen: Callable[[T], dict[str, Any] | None]) -> Callable[[T], bool]:
    execute, matches = program(expression).execute, bool(patterns(expression))

    def holds(of: T) -> bool:
        known = seen(of)
        if known is None or (matches and _characters(known) > LONGEST_MATCHED):
            return False
        try:
            return execute(known) is True
        except KeyError:  # a field is absent: that is usual
            return False
        except Exception:  # noqa: BLE001  which types a wrong expression raises is the library's own affair
            _failed[expression] += 1
            return False
        except BaseException as error:  # a panic of the library is no Exception
            if type(error).__name__ != "PanicException":
                raise
            _failed[expression] += 1
            return False

    return holds


def take_failed() -> Counter[str]:
    """How often which expression could not be evaluated, though what it looks at was there, since the last call."""
    if not _failed:
        return _NONE
    failed = Counter(_failed)
    _failed.clear()
    return failed


def program(expression: str) -> Any:
    """The compiled expression. Raises UserError that says where it can't be read."""
    import cel  # noqa: PLC0415  it takes a while to load, and few definitions need it

    try:
        compiled = cel.compile(expression)
        for pattern in patterns(expression):
            _pattern(pattern)
        return compiled
    except ValueError as error:
        lines = [line for line in str(error).splitlines() if "ERROR:" in line]
        said = lines[0].partition("ERROR: <input>:")[2] if lines else "can't be read"
        raise UserError(f"cel: no expression: {said}", fix="correct it, or write it with operators") from None


def _pattern(written: str) -> None:
    """Raises UserError when it is no regular expression."""
    import cel  # noqa: PLC0415  as above

    try:
        cel.compile(f"''.matches({written})").execute({})
    except RuntimeError:
        raise UserError(f"cel: no regular expression: {written}", fix="correct it, or make it smaller") from None


def _characters(known: object) -> int:
    if isinstance(known, str):
        return len(known)
    if isinstance(known, dict):
        return sum(map(_characters, known.values()))
    return sum(map(_characters, known)) if isinstance(known, list) else 0


def _is_property(path: Path) -> bool:
    return path.name.startswith("properties.")


def _folders(path: Path) -> tuple[str, str | None]:
    field, _, part = path.name.partition(".")
    return field, part or None


def _is_there(value: object) -> bool:
    return value is not None and value not in ("", [])


def _too_long(known: Mapping[str, object]) -> bool:
    return any(isinstance(value, list) and len(value) > LONGEST_LIST for value in known.values())
