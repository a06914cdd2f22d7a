"""An account wakes up: what its people report while somebody owns it, that it spiked, the alert (H2)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from baton_schemas.contract import Contract, Count, Name, Part, Text, Time
from baton_schemas.crm import AccountStanding
from baton_schemas.leads import Contact, Dossier, Points, Versions

SpikeKind = Literal["grade", "account_points"]
"""A person's grade rose to one that the definition names; the points of an account's last days reached a threshold."""

OwnedAs = Literal["handoff", "customer", "open_opportunity", "account_owner", "lead_owner"]
"""Why somebody is told: it is the lead of his open handoff, his customer, his open opportunity, or his otherwise."""


class EngagedDay(Part):
    """What a person did on one day, in points. `day`: days since 1970, UTC."""

    day: Count
    points: Points


class MemberEngaged(Contract):
    """What a person whose account or lead somebody owns did in the last days, whole; the record's key is the account.
    The highest version counts. `told`: a handoff has just told sales of it, so it is no reason for an alert."""

    TYPE: ClassVar[str] = "baton.account.engaged.v1"

    account: Name
    person: Name
    version: Count
    days: list[EngagedDay]
    told: bool = False
    event_at: Time


class EngagedPerson(Part):
    """One of those who made an account spike, without name or address."""

    person: Name
    points: Points
    grade: Name | None = None
    job_title: Text | None = None


class AccountSpiked(Contract):
    """The account's points of the last days reached the threshold by what this person (the record's key) did: tell it
    with your story. `number` counts the account's spikes."""

    TYPE: ClassVar[str] = "baton.account.spiked.v1"

    account: Name
    person: Name
    number: Count
    points: Points
    people: list[EngagedPerson]
    event_at: Time


class EngagementSpiked(Contract):
    """Somebody whose account or lead is owned engages far more than before. The record's key is `subject`: the account,
    or the lead where no company is known. `leads` are the identities that are this one person."""

    TYPE: ClassVar[str] = "baton.engagement.spiked.v1"

    subject: Name
    account: Name | None = None
    lead: Name
    leads: list[Name]
    kind: SpikeKind
    grade: Name
    previous_grade: Name | None = None
    score: Points
    points: Annotated[float, Field(description="the account's points of the last days")] | None = None
    threshold: float | None = None
    within_days: Count | None = None
    people: list[EngagedPerson] = Field(default=[], description="who did most of it, the most engaged first")
    cool_down_days: Count
    contact: Contact
    standing: AccountStanding | None = None
    owner: Name | None = Field(default=None, description="who owns the person, as the CRM says")
    dossier: Dossier
    versions: Versions
    at: Time
    event_at: Time = Field(description="broker time of the event that tipped it")
    cause: Name


class AccountAlert(Contract):
    """The owner is told of a spike. `handoff` is his open one of this person or account, to which a remark belongs
    (`lead`, the record's key, is then its lead); absent when he has none that Baton knows of."""

    TYPE: ClassVar[str] = "baton.account.alert.v1"

    lead: Name
    handoff: Name | None = None
    version: Count = 0
    recipient: Name
    owned_as: OwnedAs
    spike: EngagementSpiked
    at: Time
    cause: Name
