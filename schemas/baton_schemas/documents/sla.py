"""By when a lead must be touched, by when sales must say what became of it, and what happens when nobody does."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from baton_schemas.contract import Name
from baton_schemas.documents.calendars import unique
from baton_schemas.documents.document import Document


class TierTarget(Document):
    """Targets of one tier, in business minutes of the territory's calendar.

    The rep is warned at `warn_at` of the way to the target, told of the breach at the target, and loses the lead
    `reassign_after_minutes` later; after `max_reassignments` the team's manager is told instead.

    Who has accepted a lead owes a word on it: `disposition_minutes` after the acceptance, or after the last sign of
    life, rep and manager are told of the silence; the rep is warned at `disposition_warn_at` of the way. Absent: no
    such clock.
    """

    first_touch_minutes: Annotated[int, Field(ge=1, le=100_000)]
    warn_at: Annotated[float, Field(gt=0, lt=1)] = 0.5
    reassign_after_minutes: Annotated[int, Field(ge=1, le=100_000)]
    max_reassignments: Annotated[int, Field(ge=0, le=20)] = 1
    disposition_minutes: Annotated[int, Field(ge=1, le=100_000)] | None = None
    disposition_warn_at: Annotated[float, Field(gt=0, lt=1)] = 0.75


class SlaPolicy(Document):
    """Targets by tier, the most urgent first: waiting leads are served in this order. `otherwise` names the tier whose
    targets hold for a lead of any other tier."""

    name: Name
    clock_starts: Literal["qualified", "routed"] = "qualified"
    tiers: dict[Name, TierTarget] = Field(min_length=1)
    otherwise: Name

    @model_validator(mode="after")
    def _otherwise(self) -> Self:
        if self.otherwise not in self.tiers:
            raise ValueError(f"otherwise: {self.otherwise!r} is not in `tiers`")
        return self


class PressureLimit(Document):
    """At most so many handoffs are opened within so many days (of 24 hours). Handoffs are remembered for 90 days."""

    handoffs: Annotated[int, Field(ge=1, le=10_000)]
    days: Annotated[int, Field(ge=1, le=90)]


class ContactPressure(Document):
    """How often a person, and all people of an account together, may be given to sales. A lead beyond it waits, and
    goes on by itself; an absent limit is none."""

    per_person: PressureLimit | None = None
    per_account: PressureLimit | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.per_person is None and self.per_account is None:
            raise ValueError("limits nothing: say `per_person`, `per_account` or both, or leave `contact_pressure` out")
        return self


class SlaPolicies(Document):
    """All policies of a set, and how often the same people may be given to sales."""

    policies: list[SlaPolicy] = Field(min_length=1)
    contact_pressure: ContactPressure | None = None

    @model_validator(mode="after")
    def _unique(self) -> Self:
        unique("policies", [policy.name for policy in self.policies])
        return self
