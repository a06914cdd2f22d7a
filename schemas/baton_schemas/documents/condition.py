"""A condition: one test, or several joined, as a lead definition writes them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from baton_schemas.contract import Name
from baton_schemas.documents.document import Document
from baton_schemas.documents.expression import LONGEST, paths

Value = str | int | float | bool
EventField = Literal["url", "user_agent", "campaign.name", "campaign.source", "campaign.medium", "campaign.content",
                     "campaign.term"]  # fmt: skip


Words = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Domain = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", max_length=253)
]
Day = Annotated[date, BeforeValidator(lambda value: value.date() if isinstance(value, datetime) else value)]
OPERATORS = {
    "equals": "equals", "in": "in_", "contains": "contains", "starts_with": "starts_with", "ends_with": "ends_with",
    "gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte", "before": "before", "after": "after", "domain": "domain",
    "under_domain": "under_domain", "has_all": "has_all", "has_none": "has_none", "exists": "exists",
}  # fmt: skip
"""Every test by its name in YAML, and the field that holds it."""


class Condition(Document):
    """One test, or several joined by all, any, not.

    A test names what it looks at (`trait` of the person, `property` of the event, or `field` of the event beside its
    properties) and what must hold of it. Text is compared without regard to case, numbers as numbers also when they
    came as text, true and false also as yes and no (YAML reads a bare `yes` as true), dates as days (a time counts as
    its day in UTC). `domain` is the host of an address or URL, exactly (a leading `www.` aside); `under_domain` takes
    what is below it, too. A list passes when one of its elements passes all tests; `has_all` and `has_none` ask of the
    whole list. What is absent passes no test but `exists: false` and `has_none`. `cel` is a whole condition in the
    Common Expression Language, for what no test says; where it can't be evaluated, it does not hold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    trait: Name | None = None
    property: Name | None = None
    field: EventField | None = None
    equals: Value | None = None
    in_: list[Value] | None = Field(None, alias="in", min_length=1)
    contains: Words | None = None
    starts_with: Words | None = None
    ends_with: Words | None = None
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None
    before: Day | None = Field(None, description="earlier than this day")
    after: Day | None = Field(None, description="later than this day")
    domain: list[Domain] | Domain | None = None
    under_domain: list[Domain] | Domain | None = None
    has_all: list[Value] | None = Field(None, min_length=1)
    has_none: list[Value] | None = Field(None, min_length=1)
    exists: bool | None = None
    all: list[Condition] | None = Field(None, min_length=1)
    any: list[Condition] | None = Field(None, min_length=1)
    not_: Condition | None = Field(None, alias="not")
    cel: str | None = Field(None, min_length=1, max_length=LONGEST)

    def subject(self) -> str | None:
        """What the test looks at, or None when it joins others."""
        return self.trait or self.property or self.field

    def parts(self) -> list[Condition]:
        """The conditions this one joins."""
        return [*(self.all or ()), *(self.any or ()), *([self.not_] if self.not_ else ())]

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        joins = sum(join is not None for join in (self.all, self.any, self.not_, self.cel))
        subjects = sum(subject is not None for subject in (self.trait, self.property, self.field))
        tested = any(getattr(self, OPERATORS[name]) is not None for name in OPERATORS)
        if joins + subjects != 1:
            raise ValueError("name exactly one of trait, property, field, all, any, not, cel")
        if joins and tested:
            raise ValueError("all, any, not and cel stand alone; put the test inside")
        if self.cel is not None:
            _readable(self.cel)
        if subjects and not tested:
            raise ValueError(f"say what must hold: one of {', '.join(OPERATORS)}")
        _in_order("gt or gte", self.gte if self.gt is None else self.gt, self.lte if self.lt is None else self.lt)
        _in_order("after", self.after, self.before)
        return self


def _readable(expression: str) -> None:
    try:
        paths(expression)
    except ValueError as error:
        raise ValueError(f"cel: {error}") from None


_Bound = TypeVar("_Bound", float, date)


def _in_order(name: str, least: _Bound | None, most: _Bound | None) -> None:
    if least is not None and most is not None and least > most:
        raise ValueError(f"{name}: is above the other bound, so nothing passes")
