"""What sales answers, and what Baton makes of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from baton_schemas.contract import Contract, Count, Name, Part, Scalar, Text, Time
from baton_schemas.leads import Points, Versions

OutcomeKind = Literal[
    "touched",
    "accepted",
    "rejected",
    "passed_on",
    "owner_changed",
    "released",
    "opportunity",
    "won",
    "lost",
    "reopened",
]


class OutcomeReported(Contract):
    """One thing that happened to a handoff in the CRM. A touch counts only when outbound, made by a person and not by
    a machine. `to` is the receiving rep of passed_on and owner_changed; with two stages, an `opportunity` may name whom
    the lead should go to: he is asked first. What `note`s say goes along to him."""

    TYPE: ClassVar[str] = "baton.feedback.outcome.v1"

    lead: Name
    handoff: Name
    kind: OutcomeKind
    rep: Name | None = None
    to: Name | None = None
    reason: Name | None = None
    channel: Name | None = None
    direction: Literal["outbound", "inbound"] = "outbound"
    automated: bool = False
    note: Text | None = None
    at: Time


class InsightReported(Contract):
    """What the conversation brought: for marketing, in the field's words."""

    TYPE: ClassVar[str] = "baton.feedback.insight.v1"

    lead: Name
    handoff: Name
    pains: list[Text] = []
    objections: list[Text] = []
    competitors: list[Text] = []
    budget: Text | None = None
    authority: Text | None = None
    need: Text | None = None
    timeline: Text | None = None
    at: Time


class LeadRecycled(Contract):
    """Not now: the lead goes back to marketing, with the reason and when it may be offered again. `revoked`: sales took
    the same handoff up again, so marketing stops."""

    TYPE: ClassVar[str] = "baton.lead.recycled.v1"

    lead: Name
    handoff: Name
    reason: Name
    not_before: Time | None = None
    nurture: Text | None = Field(default=None, description="what marketing may do with it, from the reason catalogue")
    revoked: bool = False
    versions: Versions
    at: Time
    cause: Name


class OutcomeLabelled(Contract):
    """One handoff's worth for learning: `good` None takes an earlier label back (reopened). `criteria` is the snapshot
    that qualified it."""

    TYPE: ClassVar[str] = "baton.feedback.label.v1"

    lead: Name
    handoff: Name
    revision: Count
    good: bool | None = None
    stage: Name
    reason: Name | None = None
    criteria: list[Name]
    points: list[Points] = []
    weights: list[float] = []
    versions: Versions
    at: Time


class CriterionPoints(Part):
    """A criterion's points in a model, beside what both teams signed."""

    points: Annotated[float, Field(description="points in force, rounded to 0.1")]
    signed: float
    good: Count = 0
    bad: Count = 0


class ModelPublished(Contract):
    """A scoring model: the points in force for every criterion of a signed definition. Version 0 is the signed one."""

    TYPE: ClassVar[str] = "baton.scoring.model.v1"

    definition: Name
    definition_digest: Name
    version: Count
    parent: Count | None = None
    criteria: dict[str, CriterionPoints]
    labels: Count
    at: Time
    cause: Name


class PointsMoved(Part):
    """One criterion's change, with the numbers behind it."""

    criterion: Name
    label: Text
    before: float
    after: float
    good: Count
    bad: Count
    why: Text


class ChangeNotice(Contract):
    """Tells both teams, in words, what changed in the score and why."""

    TYPE: ClassVar[str] = "baton.scoring.notice.v1"

    definition: Name
    version: Count
    parent: Count
    moved: list[PointsMoved]
    text: Text
    at: Time


class Notification(Contract):
    """Something a person should be told; the notifier delivers it."""

    TYPE: ClassVar[str] = "baton.notification.v1"

    recipient: Name
    subject: Text
    text: Text
    about: dict[str, Scalar] = {}
    urgent: bool = False
    at: Time
    cause: Name
