"""What changed between two definitions: criterion by criterion, in words and in points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from baton_schemas.documents.definition import LeadDefinition
from services.cli.definitions.words import plainly, points

_LISTED = {"fit": "id", "engagement": "id", "required": "label", "disqualifiers": "reason", "tiers": "name"}
"""Lists whose members have a name of their own, by which old and new are compared; their order says nothing."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that changed. `place` is `engagement.pricing_visit` or `thresholds.enter`; `before` is absent for what
    is new, `after` for what is gone; `words` say it all."""

    place: str
    words: str
    before: Any = None
    after: Any = None


def changes(old: LeadDefinition, new: LeadDefinition) -> list[Change]:
    """Every change of content; signatures are none. Empty when both are the same for everybody who judges by them."""
    before, after = _said(old), _said(new)
    found: list[Change] = []
    for section in dict.fromkeys([*after, *before]):
        found += _section(section, before.get(section), after.get(section))
    return found


def _section(section: str, before: Any, after: Any) -> Iterator[Change]:
    if section in _LISTED:
        name = _LISTED[section]
        was = {each[name]: each for each in before or []}
        now = {each[name]: each for each in after or []}
        for each in dict.fromkeys([*now, *was]):
            yield from _member(f"{section}.{each}", was.get(each), now.get(each))
        ordered = section == "tiers" and list(was) != list(now) and set(was) == set(now)
        if ordered:  # the last tier takes all other grades
            yield _valued("tiers", list(was), list(now))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*after, *before]):
            yield from _section(f"{section}.{name}", before.get(name), after.get(name))
    elif before != after:
        yield _valued(section, before, after)


def _member(place: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Iterator[Change]:
    if before == after:
        return
    if before is None or after is None:
        said = after if after is not None else before
        worth = f", {points(said['points'])} points" if said and "points" in said else ""
        label = (said or {}).get("label", "")
        words = f"{'new' if before is None else 'gone'}: {place}{f' ({label})' if label else ''}{worth}"
        yield Change(place=place, words=words, before=before, after=after)
        return
    parts = [_field(name, before.get(name), after.get(name)) for name in dict.fromkeys([*after, *before])]
    label = after.get("label", "")
    words = f"changed: {place}{f' ({label})' if label else ''}: {', '.join(part for part in parts if part)}"
    yield Change(place=place, words=words, before=before, after=after)


def _valued(place: str, before: Any, after: Any) -> Change:
    return Change(place=place, words=f"changed: {_field(place, before, after)}", before=before, after=after)


def _field(name: str, before: Any, after: Any) -> str:
    """`points 8 -> 12 (+4)`, or nothing when it did not change."""
    if before == after:
        return ""
    numbers = isinstance(before, (int, float)) and isinstance(after, (int, float))
    moved = f" ({points(after - before)})" if numbers else ""
    none = "none"
    return f"{name} {none if before is None else plainly(before)} -> {none if after is None else plainly(after)}{moved}"


def _said(definition: LeadDefinition) -> dict[str, Any]:
    return definition.model_dump(mode="json", by_alias=True, exclude={"signatures"}, exclude_none=True)
