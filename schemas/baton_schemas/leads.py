"""What the scorer says of a lead: its score at all times, its qualification with the story behind it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from baton_schemas.accounts import Colleague
from baton_schemas.contract import Contract, Count, Name, Part, Scalar, Text, Time
from baton_schemas.crm import AccountStanding

Points = Annotated[float, Field(description="points, rounded to 0.1")]


class Versions(Part):
    """What judged: the signed definition (name, version, digest) and the scoring model's version."""

    definition: Name
    definition_version: Count
    definition_digest: Name
    model_version: Count


class LedgerLine(Part):
    """One criterion's share of the score. The points of all lines sum to the score. A criterion that is met has a line
    also when it gives no points just now. `weight` is how often it counts after decay and cap: points = weight x the
    criterion's points in force; 1 for a trait, and where it is absent."""

    criterion: Name
    kind: Name
    label: Text
    points: Points
    count: Count = 0
    latest_at: Time | None = None
    capped: bool = False
    weight: float | None = None


class LeadScored(Contract):
    """The current truth about a lead's score (compacted): sent when its grade changes, time alone included."""

    TYPE: ClassVar[str] = "baton.lead.scored.v1"

    lead: Name
    grade: Name
    fit: Points
    engagement: Points
    score: Points
    qualified: bool
    ledger: list[LedgerLine]
    missing: list[Text] = Field(default=[], description="what is missing to qualify, in words")
    versions: Versions
    at: Time
    reasons: list[Text] = Field(default=[], description="what adds most and what takes most away, in words")
    next_change_at: Time | None = Field(default=None, description="when time alone will change the grade")
    cause: Name


class Contact(Part):
    """How sales reaches the person. Personal data: lives in values only, never in keys, logs or metrics."""

    email: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    phone: Text | None = None
    job_title: Text | None = None
    company: Text | None = None
    company_domain: Text | None = None
    country: Text | None = None
    region: Text | None = None
    industry: Text | None = None
    employees: Count | None = None


class Signature(Part):
    """Who signed the definition, for which team."""

    team: Name
    by: Name
    at: Time


class Engaged(Part):
    """One thing the person did, newest first in a dossier."""

    action: Name
    at: Time
    subject: Text | None = None
    topic: Text | None = Field(default=None, description="what the content was about, as the event's `topic` says")
    stage: Text | None = Field(default=None, description="for which stage of buying it was, as its `stage` says")


class Interest(Part):
    """A topic that the person engaged with, over the acts that the dossier shows."""

    topic: Text
    stage: Text | None = None
    times: Count
    latest_at: Time


class Touch(Part):
    """Which campaign brought the person, the first time or the last. `owner`: who runs it in marketing."""

    at: Time
    campaign: Text | None = None
    source: Text | None = None
    medium: Text | None = None
    owner: Text | None = None


class PastGrade(Part):
    """A grade that the lead had, and since when."""

    at: Time
    grade: Name
    score: Points


class SalesNote(Part):
    """What a rep wrote: `kind` is that of the outcome that he reported with it, or of the insight (pains, budget)."""

    at: Time
    kind: Name
    rep: Name | None = None
    channel: Name | None = None
    text: Text


class SalesQualified(Part):
    """With two stages: who in sales qualified the lead (the BDR), under which handoff, and what he wrote of it."""

    handoff: Name
    rep: Name | None = None
    at: Time
    notes: list[SalesNote] = []
    notes_cut: Count = Field(default=0, description="how many older notes are not shown")


class Dossier(Part):
    """The lead's story, as the rep reads it."""

    ledger: list[LedgerLine]
    evidence: list[Text] = Field(default=[], description="which required evidence was met, by what, when")
    engaged: list[Engaged] = []
    engaged_cut: Count = Field(default=0, description="how many older ones are not shown")
    interests: list[Interest] = Field(default=[], description="by topic, the newest first")
    campaign: Text | None = None
    first_touch: Touch | None = None
    last_touch: Touch | None = None
    persona: Text | None = Field(default=None, description="whom sales will talk to, as the definition calls them")
    colleagues: list[Colleague] = []
    history: list[PastGrade] = Field(default=[], description="the last grades before this one, newest first")
    notes: dict[str, Scalar] = Field(default={}, description="what forms said: pains, current supplier, message")
    sales_qualified: SalesQualified | None = Field(default=None, description="in the second of two stages only")


class LeadQualified(Contract):
    """A lead crossed the line of the signed definition; the router gives it to a rep. `handoff` is the id of the act:
    from lead and n-th qualification."""

    TYPE: ClassVar[str] = "baton.lead.qualified.v1"

    lead: Name
    handoff: Name
    qualification: Count
    contact: Contact
    account: Name | None = None
    standing: AccountStanding | None = None
    owner: Name | None = None
    grade: Name
    tier: Name
    fit: Points
    engagement: Points
    score: Points
    dossier: Dossier
    signatures: list[Signature]
    versions: Versions
    at: Time
    event_at: Time = Field(description="broker time of the event that tipped it, for end-to-end latency")
    cause: Name


class LeadWithdrawn(Contract):
    """The lead is no lead any more (opt-out, disqualified, erased, un-merged, a customer): close its handoff (H3).
    Sent by the scorer on leads.qualified, and by the router on leads.routed for the CRM.

    `merged`: two people turned out to be one. From the scorer it says only that `lead` belongs to `merged_into` now;
    the router keeps one of their open handoffs, and its own word closes the other: `stays` names the one that is kept,
    `stays_with` its rep, if it has one."""

    TYPE: ClassVar[str] = "baton.lead.withdrawn.v1"

    lead: Name
    handoff: Name
    version: Count = 0
    reason: Name
    merged_into: Name | None = None
    rep: Name | None = None
    at: Time
    cause: Name
    stays: Name | None = None
    stays_with: Name | None = None

    @property
    def ends(self) -> bool:
        """Whether the handoff is over. The scorer (it knows no versions) leaves that open when two people are one, or
        when the company became a customer: it may have become one by this very lead."""
        return self.version > 0 or self.reason not in ("merged", "customer")


class LeadUnmerged(Contract):
    """The lead is a person of its own again: it was merged into another one by mistake. `handoff` is its last one."""

    TYPE: ClassVar[str] = "baton.lead.unmerged.v1"

    lead: Name
    handoff: Name
    at: Time
    cause: Name
