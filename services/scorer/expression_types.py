"""Can a CEL expression be evaluated, given the types of the fields that it names? Tried, before it judges anybody.

CEL does not convert: a text is never more than a number, and what compares them fails each time, for ever not met. What
fails so is found by trying the expression on values of the declared types; what is merely never true (`==`, `in` with a
value of another type) is read from the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

from baton_schemas.documents.expression import Path, equalities, paths
from baton_schemas.documents.fields import FieldType
from services.scorer.expressions import program

_TEXTS = ("x", "7", "7.5", "2026-01-02T03:04:05Z")
_SAMPLES: Mapping[FieldType, Sequence[Sequence[object]]] = {
    "text": (_TEXTS,),
    "domain": (("acme.example",),),
    "day": (("2026-01-02T03:04:05Z",),),
    "whole_number": ((0, 7, 1_000_000),),
    "number": ((0.0, 7.5, 1e6), (0, 7, 1_000_000)),
    "yes_no": ((True, False),),
    "list": ((["x", "7"],), ([7],), ([7.5],)),
}
"""Values to try, in kinds: an expression fits a type if it fits one kind of its values."""
_EQUAL: Mapping[FieldType, type | tuple[type, ...]] = {
    "text": str,
    "domain": str,
    "day": str,
    "whole_number": (int, float),
    "number": (int, float),
    "yes_no": bool,
}
_MOST_KINDS, _MOST_TRIES = 64, 256
_NO_SUCH_CALL = "Undefined variable or function"


def misfits(expression: str, types: Mapping[Path, Sequence[FieldType]]) -> Iterator[str]:
    """What can't be meant so, with the fix. `types` are those that each field may have; a field without is not judged.
    The expression must be one that can be read."""
    for path, value in equalities(expression):
        known = types.get(path, ())
        fitting = [each for each in known if each not in _EQUAL or _is_of(value, _EQUAL[each])]
        if known and not fitting:
            yield f"{_said(path)} is a {' or '.join(known)}, never {value!r} - compare it with a value of its type"
    named = [path for path in paths(expression) if path in types]
    if len(named) < len(paths(expression)) or not _fails(expression, named, types):
        return
    said = ", ".join(f"{_said(path)} is a {' or '.join(types[path])}" for path in named)
    yield (
        f"can't be evaluated: {said} - compare texts with texts and numbers with numbers, "
        "convert with int(), double() or string()"
    )


def _fails(expression: str, named: Sequence[Path], types: Mapping[Path, Sequence[FieldType]]) -> bool:
    """Whether, of whichever kind the values are, the expression fails for some. What a field is compared with is tried,
    too: behind it may stand what fails."""
    execute = program(expression).execute
    compared: dict[Path, list[object]] = {}
    for path, value in equalities(expression):
        compared.setdefault(path, []).append(value)
    kinds = [
        [(*_alike(compared.get(path, ()), kind), *kind) for each in types[path] for kind in _SAMPLES[each]]
        for path in named
    ]
    choices = list(islice(product(*kinds), _MOST_KINDS))
    return all(
        any(_raises(execute, dict(zip(named, values, strict=True))) for values in islice(product(*choice), _MOST_TRIES))
        for choice in choices
    )


def _raises(execute: Any, values: Mapping[Path, object]) -> bool:
    """Whether the types are wrong; a value that can't be converted is not."""
    known: dict[str, Any] = {"traits": {}, "event": {"properties": {}}}
    for path, value in values.items():
        inner = known[path.root]
        *folders, name = path.name.split(".", 1) if path.root == "event" else [path.name]
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[name] = value
    try:
        execute(known)
    except TypeError:
        return True
    except RuntimeError as error:
        return str(error).startswith(_NO_SUCH_CALL)
    except Exception:  # noqa: BLE001  which values an expression can't take is the library's own affair
        return False
    except BaseException as error:  # a panic of the library is no Exception
        if type(error).__name__ != "PanicException":
            raise
        return False
    return False


def _alike(values: Sequence[object], kind: Sequence[object]) -> list[object]:
    return [value for value in values if type(value) is type(kind[0])]


def _is_of(value: object, kind: type | tuple[type, ...]) -> bool:
    """A yes or no is a number only in Python."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _said(path: Path) -> str:
    return f"`{path.root}.{path.name}`"
