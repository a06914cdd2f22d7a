"""Who is in sales: teams that share capacity, the rotations within them, who is away when."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from baton_schemas.contract import Name, Text
from baton_schemas.documents.calendars import unique
from baton_schemas.documents.document import Document

FIRST_YEAR, LAST_YEAR = 2000, 2199


class Absence(Document):
    """Days away, both ends included, in the time zone of the team's calendar."""

    from_: date = Field(alias="from")
    until: date

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.until < self.from_:
            raise ValueError("`until` is before `from`")
        if self.from_.year < FIRST_YEAR or self.until.year > LAST_YEAR:
            raise ValueError(f"give days of the years {FIRST_YEAR} to {LAST_YEAR}; who is gone for good leaves `reps`")
        return self


def _no_address(rep: str) -> str:
    if "@" in rep:
        raise ValueError("give the CRM's id of the rep: it travels in keys and metrics, where an address has no place")
    return rep


class Rep(Document):
    """A person in sales, by the CRM's id, which travels in keys and so must not be an address; `name` is for screens.
    `capacity` is how many open handoffs the rotation gives at most."""

    id: Annotated[Name, AfterValidator(_no_address)]
    name: Text | None = None
    capacity: Annotated[int, Field(ge=0, le=100_000)]
    absences: list[Absence] = []


class Member(Document):
    """A rep in a rotation. Weight 2 gets twice as many leads as weight 1."""

    rep: Name
    weight: Annotated[int, Field(ge=1, le=1000)] = 1


class Pool(Document):
    """A rotation within a team. Of members whose turn it is equally, the one who stands first goes first."""

    name: Name
    members: list[Member] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        unique("members", [member.rep for member in self.members])
        return self


class Team(Document):
    """Reps who share capacity. `manager` is told when a clock escalates."""

    name: Name
    manager: Name
    calendar: Name
    retry_minutes: Annotated[int, Field(ge=1)] = Field(30, description="business minutes between looks at the queue")
    reps: list[Rep] = Field(min_length=1)
    pools: list[Pool] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [rep.id for rep in self.reps]
        unique("reps", ids)
        unique("pools", [pool.name for pool in self.pools])
        for pool in self.pools:
            for member in pool.members:
                if member.rep not in ids:
                    raise ValueError(f"pool {pool.name!r}: {member.rep!r} is not in `reps` of team {self.name!r}")
        return self


class Teams(Document):
    """All teams of a set."""

    teams: list[Team] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        unique("teams", [team.name for team in self.teams])
        return self
