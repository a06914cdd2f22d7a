"""What people do: the events that marketing automation publishes to `engagement.events`.

The time of an event is its envelope's `time`; its identity is the envelope's `source` and `id`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from baton_schemas.contract import Contract, Name, Part, Scalar, Text

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=128)]
Properties = Annotated[dict[Name, Scalar | list[Scalar]], Field(max_length=200)]


class Identifiers(Part):
    """Who it was, as far as the sender knows. At least one is required.

    A record that holds several links them: an anonymous visitor to a known person, a user to an e-mail address.
    The strongest owns the event: email, then user_id, then anonymous_id.
    """

    email: Annotated[str, Field(min_length=3, max_length=254)] | None = None
    user_id: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    anonymous_id: Annotated[str, Field(min_length=1, max_length=254)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.email is None and self.user_id is None and self.anonymous_id is None:
            raise ValueError("one of email, user_id, anonymous_id is required")
        return self


class Campaign(Part):
    """Where the visit came from."""

    name: Text | None = None
    source: Text | None = None
    medium: Text | None = None
    content: Text | None = None
    term: Text | None = None


class EngagementRecorded(Contract):
    """One act of one person: a page viewed, a mail clicked, a form submitted. `action` is an open vocabulary; criteria
    of the lead definition refer to it. Common actions: page_viewed, email_opened, email_clicked, form_submitted,
    webinar_registered, webinar_attended, content_downloaded, pricing_viewed, demo_requested, call, unsubscribed."""

    TYPE: ClassVar[str] = "baton.engagement.recorded.v1"

    person: Identifiers
    action: Slug
    properties: Properties = Field(default_factory=dict)
    campaign: Campaign | None = None
    url: Text | None = None
    user_agent: Text | None = None


class PersonIdentified(Contract):
    """Traits of a person (latest by event time wins, trait by trait). Well-known ones: first_name, last_name, phone,
    job_title, seniority, company, company_domain, country (ISO 3166-1 alpha-2), region, industry, employees."""

    TYPE: ClassVar[str] = "baton.person.identified.v1"

    person: Identifiers
    traits: Properties = Field(default_factory=dict)


class AccountIdentified(Contract):
    """A person belongs to a company, with the company's traits."""

    TYPE: ClassVar[str] = "baton.account.identified.v1"

    person: Identifiers
    account: Name
    traits: Properties = Field(default_factory=dict)


class PersonAliased(Contract):
    """Two identifiers are one person: `previous` belongs to `person`."""

    TYPE: ClassVar[str] = "baton.person.aliased.v1"

    person: Identifiers
    previous: Identifiers


class PersonUnlinked(Contract):
    """Undoes a link: what `previous` did no longer counts for anybody else."""

    TYPE: ClassVar[str] = "baton.person.unlinked.v1"

    previous: Identifiers
    reason: Text | None = None


class PersonDisqualified(Contract):
    """Opt-out or a finding that makes a person no lead, from marketing's side (H3)."""

    TYPE: ClassVar[str] = "baton.person.disqualified.v1"

    person: Identifiers
    reason: Slug
