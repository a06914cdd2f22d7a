"""What `baton definition` shows: words for people, the same as values for scripts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.markup import escape

from baton_schemas.contract import format_time
from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.signing import content_digest
from services.cli.definitions import words
from services.cli.definitions.topic import Version
from services.cli.terminal import out
from services.runtime.agreement import Standing
from services.runtime.documents import parse
from services.runtime.errors import UserError

_COLOURS = {"active": "green", "proposed": "yellow", "retired": "dim"}


def print_definition(definition: LeadDefinition, state: str, how: Standing | None) -> None:
    """A definition on the screen; `how` is None when there is no list to check signatures against."""
    console = out()
    console.print(f"[bold]{definition.name}[/] version {definition.version}, {state}")
    console.print(f"digest {content_digest(definition)}")
    if definition.review_by is not None:
        console.print(f"to be looked at again by {definition.review_by}")
    for heading, lines in words.sections(definition):
        _print_section(heading, lines)
    unknown = ["can't be checked without a list of signers"]
    _print_section("signatures", unknown if how is None else words.signatures(how))


def print_versions(found: Iterable[Version]) -> None:
    """One line for each version, the newest of a name first."""
    for each in found:
        by = "" if each.by is None else f" by {each.by}"
        times = ", ".join(_in_words(*period) for period in _times(each))
        said = f"{each.ref} version {each.number}: {times}{by}; signed by {_signed_by(each) or 'nobody'}"
        out().print(f"[{_COLOURS[each.state]}]{each.state:8}[/] {escape(said)}")


def facts(definition: LeadDefinition, state: str, how: Standing | None, said: list[str]) -> dict[str, Any]:
    """A definition and how far it is, for a script."""
    approvals = [] if how is None else how.approvals
    return {
        "name": definition.name,
        "version": definition.version,
        "digest": content_digest(definition),
        "state": state,
        "signatures": [
            {"team": each.team, "by": each.by, "at": format_time(each.at), "key": each.key} for each in approvals
        ],
        "missing": [] if how is None else [*how.missing, *how.stale],
        "void": [] if how is None else [why for _, why in how.refused],
        "warnings": said,
        "definition": definition.model_dump(mode="json", by_alias=True, exclude={"signatures"}, exclude_none=True),
    }


def version_facts(version: Version) -> dict[str, Any]:
    """A version on the topic, for a script."""
    return {
        "name": version.name,
        "version": version.number,
        "digest": version.digest,
        "state": version.state,
        "by": version.by,
        "periods": [
            {"since": format_time(since), "until": None if until is None else format_time(until)}
            for since, until in _times(version)
        ],
        "signed": _signed_by(version),
    }


def _print_section(heading: str, lines: Iterable[str]) -> None:
    listed = list(lines)
    if listed:
        out().print(f"\n[bold]{heading}[/]")
    for line in listed:
        out().print(f"  {line}", markup=False)


def _signed_by(version: Version) -> str:
    """The names in a version's signatures; whether they are valid, `show` says."""
    try:
        entries = parse(LeadDefinition, version.text, version.ref).signatures
    except UserError:  # written by another release
        return ""
    return ", ".join(f"{each.by} for {each.team} on {words.day(each.at)}" for each in entries)


def _times(version: Version) -> list[tuple[int, int | None]]:
    return [(each.since, each.until) for each in version.periods] or [(version.at, None)]


def _in_words(since: int, until: int | None) -> str:
    return f"from {format_time(since)}" + ("" if until is None else f" to {format_time(until)}")
