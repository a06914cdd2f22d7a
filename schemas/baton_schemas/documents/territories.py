"""Who covers which part of the market: conditions on a lead, and the pool, calendar and policy that follow."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from baton_schemas.contract import Name
from baton_schemas.documents.calendars import refuse_boolean, unique
from baton_schemas.documents.document import Document

Dimension = Literal["industry", "employees", "region", "country"]
DIMENSIONS: tuple[Dimension, ...] = ("industry", "employees", "region", "country")

Country = Annotated[str, BeforeValidator(refuse_boolean), Field(pattern=r"^[A-Z]{2}$")]
Region = Annotated[str, BeforeValidator(refuse_boolean), Field(pattern=r"^[A-Z0-9]{1,3}$")]


class Size(Document):
    """A range of employees: `from` is in it, `below` is not. One of them may be open."""

    from_: Annotated[int, Field(alias="from", ge=0)] = 0
    below: Annotated[int, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.below is not None and self.below <= self.from_:
            raise ValueError("`below` must be greater than `from`")
        if self.below is None and self.from_ == 0:
            raise ValueError("an open range is no condition: leave `employees` out")
        return self


class Territory(Document):
    """A part of the market. An absent condition means any value, known or not; a lead whose value is not known fails a
    condition on it. `regions` are ISO 3166-2 codes without the country (CA, BY) and need exactly one country.

    With two stages of sales, `stage` says whose a territory is: a lead of a `qualify` one (BDRs) is given to a `sell`
    one (AEs) when its rep reports an opportunity. Absent: one rep does both."""

    name: Name
    countries: list[Country] = []
    regions: list[Region] = []
    employees: Size | None = None
    industries: list[Name] = []
    catch_all: bool = Field(False, description="takes what nobody else takes; has no conditions")
    team: Name
    pool: Name
    calendar: Name | None = Field(None, description="hours in which its clocks run; the team's when absent")
    policy: Name
    stage: Literal["qualify", "sell"] | None = None

    @model_validator(mode="after")
    def _conditions(self) -> Self:
        if self.regions and len(self.countries) != 1:
            raise ValueError("`regions` need exactly one country in `countries`")
        conditions = bool(self.countries or self.regions or self.employees or self.industries)
        if self.catch_all and conditions:
            raise ValueError("a catch-all has no conditions: remove them, or `catch_all`")
        if not self.catch_all and not conditions:
            raise ValueError("has no condition: say `catch_all: true` if it takes what nobody else takes")
        return self


class Territories(Document):
    """All territories of a set. Where several match, the one with the condition that stands first in `order` wins, then
    the next; so each pair that can match one lead must differ in which conditions it has. Territories that `sell` are a
    map of their own beside the others: they take what `qualify` territories hand over, and nothing else."""

    territories: list[Territory] = Field(min_length=1)
    order: list[Dimension] = Field(list(DIMENSIONS), description="the most specific condition first")
    elsewhere: Literal["covered", "unrouted"] = Field(
        "covered", description="covered: every lead must match; unrouted: leads of countries not named here may not"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        unique("territories", [territory.name for territory in self.territories])
        if sorted(self.order) != sorted(DIMENSIONS):
            raise ValueError(f"order: name each of {', '.join(DIMENSIONS)} once")
        stages = {territory.stage for territory in self.territories}
        if "qualify" in stages and "sell" not in stages:
            raise ValueError("nobody sells: give a territory `stage: sell`, or take `stage: qualify` away")
        if "sell" in stages and "qualify" not in stages:
            raise ValueError("nobody qualifies for `stage: sell`: give the BDRs' territories `stage: qualify`")
        return self
