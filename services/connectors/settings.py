"""The file that a connector is run with: how it treats any CRM, and what the words of this one mean (YAML, checked).

The part that says where the other side is belongs to each connector (`services/connectors/<name>/settings.py`). That
of a CRM extends `ConnectorSettings`; of what is called over HTTP and is no CRM, `CallSettings`; else `MemberSettings`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from baton_schemas.contract import Name
from baton_schemas.documents.document import Document
from baton_schemas.documents.reasons import Code

Meaning = Literal["offered", "accepted", "opportunity", "won", "lost", "rejected"]
"""What a stage of the CRM says of a handoff. `offered` is where a record begins."""

InsightField = Literal["pains", "objections", "competitors", "budget", "authority", "need", "timeline"]

PLACEHOLDER = re.compile(r"\{(\w+)\}")
CARD_WORDS = frozenset(
    {
        "company",
        "contact",
        "job_title",
        "country",
        "grade",
        "tier",
        "score",
        "territory",
        "team",
        "due",
        "handoff",
        "stage",
    }
)


def _known_words(template: str) -> str:
    unknown = sorted(set(PLACEHOLDER.findall(template)) - CARD_WORDS)
    if unknown:
        raise ValueError(f"{{{unknown[0]}}} is no word of a card: use one of {', '.join(sorted(CARD_WORDS))}")
    return template


Template = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_known_words)]


class Stage(Document):
    """A stage of the CRM. `if_not_accepted` is what it means when the rep had never taken the lead on: then the same
    button says "not for us" and not "we lost the deal". `reason` counts when the record's own text gives none."""

    stage: Name
    means: Meaning
    if_not_accepted: Literal["rejected"] | None = None
    reason: Code | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.if_not_accepted is not None and self.means != "lost":
            raise ValueError(f"{self.stage}: if_not_accepted: only for a stage that means lost")
        if self.reason is not None and self.means not in ("lost", "rejected"):
            raise ValueError(f"{self.stage}: reason: only lost and rejected have one")
        return self


class ReasonWords(Document):
    """A reason of Baton's catalogue, and the words by which reps write it in the CRM. The code itself is always one."""

    code: Code
    words: list[Annotated[str, Field(min_length=2, max_length=100)]] = []


class RemarkRule(Document):
    """What a rep's note means, by how it begins: a touch, or something that the conversation brought. Notes that begin
    otherwise are just notes."""

    starts: Annotated[list[Annotated[str, Field(min_length=2, max_length=60)]], Field(min_length=1)]
    touch: Name | None = Field(default=None, description="the channel: phone, email, ...")
    direction: Literal["outbound", "inbound"] = "outbound"
    insight: InsightField | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.touch is None) == (self.insight is None):
            raise ValueError(f"starts {self.starts[0]!r}: say either touch: <channel> or insight: <field>")
        return self


class Standing(Document):
    """What the CRM says of companies and people: in which stages a deal counts, and the labels of people."""

    open_opportunity: list[Name] = []
    customer: list[Name] = []
    do_not_contact: list[Name] = Field(default=[], description="categories of people who must not be contacted")
    disqualified: dict[Name, Code] = Field(default={}, description="category -> why such a person is no lead")
    consents: dict[Name, Name] = Field(default={}, description="category -> the purpose that it grants")


class Mapping(Document):
    """The CRM's words and Baton's. What is not named here is reported, never guessed."""

    stages: Annotated[list[Stage], Field(min_length=2)]
    reasons: list[ReasonWords] = []
    remarks: list[RemarkRule] = []
    automated_users: list[Name] = Field(default=[], description="the CRM's ids of users that are programs")
    reps: dict[Name, Name] = Field(default={}, description="rep -> the CRM's id, where its code is not the rep's id")
    deleted: Code | None = Field(default=None, description="reason of a rejection when a rep deletes the record")
    standing: Standing = Standing()
    title: Template = "{company}: grade {grade}, {tier}"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [each.stage for each in self.stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"stages: {', '.join(twice)}: given twice, keep one")
        if [each.means for each in self.stages].count("offered") != 1:
            raise ValueError("stages: exactly one means offered: the one in which a record begins")
        unknown = sorted({*self.standing.open_opportunity, *self.standing.customer} - set(names))
        if unknown:
            raise ValueError(f"standing: {unknown[0]} is not in stages")
        ids = list(self.reps.values())
        double = sorted({each for each in ids if ids.count(each) > 1})
        if double:
            raise ValueError(f"reps: {double[0]} is two reps: a person of the CRM is one rep")
        return self


class MemberSettings(Document):
    """What every connector has. `name` is part of its group's id, of its metrics and of what it notes on the log."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class CallSettings(MemberSettings):
    """How the other side is called. Times in seconds, of the wall."""

    requests_per_second: Annotated[float, Field(gt=0, le=10_000)] = 50.0
    at_once: Annotated[int, Field(ge=1, le=1000)] = Field(50, description="leads under way at the same time")
    connections: Annotated[int, Field(ge=1, le=100)] = 4
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    give_up_after_s: Annotated[float, Field(gt=0)] = Field(
        86_400.0, description="a record that is refused for so long, while others are taken, becomes a dead letter"
    )
    longest_pause_s: Annotated[float, Field(gt=0, le=3600)] = 60.0


class ConnectorSettings(CallSettings):
    """How a connector works, whatever its CRM."""

    poll_s: Annotated[float, Field(ge=0.1, le=3600)] = 2.0
    overlap_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    sweep_s: Annotated[float, Field(gt=0, le=86_400)] = Field(60.0, description="between looks for deleted records")
    mapping: Mapping
