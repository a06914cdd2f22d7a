"""A condition: one test, or several joined, as a lead definition writes them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from baton_schemas.contract import Name
from baton_schemas.documents.document import Document

Value = str | int | float | bool
EventField = Literal["url", "user_agent", "campaign.name", "campaign.source", "campaign.medium", "campaign.content",
                     "campaign.term"]  # fmt: skip


class Condition(Document):
    """One test, or several joined by all, any, not.

    A test names what it looks at (`trait` of the person, `property` of the event, or `field` of the event beside its
    properties) and what must hold of it. Text is compared without regard to case, numbers as numbers also when they
    came as text, true and false also as yes and no (YAML reads a bare `yes` as true). A list passes when one of its
    elements does. What is absent passes no test but `exists: false`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    trait: Name | None = None
    property: Name | None = None
    field: EventField | None = None
    equals: Value | None = None
    in_: list[Value] | None = Field(None, alias="in", min_length=1)
    contains: str | None = Field(None, min_length=1)
    gte: float | None = None
    lte: float | None = None
    exists: bool | None = None
    all: list[Condition] | None = Field(None, min_length=1)
    any: list[Condition] | None = Field(None, min_length=1)
    not_: Condition | None = Field(None, alias="not")

    def subject(self) -> str | None:
        """What the test looks at, or None when it joins others."""
        return self.trait or self.property or self.field

    def parts(self) -> list[Condition]:
        """The conditions this one joins."""
        return [*(self.all or ()), *(self.any or ()), *([self.not_] if self.not_ else ())]

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        joins = sum(join is not None for join in (self.all, self.any, self.not_))
        subjects = sum(subject is not None for subject in (self.trait, self.property, self.field))
        tests = [self.equals, self.in_, self.contains, self.gte, self.lte, self.exists]
        tested = any(test is not None for test in tests)
        if joins + subjects != 1:
            raise ValueError("name exactly one of trait, property, field, all, any, not")
        if joins and tested:
            raise ValueError("all, any and not stand alone; put the test inside")
        if subjects and not tested:
            raise ValueError("say what must hold: equals, in, contains, gte, lte or exists")
        return self
