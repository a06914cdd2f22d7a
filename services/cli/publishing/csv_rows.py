"""Rows of a CSV file into drafts, by a mapping: first who the person is, then what it did, then what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from baton_schemas.contract import Scalar, parse_time
from baton_schemas.engagement import AccountIdentified, EngagementRecorded, PersonIdentified
from services.cli.publishing.draft import Draft, Refused, checked, content_id
from services.cli.publishing.mapping import EventColumns, Mapping, Source, TimeColumns, Value
from services.cli.publishing.traits import person_traits

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_BOOLEANS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}

Row = Dict[str, str]


class RowReader:
    """Reads rows in the file's order: the year rolls over with the months, so it is a fold, not a function."""

    def __init__(self, mapping: Mapping, header: Sequence[str]) -> None:
        self.mapping = mapping
        self._header = header
        self._empty = frozenset(mapping.empty)
        self._year = (mapping.time and mapping.time.first_year) or 0
        self._month = 0

    def row(self, cells: Sequence[str]) -> Row:
        """The row's cells by column, those that are known. Raises Refused when the row has another length."""
        if len(cells) != len(self._header):
            raise Refused("", f"{len(cells)} cells, the header has {len(self._header)}")
        return {name: cell for name, cell in zip(self._header, cells, strict=True) if cell not in self._empty}

    def person(self, line: int, row: Row) -> dict[str, Any]:
        """The person's identifiers. Raises Refused when the row has none."""
        columns = self.mapping.person
        named = {"email": columns.email, "user_id": columns.user_id, "anonymous_id": columns.anonymous_id}
        found = {name: text_of(source, line, row) for name, source in named.items() if source is not None}
        person = {name: text for name, text in found.items() if text}
        if not person:
            used = ", ".join(_name(source) for source in named.values() if source is not None)
            raise Refused(used, "empty, so nobody knows who this is")
        return person

    def drafts(self, line: int, row: Row) -> list[Draft]:
        """What the row says. Raises Refused naming the column."""
        mapping = self.mapping
        time = self.time(row)
        person = self.person(line, row)
        traits = {name: value_of(source, line, row) for name, source in mapping.traits.items()}
        known = {name: value for name, value in traits.items() if value is not None}
        parts: list[Any] = []
        if known:
            parts.append(checked(PersonIdentified, {"person": person, "traits": person_traits(known)}))
        if mapping.account is not None and (account := text_of(mapping.account, line, row)):
            parts.append(checked(AccountIdentified, {"person": person, "account": account}))
        if mapping.event is not None:
            parts.append(checked(EngagementRecorded, _engagement(mapping.event, person, line, row)))
        if not parts:
            raise Refused("", "nothing in this row is mapped")
        uri = mapping.uri
        return [Draft(part, content_id(uri, part.TYPE, time, part.model_dump()), uri, time) for part in parts]

    def time(self, row: Row) -> int | None:
        """When the row happened, in ms; None when the mapping names no time. Call once a row, in order."""
        columns = self.mapping.time
        if columns is None:
            return None
        if columns.column is not None:
            return moment_of(columns.column, row, columns.zone)
        return self._composed(columns, row)

    def _composed(self, columns: TimeColumns, row: Row) -> int:
        month = _month(columns.month or "", row)
        if columns.year is not None:
            year = _whole(columns.year, row)
        else:
            self._year += month < self._month
            self._month = month
            year = self._year
        hour, minute = map(int, columns.at.split(":"))
        try:
            moment = datetime(year, month, _whole(columns.day or "", row), hour, minute, tzinfo=ZoneInfo(columns.zone))
        except ValueError:
            raise Refused(columns.day or "", "no such day in that month") from None
        return parse_time(moment.isoformat())


def _engagement(event: EventColumns, person: dict[str, Any], line: int, row: Row) -> dict[str, Any]:
    action = event.action if isinstance(event.action, str) else value_of(event.action, line, row)
    if action is None:
        raise Refused(_name(event.action), "empty, so nobody knows what happened")
    values = {name: value_of(source, line, row) for name, source in event.properties.items()}
    properties = {name: value for name, value in values.items() if value is not None}
    return {"person": person, "action": action, "properties": properties}


def value_of(source: Source, line: int, row: Row) -> Scalar:
    """The value in the mapping's type; None when the cell is not known. Raises Refused naming the column."""
    if isinstance(source, str):
        return row.get(source)
    if source.value is not None:
        return source.value
    if source.row is not None:
        return f"{source.row}{line}"
    column = source.column or ""
    text = row.get(column)
    if text is None:
        return None
    return source.values[text] if text in source.values else _typed(source, column, text.strip())


def _typed(source: Value, column: str, text: str) -> Scalar:
    try:
        if source.type == "integer":
            return int(text)
        if source.type == "number":
            number = float(text)
            if not math.isfinite(number):
                raise ValueError
            return number
        if source.type == "boolean":
            return _BOOLEANS[text.lower()]
    except (ValueError, KeyError):
        raise Refused(column, f"not {'an' if source.type == 'integer' else 'a'} {source.type}") from None
    return text


def text_of(source: Source, line: int, row: Row) -> str | None:
    """The value as text without outer blanks; None when the cell is not known."""
    value = value_of(source, line, row)
    return None if value is None else str(value).strip()


def _name(source: Source) -> str:
    return source if isinstance(source, str) else source.column or "row"


def _month(column: str, row: Row) -> int:
    text = row.get(column, "").strip().lower()
    if text[:3] in _MONTHS:
        return _MONTHS.index(text[:3]) + 1
    if text.isdecimal() and 1 <= int(text) <= 12:
        return int(text)
    raise Refused(column, "not a month; write jan to dec or 1 to 12")


def _whole(column: str, row: Row) -> int:
    try:
        return int(row.get(column, ""))
    except ValueError:
        raise Refused(column, "not an integer") from None


def moment_of(column: str, row: Row, zone: str) -> int:
    """The time in a column, in ms; one without a zone is of `zone`. Raises Refused naming the column."""
    try:
        moment = datetime.fromisoformat(row.get(column, ""))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        return parse_time(moment.isoformat())
    except ValueError:
        raise Refused(column, "must be ISO 8601, such as 2026-03-02T09:30:00Z") from None
