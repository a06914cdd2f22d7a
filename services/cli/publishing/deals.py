"""What a CRM did, from an export: one row a deal, by a small mapping file beside it, as `DealFacts`.

source: salesforce              # who says so
person: {email: Contact Email}
deal: Opportunity ID
owner: {column: Owner, values: {Anna Schmidt: rep-101}}    # a rep of config/teams.yaml; others stay as they are
stage:
  column: Stage
  means: {New: offered, Contacted: accepted, Proposal: opportunity, Closed Won: won, Closed Lost: lost}
reason: {column: Loss Reason, values: {Too expensive: price}}
created: Created Date
first_touch: First Activity
closed: Close Date
updated: Last Modified
zone: Europe/Berlin             # of times that carry none
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from baton_schemas.crm import DealFacts, DealStage
from baton_schemas.documents.document import Document
from baton_schemas.engagement import Identifiers, Slug
from baton_schemas.envelope import envelop
from services.cli.publishing.csv_rows import Row, moment_of, text_of
from services.cli.publishing.draft import Refused, checked, content_id
from services.cli.publishing.lines import rows
from services.cli.publishing.mapping import PersonColumns, Source, Value, absent_columns
from services.cli.publishing.records import KeyMaker
from services.runtime.effects import Send
from services.runtime.errors import UserError

TOPIC = "crm.actual"
_TIMES = ("created", "first_touch", "closed", "updated")
_IDENTIFIERS = ("email", "user_id", "anonymous_id")


class StageColumn(Document):
    """The column with the stage, and what each of its texts says of a deal."""

    column: str
    means: Annotated[dict[str, DealStage], Field(min_length=1)]


class DealMapping(Document):
    """One mapping file. Without `updated`, a row stands for how the deal is when the file is read; without
    `first_touch`, nothing is said of first touches."""

    source: Slug
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    empty: list[str] = [""]
    person: PersonColumns
    deal: Source
    owner: Source | None = None
    stage: StageColumn
    reason: Source | None = None
    created: str
    first_touch: str | None = None
    closed: str | None = None
    updated: str | None = None
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, OSError, ValueError):
            raise ValueError("not a time zone; write one such as Europe/Lisbon") from None
        return zone


class DealLine(NamedTuple):
    """A row: its record, or why there is none."""

    line: int
    send: Send | None
    refused: Refused | None


def deal_lines(
    path: Path, mapping: DealMapping, text: str, where: str, *, keys: KeyMaker, now: int
) -> tuple[list[str], Iterator[DealLine]]:
    """The columns that nothing refers to, and the rows. Raises UserError when the mapping names columns that are not
    there."""
    items = rows(path, mapping.delimiter)
    header = [name.strip() for name in next(items).content or []]
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise UserError(f"{path}:1: columns given twice: {', '.join(twice)}", fix="rename one of them")
    named = list(_columns(mapping))
    absent_columns(named, header, text, where)
    used = {column for _, column in named}
    return [name for name in header if name not in used], _lines(items, mapping, header, keys, now)


def _lines(
    items: Iterator[Any], mapping: DealMapping, header: Sequence[str], keys: KeyMaker, now: int
) -> Iterator[DealLine]:
    for item in items:
        if item.refused is not None:
            yield DealLine(item.line, None, item.refused)
            continue
        try:
            yield DealLine(item.line, _send(_facts(mapping, header, item.line, item.content, keys, now), mapping), None)
        except Refused as refused:
            yield DealLine(item.line, None, refused)


def _facts(
    mapping: DealMapping, header: Sequence[str], line: int, cells: Sequence[str], keys: KeyMaker, now: int
) -> DealFacts:
    if len(cells) != len(header):
        raise Refused("", f"{len(cells)} cells, the header has {len(header)}")
    row = {name: cell for name, cell in zip(header, cells, strict=True) if cell not in mapping.empty}
    times = {name: _time(getattr(mapping, name), row, mapping.zone) for name in _TIMES}
    if times["created"] is None:
        raise Refused(mapping.created, "empty, so nobody knows when it began")
    named = {
        "deal": None if mapping.deal is None else text_of(mapping.deal, line, row),
        "owner": None if mapping.owner is None else text_of(mapping.owner, line, row),
        "reason": None if mapping.reason is None else text_of(mapping.reason, line, row),
    }
    return checked(
        DealFacts,
        {
            **named,
            "person": keys.person(_person(mapping.person, line, row)),
            "source": mapping.source,
            "stage": _stage(mapping.stage, row),
            "created_at": times["created"],
            "first_touch_at": times["first_touch"],
            "touch_known": mapping.first_touch is not None,
            "closed_at": times["closed"],
            "at": now if times["updated"] is None else times["updated"],
        },
    )


def _person(columns: PersonColumns, line: int, row: Row) -> Identifiers:
    named = {name: source for name in _IDENTIFIERS if (source := getattr(columns, name)) is not None}
    found = {name: text for name, source in named.items() if (text := text_of(source, line, row))}
    if not found:
        used = ", ".join(source if isinstance(source, str) else source.column or "row" for source in named.values())
        raise Refused(used, "empty, so nobody knows who this is")
    return checked(Identifiers, found)


def _stage(column: StageColumn, row: Row) -> DealStage:
    text = row.get(column.column)
    found = None if text is None else column.means.get(text.strip())
    if found is None:
        raise Refused(column.column, f"not one of the mapping's {', '.join(sorted(column.means))}")
    return found


def _time(column: str | None, row: Row, zone: str) -> int | None:
    return None if column is None or column not in row else moment_of(column, row, zone)


def _send(facts: DealFacts, mapping: DealMapping) -> Send:
    """The record; equal facts have equal ids."""
    uri = f"/import/{mapping.source}"
    headers, value = envelop(facts, id=content_id(uri, facts.model_dump()), source=uri, time=facts.at)
    return Send(TOPIC, facts.person.encode(), value, headers)


def _columns(mapping: DealMapping) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every column that the mapping names, with its place in the mapping."""
    sources: list[tuple[tuple[str, ...], Source | None]] = [
        *((("person", name), getattr(mapping.person, name)) for name in _IDENTIFIERS),
        *(((name,), getattr(mapping, name)) for name in ("deal", "owner", "reason", *_TIMES)),
    ]
    for place, source in sources:
        column = source.column if isinstance(source, Value) else source
        if column is not None:
            yield place, column
    yield ("stage", "column"), mapping.stage.column
