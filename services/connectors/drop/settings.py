"""The folder that Baton and a CRM's batch import share, the columns of its files, and what the answers mean. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from baton_schemas.contract import Name
from baton_schemas.documents.document import Document
from baton_schemas.feedback import OutcomeKind
from services.connectors.drop.rows import ALERT_WORDS, LEAD_WORDS, SLA_WORDS
from services.connectors.settings import MemberSettings, ReasonWords

Step = Literal["started", "warned", "breached", "reassigned", "escalated", "met", "closed", "skipped"]
Header = Annotated[str, Field(min_length=1, max_length=100)]
_NEEDED = {"columns": ("handoff", "version"), "sla_columns": ("handoff", "version"), "alert_columns": ("event",)}


class OutcomeColumns(Document):
    """Which column of a dropped file says what. The first three must be there in every file; `to` is the receiver when
    a lead was passed on."""

    handoff: Header = "handoff"
    outcome: Header = "outcome"
    time: Header = "time"
    reason: Header = "reason"
    actor: Header = "actor"
    to: Header = "to"


class Answers(Document):
    """What people's words in dropped files mean. A word that stands nowhere is refused, never guessed."""

    columns: OutcomeColumns = OutcomeColumns()
    kinds: Annotated[dict[Name, OutcomeKind], Field(min_length=1)]
    reasons: list[ReasonWords] = []
    reps: dict[Name, Name] = Field(default={}, description="rep -> how these files write the rep, where that differs")
    zone: str = Field("UTC", description="of times that are written without one")

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, OSError, ValueError):
            raise ValueError("not a time zone; write one such as Europe/Lisbon") from None
        return zone

    @model_validator(mode="after")
    def _one_rep_each(self) -> Self:
        words = list(self.reps.values())
        double = sorted({each for each in words if words.count(each) > 1})
        if double:
            raise ValueError(f"reps: {double[0]} is two reps: who writes it is one")
        return self


class CsvSettings(MemberSettings):
    """`connector: csv`. Leads go to `folder`/leads, steps of their clocks to `folder`/sla, alerts on accounts
    to `folder`/alerts, answers are looked for in `folder`/outcomes. A file is closed when it has `rows` rows, or its
    first has waited `every_s`."""

    connector: Literal["csv"]
    folder: Path
    delimiter: Literal[",", ";", "\t", "|"] = ","
    rows: Annotated[int, Field(ge=1, le=5000)] = 500
    every_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    poll_s: Annotated[float, Field(ge=0.1, le=3600)] = 5.0
    settle_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        2.0, description="a dropped file is read when nobody has written to it for so long"
    )
    largest_file: Annotated[int, Field(ge=1024, le=256 << 20)] = 32 << 20
    columns: dict[Header, str] = {word: word for word in LEAD_WORDS}
    sla_steps: list[Step] = ["warned", "breached", "escalated"]
    sla_columns: dict[Header, str] = {word: word for word in SLA_WORDS}
    alert_columns: dict[Header, str] = {word: word for word in ALERT_WORDS}
    answers: Answers

    @model_validator(mode="after")
    def _known_words(self) -> Self:
        for field, known in (("columns", LEAD_WORDS), ("sla_columns", SLA_WORDS), ("alert_columns", ALERT_WORDS)):
            used = list(getattr(self, field).values())
            strange = next((word for word in used if word not in known), None)
            if strange is not None:
                raise ValueError(f"{field}: {strange} is no word of such a row: use one of {', '.join(known)}")
            missing = next((word for word in _NEEDED[field] if word not in used), None)
            if missing is not None:
                raise ValueError(f"{field}: no column has {missing}: the import needs it to tell repeats and old news")
        return self
