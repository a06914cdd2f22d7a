"""A whole file as readings: what each line comes to, whatever the file's kind. Pure but for reading the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.cli.publishing.cloudevents import is_cloud_event, parse_cloud_event
from services.cli.publishing.csv_rows import Row, RowReader
from services.cli.publishing.draft import Draft, Refused
from services.cli.publishing.lines import Item, documents, rows
from services.cli.publishing.mapping import Mapping, check_columns
from services.cli.publishing.segment import CALLS, is_call, parse_call
from services.runtime.documents import parse
from services.runtime.errors import UserError


@dataclass(slots=True)
class Reading:
    """One line: its drafts, or why there are none. `read` counts the file's bytes so far (unpacked)."""

    line: int
    read: int
    drafts: list[Draft] = field(default_factory=list)
    refused: Refused | None = None
    row: Row = field(default_factory=dict)
    person: dict[str, Any] = field(default_factory=dict)


def json_readings(path: Path, source: str) -> Iterator[Reading]:
    """The lines or elements of a JSON file: CloudEvents and Segment calls, mixed as they come."""
    for item in documents(path):
        yield reading_of(item, source)


def reading_of(item: Item, source: str) -> Reading:
    """What a JSON document comes to."""
    reading = Reading(item.line, item.read, refused=item.refused)
    if item.refused is None:
        try:
            reading.drafts = _drafts(item.content, source)
        except Refused as refused:
            reading.refused = refused
    return reading


def read_mapping(path: Path) -> tuple[Mapping, str]:
    """The mapping file, checked, and its text. Raises UserError naming line and field."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
    return parse(Mapping, text, str(path)), text


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file with its mapping: the columns that nothing refers to, and the rows."""

    unused: list[str]
    readings: Iterator[Reading]


def csv_table(path: Path, mapping: Mapping, text: str, where: str) -> Table:
    """Opens a CSV file. Raises UserError when the mapping names columns that are not there."""
    items = rows(path, mapping.delimiter)
    first = next(items)
    header = [name.strip() for name in first.content or []]
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise UserError(f"{path}:1: columns given twice: {', '.join(twice)}", fix="rename one of them")
    unused = check_columns(mapping, header, text, where)
    return Table(unused, _csv_readings(items, RowReader(mapping, header)))


def _csv_readings(items: Iterator[Any], reader: RowReader) -> Iterator[Reading]:
    for item in items:
        reading = Reading(item.line, item.read, refused=item.refused)
        if item.refused is None:
            try:
                reading.row = reader.row(item.content)
                reading.person = reader.person(item.line, reading.row)
                reading.drafts = reader.drafts(item.line, reading.row)
            except Refused as refused:
                reading.refused = refused
        yield reading


def _drafts(document: Any, source: str) -> list[Draft]:
    if not isinstance(document, dict):
        raise Refused("", "not a JSON object")
    if is_cloud_event(document):
        return [parse_cloud_event(document)]
    if is_call(document):
        return parse_call(document, source)
    raise Refused("type", f"neither a CloudEvent (specversion, type) nor a call ({', '.join(CALLS)})")
