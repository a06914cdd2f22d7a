"""What a parser answers with: drafts of events, or a refusal that names the field and never quotes the content."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from baton_schemas.contract import Contract

C = TypeVar("C", bound=BaseModel)


class Refused(Exception):
    """This line can't be used. `field` is the sender's own name of it, `reason` what is wrong and what would do."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Draft:
    """One event on its way to a topic. `source` and `id` identify it; `time` in ms, None where the sender gave none."""

    data: Contract
    id: str
    source: str
    time: int | None
    extensions: tuple[tuple[str, str], ...] = ()


def checked(model: type[C], fields: dict[str, Any], names: dict[str, str] | None = None) -> C:
    """A contract out of `fields`. Raises Refused with the first problem; `names` gives the sender's words for ours."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise refusal(error, names) from None


def refusal(error: ValidationError, names: dict[str, str] | None = None) -> Refused:
    """The first problem of a failed validation, without the offending value."""
    problem = error.errors(include_input=False, include_url=False)[0]
    parts = [str(part) for part in problem["loc"] if str(part) not in _UNION_BRANCHES]
    known = names or {}
    parts[:1] = [known.get(part, part) for part in parts[:1]]
    return Refused(".".join(parts), problem["msg"].removeprefix("Value error, "))


def content_id(*parts: Any) -> str:
    """An id from what an event says, so that publishing the same content again is a repeat: `c<32 hex>`."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return "c" + blake2b(text.encode(), digest_size=16).hexdigest()


def scalars(values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """What the contracts take as properties: scalars and lists of them. Nested objects are left out by the caller."""
    return {
        name: value
        for name, value in values
        if isinstance(value, str | int | float | bool)
        or (
            isinstance(value, list)
            and all(item is None or isinstance(item, str | int | float | bool) for item in value)
        )
    }


_UNION_BRANCHES = {"str", "int", "float", "bool", "nullable"}
