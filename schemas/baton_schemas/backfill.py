"""What people did in the past, as a whole: days of people that `baton publish --backfill` puts on `engagement.bulk`.

A record says everything that one source knows of one person on one day (UTC). The last word on a source, person and day
counts; what the source said of that day before is gone. So a backfill can be repeated and corrected.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, StringConstraints

from baton_schemas.contract import Contract, Part, Text, Time
from baton_schemas.engagement import Campaign, Identifiers, Properties, Slug

MOST_ACTS = 1000
"""Acts of one person on one day. Nobody does more by hand; a criterion counts at most 20 of them."""


def _a_date(text: str) -> str:
    date.fromisoformat(text)
    return text


Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_a_date)]
"""A day in UTC, such as 2026-03-02."""


class BackfilledAct(Part):
    """An `EngagementRecorded` of the past, with what its envelope said: `source`, `id`, `time`."""

    source: Text
    id: Text
    time: Time
    action: Slug
    properties: Properties = Field(default_factory=dict)
    campaign: Campaign | None = None
    url: Text | None = None
    user_agent: Text | None = None


class DayBackfilled(Contract):
    """All that the backfill `source` says that a person did on a day; no acts: it takes back what it said before.
    `person` is the one identifier whose key the record has."""

    TYPE: ClassVar[str] = "baton.engagement.backfilled.v1"

    person: Identifiers
    source: Slug
    day: Day
    acts: Annotated[list[BackfilledAct], Field(max_length=MOST_ACTS)] = Field(default_factory=list)
