"""The lead definition: the one document in which marketing and sales agree on what a good lead is.

It is active only with a signature of both teams over its content (`services.runtime.agreement` checks it). Points are
the prior of a scorecard: they add up, and `points_to_double_odds` of them double the odds of a good outcome.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from baton_schemas.contract import Name, Time
from baton_schemas.documents.condition import Condition
from baton_schemas.documents.document import Document

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=64)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Team = Literal["marketing", "sales"]
Grade = Annotated[str, StringConstraints(pattern=r"^[A-D][1-4]$")]

TEAMS: tuple[Team, ...] = ("marketing", "sales")
GRADES = tuple(f"{letter}{number}" for letter in "ABCD" for number in "1234")


def _in_tenths(points: float) -> float:
    if abs(points * 10 - round(points * 10)) > 1e-6:
        raise ValueError("points have at most one decimal, such as 12.5")
    return points


def written(value: object) -> object:
    """YAML turns an unquoted time into a datetime; its ISO form is what was meant."""
    return value.isoformat() if isinstance(value, datetime) else value


Points = Annotated[float, Field(ge=-1000, le=1000), AfterValidator(_in_tenths)]


class FitCriterion(Document):
    """Points for who the person is: a condition on traits. Fit does not decay."""

    id: Slug
    label: Label
    points: Points
    when: Condition


class EngagementCriterion(Document):
    """Points for what the person does: an action, and a condition on the event.

    Each event's points halve every `half_life_days` (absent: never); all together give at most `cap` (for negative
    points: at least).
    """

    id: Slug
    label: Label
    action: Slug | Annotated[list[Slug], Field(min_length=1)]
    when: Condition | None = None
    points: Points
    half_life_days: Annotated[float, Field(ge=0.5, le=730)] | None = None
    cap: Points | None = None

    @property
    def actions(self) -> list[str]:
        """The actions it looks at."""
        return [self.action] if isinstance(self.action, str) else list(self.action)

    @model_validator(mode="after")
    def _cap_agrees(self) -> Self:
        if self.points == 0:
            raise ValueError("points: 0 says nothing; leave the criterion out")
        if self.cap is not None and (self.cap < 0) != (self.points < 0):
            raise ValueError("cap: needs the same sign as points")
        if self.cap is not None and abs(self.cap) < abs(self.points):
            raise ValueError("cap: must be at least the points of one event")
        return self


class RequiredEvidence(Document):
    """What must have happened besides the threshold (H5): one of the criteria, within the last days."""

    label: Label
    any_of: Annotated[list[Slug], Field(min_length=1)]
    within_days: Annotated[int, Field(ge=1, le=365)]


class Disqualifier(Document):
    """What makes a person no lead at all: a condition on traits, or an action that was seen once."""

    reason: Slug
    label: Label
    when: Condition | None = None
    action: Slug | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.when is None) == (self.action is None):
            raise ValueError("name exactly one of when, action")
        return self


class Thresholds(Document):
    """Points (fit and engagement together) to qualify, and below which a lead is no longer qualified."""

    enter: Points
    exit: Points

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.exit >= self.enter:
            raise ValueError("exit: must be lower than enter, or leads flap")
        return self


class FitGrades(Document):
    """At least so many points of fit for each letter; less than C is D."""

    A: Points
    B: Points
    C: Points

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if not self.A > self.B > self.C:
            raise ValueError("A, B, C: must fall")
        return self


class EngagementGrades(Document):
    """At least so many points of engagement for each number; less than 3 is 4."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    one: Points = Field(alias="1")
    two: Points = Field(alias="2")
    three: Points = Field(alias="3")

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_names(cls, data: object) -> object:
        return {str(key): value for key, value in data.items()} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if not self.one > self.two > self.three:
            raise ValueError("1, 2, 3: must fall")
        return self


class GradeGrid(Document):
    """Fit gives the letter, engagement the number: A1 is best, D4 worst."""

    fit: FitGrades
    engagement: EngagementGrades


class Tier(Document):
    """How urgently sales follows up, by grade; grades that no tier names get the last one."""

    name: Slug
    grades: list[Grade] = []


class Learning(Document):
    """Guard rails for what sales' answers may change, in points.

    One publication moves a criterion by `max_step` at most, and no number of them further than `max_drift` from its
    signed points; it needs `min_sample` answered leads that met it and as many that did not. A new model is considered
    after every `every_labels` leads that sales answered for; `frozen` criteria never move.
    """

    max_step: Annotated[float, Field(gt=0, le=100)] = 1.0
    max_drift: Annotated[float, Field(gt=0, le=1000)] = 10.0
    min_sample: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    every_labels: Annotated[int, Field(ge=1, le=1_000_000)] = 25
    frozen: list[Slug] = []


class SignatureEntry(Document):
    """A team's yes to exactly this content, as `baton definition sign` writes it.

    `digest` is the SHA-256 of the canonical bytes, `signature` an OpenSSH signature over these bytes, `key` the name of
    the key that made it. `at` is the signer's own word: no signature can prove when it was given.
    """

    team: Team
    by: Name
    at: Annotated[Time, BeforeValidator(written)]
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    key: Annotated[str, StringConstraints(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]
    signature: Annotated[str, StringConstraints(max_length=2000)]


class Liaison(Document):
    """Whom the other team asks when something about leads is unclear, and how to reach him."""

    name: Name
    reach: Name


class Liaisons(Document):
    """One person of each team."""

    marketing: Liaison
    sales: Liaison


class LeadDefinition(Document):
    """What a good lead is. See `config/definition.yaml` for a worked example."""

    name: Slug
    version: Annotated[int, Field(ge=1)]
    fit: list[FitCriterion]
    engagement: Annotated[list[EngagementCriterion], Field(min_length=1)]
    required: list[RequiredEvidence] = []
    disqualifiers: list[Disqualifier] = []
    thresholds: Thresholds
    grades: GradeGrid
    tiers: Annotated[list[Tier], Field(min_length=1)]
    contact: list[Slug] = Field(default=["email"], description="fields that sales needs to reach the person")
    notes: list[Name] = Field(default=[], description="properties and traits that the dossier carries word for word")
    points_to_double_odds: Annotated[float, Field(gt=0, le=1000)] = 10.0
    learning: Learning = Learning()
    review_by: date | None = Field(default=None, description="the last day before both teams look at it again")
    liaisons: Liaisons | None = None
    signatures: list[SignatureEntry] = []

    @property
    def criteria(self) -> dict[str, float]:
        """The signed points of every criterion, fit first, in the document's order."""
        fit = {criterion.id: criterion.points for criterion in self.fit}
        return fit | {criterion.id: criterion.points for criterion in self.engagement}

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        _once("criterion", [each.id for each in self.fit] + [each.id for each in self.engagement])
        _once("tier", [tier.name for tier in self.tiers])
        _once("tier's grade", [grade for tier in self.tiers for grade in tier.grades])
        _once("signature of team", [signature.team for signature in self.signatures])
        for index, name in enumerate(self.learning.frozen):
            if name not in self.criteria:
                raise ValueError(f"learning.frozen.{index}: no criterion `{name}`{near(name, self.criteria)}")
        known = [criterion.id for criterion in self.engagement]
        for index, evidence in enumerate(self.required):
            for name in evidence.any_of:
                if name not in known:
                    raise ValueError(f"required.{index}.any_of: no engagement criterion `{name}`{near(name, known)}")
        for kind, place, condition in self._conditions():
            _looks_at(kind, place, condition)
        return self

    def _conditions(self) -> Iterable[tuple[Literal["trait", "event"], str, Condition]]:
        for index, criterion in enumerate(self.fit):
            yield "trait", f"fit.{index}.when", criterion.when
        for index, act in enumerate(self.engagement):
            if act.when is not None:
                yield "event", f"engagement.{index}.when", act.when
        for index, disqualifier in enumerate(self.disqualifiers):
            if disqualifier.when is not None:
                yield "trait", f"disqualifiers.{index}.when", disqualifier.when


def near(name: str, known: Iterable[str]) -> str:
    """`, did you mean ...?` when something known is close to `name`, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean `{close[0]}`?" if close else ""


def _once(what: str, names: list[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ValueError(f"{what} `{name}`: is given twice")


def _looks_at(kind: Literal["trait", "event"], place: str, condition: Condition) -> None:
    """An event's criteria may not look at traits: whether they were known then depends on the order of arrival."""
    if kind == "trait" and (condition.property or condition.field):
        raise ValueError(f"{place}: looks at an event; fit and disqualifiers test a `trait`")
    if kind == "event" and condition.trait:
        raise ValueError(f"{place}: looks at a trait; engagement tests a `property` or `field` of the event")
    for part in condition.parts():
        _looks_at(kind, place, part)
