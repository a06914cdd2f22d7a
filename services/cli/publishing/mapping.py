"""The small YAML file beside a CSV file: which column is who, which a trait, which an event, an outcome, the time.

source: bank-campaign            # who says so: the events' CloudEvents source is /import/bank-campaign
empty: ["", unknown]             # texts that mean: not known
person:
  user_id: {row: "bank-"}        # no id in the file: the line's number behind a prefix
traits:
  job_title: job                 # trait: column
  age: {column: age, type: integer}
  country: {value: PT}           # the same for every row
event:
  action: call
  properties: {contacts: {column: campaign, type: integer}}
outcome:
  column: y
  definition: term-deposit
  kinds: {"yes": [touched, won], "no": [touched, {lost: no_interest}]}
time: {day: day, month: month, first_year: 2008, zone: Europe/Lisbon}
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, field_validator, model_validator

from baton_schemas.contract import Scalar
from baton_schemas.documents.document import Document
from baton_schemas.engagement import Slug
from baton_schemas.feedback import OutcomeKind
from services.runtime.documents import line_of
from services.runtime.errors import UserError


class Value(Document):
    """Where a value comes from: a `column`, one `value` for all rows, or the line's number behind the prefix `row`."""

    column: str | None = None
    value: Scalar = None
    row: str | None = None
    type: Literal["text", "integer", "number", "boolean"] = "text"
    values: dict[str, Scalar] = Field({}, description="texts of the column and what they stand for; others stay")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if [self.column, self.value, self.row].count(None) != 2:
            raise ValueError("give exactly one of column, value, row")
        return self


Source = str | Value
"""A column's name, or a Value."""


class PersonColumns(Document):
    """Who the row is about. At least one; several link them."""

    email: Source | None = None
    user_id: Source | None = None
    anonymous_id: Source | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.email is None and self.user_id is None and self.anonymous_id is None:
            raise ValueError("name a column for email, user_id or anonymous_id")
        return self


class EventColumns(Document):
    """What the person did."""

    action: Slug | Value
    properties: dict[str, Source] = {}


Step = OutcomeKind | Annotated[dict[OutcomeKind, str], Field(min_length=1, max_length=1)]
"""An outcome, or an outcome with its reason code: `touched`, `{lost: no_budget}`."""


class OutcomeColumn(Document):
    """What came of the handoff that `definition` led to: for each text of the column, the outcomes in their order."""

    column: str
    definition: str
    kinds: dict[str, list[Step]]
    channel: str | None = None


class TimeColumns(Document):
    """When it happened: one `column` in ISO 8601, or `day` and `month` with a `year`; without a column for the year
    it starts at `first_year` and goes up whenever the months roll over, so rows must be in time order."""

    column: str | None = None
    day: str | None = None
    month: str | None = None
    year: str | None = None
    first_year: int | None = Field(None, ge=1970, le=2200)
    at: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "12:00"
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, OSError, ValueError):
            raise ValueError("not a time zone; write one such as Europe/Lisbon") from None
        return zone

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.column is None) == (self.day is None or self.month is None):
            raise ValueError("give either column, or day and month")
        if self.day is not None and (self.year is None) == (self.first_year is None):
            raise ValueError("give either year (a column) or first_year")
        return self


class Mapping(Document):
    """One mapping file."""

    source: Slug
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    empty: list[str] = [""]
    person: PersonColumns
    account: Source | None = None
    traits: dict[str, Source] = {}
    event: EventColumns | None = None
    outcome: OutcomeColumn | None = None
    time: TimeColumns | None = None

    @property
    def uri(self) -> str:
        """The CloudEvents source of everything that comes from this file."""
        return f"/import/{self.source}"


def columns_of(mapping: Mapping) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every column that the mapping names, with its place in the mapping."""
    sources: list[tuple[tuple[str, ...], Source | None]] = [
        *((("person", name), getattr(mapping.person, name)) for name in ("email", "user_id", "anonymous_id")),
        (("account",), mapping.account),
        *((("traits", name), source) for name, source in mapping.traits.items()),
    ]
    if mapping.event is not None:
        if isinstance(mapping.event.action, Value):
            sources.append((("event", "action"), mapping.event.action))
        sources += [(("event", "properties", name), source) for name, source in mapping.event.properties.items()]
    for place, source in sources:
        column = source.column if isinstance(source, Value) else source
        if column is not None:
            yield place, column
    if mapping.outcome is not None:
        yield ("outcome", "column"), mapping.outcome.column
    for name in ("column", "day", "month", "year"):
        column = getattr(mapping.time, name, None)
        if column is not None:
            yield ("time", name), column


def check_columns(mapping: Mapping, header: Sequence[str], text: str, where: str) -> list[str]:
    """The file's columns that the mapping does not use. Raises UserError for columns that the file does not have."""
    named = list(columns_of(mapping))
    absent_columns(named, header, text, where)
    used = {column for _, column in named}
    return [column for column in header if column not in used]


def absent_columns(named: Iterable[tuple[tuple[str, ...], str]], header: Sequence[str], text: str, where: str) -> None:
    """Raises UserError for columns that a mapping names, each with its place there, and the file does not have."""
    problems = []
    for place, column in named:
        if column not in header:
            near = difflib.get_close_matches(column, header, n=1)
            hint = f", did you mean `{near[0]}`?" if near else ""
            line = line_of(text, place)
            problems.append(f"{where}:{line}: {'.'.join(place)}: the file has no column `{column}`{hint}")
    if problems:
        raise UserError("\n".join(problems))
