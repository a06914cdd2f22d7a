"""Facts that the CRM knows and decisions need: owners, customers, open opportunities, consent; and, for a comparison
in shadow, what people really did with their deals."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from baton_schemas.contract import Contract, Name, Part, Time


class AccountStanding(Part):
    """How a company stands with us. A customer or an open opportunity gets no new-lead handoff (H2)."""

    owner: Name | None = None
    customer_since: Time | None = None
    open_opportunity: bool = False
    tier: Name | None = None


class AccountFacts(Contract):
    """The account's (the record's key) standing, whole: what is absent is not so."""

    TYPE: ClassVar[str] = "baton.crm.account.v1"

    account: Name
    standing: AccountStanding
    at: Time


class Consent(Part):
    """A purpose a person agreed to, or not."""

    purpose: Name
    granted: bool
    source: Name
    at: Time


class PersonFacts(Contract):
    """What the CRM knows of a person (the record's key), whole."""

    TYPE: ClassVar[str] = "baton.crm.person.v1"

    person: Name
    owner: Name | None = None
    do_not_contact: bool = False
    disqualified: Name | None = None
    consents: list[Consent] = []
    at: Time


DealStage = Literal["offered", "accepted", "opportunity", "won", "lost", "rejected"]


class DealFacts(Contract):
    """What the CRM holds of one deal of a person (the record's key), whole, as people made it without Baton: the latest
    `at` of a deal counts. `owner` is a rep of the teams where he is one, else the CRM's own id of him; `first_touch_at`
    the first time that somebody in sales turned to the person."""

    TYPE: ClassVar[str] = "baton.crm.deal.v1"

    person: Name
    source: Name = Field(description="the connector or file that says so")
    deal: Name = Field(description="the CRM's id")
    owner: Name | None = None
    stage: DealStage
    reason: Name | None = None
    created_at: Time
    first_touch_at: Time | None = None
    touch_known: bool = Field(default=True, description="false where the source says nothing of touches")
    closed_at: Time | None = None
    at: Time


FactKind = Literal["account", "person"]
