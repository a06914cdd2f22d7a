"""Facts that the CRM knows and decisions need: owners, customers, open opportunities, consent."""

from __future__ import annotations

from typing import ClassVar, Literal

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


FactKind = Literal["account", "person"]
