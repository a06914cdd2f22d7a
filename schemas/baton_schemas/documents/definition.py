"""The lead definition: the one document in which marketing and sales agree on what a good lead is.

It is active only with a signature of both teams over its content (`services.runtime.agreement` checks it). Points are
the prior of a scorecard: they add up, and `points_to_double_odds` of them double the odds of a good outcome.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from baton_schemas.contract import Name, Time
from baton_schemas.documents.alerts import Alerts
from baton_schemas.documents.condition import Condition
from baton_schemas.documents.criteria import (
    AbsenceCriterion,
    Criterion,
    CriterionGroup,
    EngagementCriterion,
    FitCriterion,
    Label,
    Points,
    SequenceCriterion,
    Slug,
)
from baton_schemas.documents.document import Document
from baton_schemas.documents.expression import MOST_IN_A_DEFINITION, paths
from baton_schemas.documents.reasons import Code

Team = Literal["marketing", "sales"]
Grade = Annotated[str, StringConstraints(pattern=r"^[A-D][1-4]$")]

PROTECTED = frozenset(
    {
        "age", "birth_date", "birthday", "birthdate", "date_of_birth", "disability", "ethnicity", "gender", "health",
        "marital_status", "nationality", "political_opinion", "pregnancy", "race", "religion", "sex",
        "sexual_orientation", "trade_union",
    }
)  # fmt: skip
"""Attributes that are protected by law in most places: never scored, never learnt."""
TEAMS: tuple[Team, ...] = ("marketing", "sales")
GRADES = tuple(f"{letter}{number}" for letter in "ABCD" for number in "1234")


def written(value: object) -> object:
    """YAML turns an unquoted time into a datetime; its ISO form is what was meant."""
    return value.isoformat() if isinstance(value, datetime) else value


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


class Persona(Document):
    """Whom sales will talk to, by traits: the first that fits is said in the dossier. It gives no points."""

    name: Slug
    label: Label
    when: Condition


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
    applies_to: Condition | None = Field(
        default=None, description="whom it is for, by traits, where several are in force; absent: everybody else"
    )
    fit: list[FitCriterion]
    engagement: Annotated[list[EngagementCriterion], Field(min_length=1)]
    sequences: list[SequenceCriterion] = []
    absences: list[AbsenceCriterion] = []
    groups: list[CriterionGroup] = []
    required: list[RequiredEvidence] = []
    disqualifiers: list[Disqualifier] = []
    thresholds: Thresholds
    grades: GradeGrid
    tiers: Annotated[list[Tier], Field(min_length=1)]
    cool_downs: dict[Code, Annotated[int, Field(ge=0, le=1095)]] = Field(
        default={}, description="days of rest after sales said no, by reason; else as the reason itself says"
    )
    contact: list[Slug] = Field(default=["email"], description="fields that sales needs to reach the person")
    personas: list[Persona] = []
    protected: list[Name] = Field(
        default=[], description="attributes that nothing may judge by, besides those that never are judged by"
    )
    learnable: list[Name] = Field(
        default=[], description="attributes without points that learning may look at, to suggest a criterion"
    )
    notes: list[Name] = Field(default=[], description="properties and traits that the dossier carries word for word")
    points_to_double_odds: Annotated[float, Field(gt=0, le=1000)] = 10.0
    learning: Learning = Learning()
    alerts: Alerts | None = Field(default=None, description="when an account's owner is told; absent: never")
    review_by: date | None = Field(default=None, description="the last day before both teams look at it again")
    liaisons: Liaisons | None = None
    signatures: list[SignatureEntry] = []

    @property
    def criteria(self) -> dict[str, float]:
        """The signed points of every criterion, fit first, in the document's order."""
        return {criterion.id: criterion.points for criterion in self._every()}

    @property
    def labels(self) -> dict[str, str]:
        """The label of every criterion, in the same order."""
        return {criterion.id: criterion.label for criterion in self._every()}

    def _every(self) -> list[Criterion]:
        return [*self.fit, *self.engagement, *self.sequences, *self.absences]

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        _once("criterion", [*(each.id for each in self._every()), *(group.id for group in self.groups)])
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
        for place, group, points in self._grouped():
            if group not in (names := [each.id for each in self.groups]):
                raise ValueError(f"{place}.group: no group `{group}`{near(group, names)}")
            if points < 0:
                raise ValueError(f"{place}.group: holds what gives points; negative ones have a cap of their own")
        _once("persona", [persona.name for persona in self.personas])
        protected = PROTECTED | {name.casefold() for name in self.protected}
        self._conditions_may_be_asked(protected)
        for index, name in enumerate(self.learnable):
            if name.casefold() in protected:
                raise ValueError(f"learnable.{index}: `{name}` is protected: nobody is judged by it")
        return self

    def _conditions_may_be_asked(self, protected: frozenset[str]) -> None:
        expressions = 0
        for kind, place, condition, _ in self.conditions():
            _looks_at(kind, place, condition)
            _spares(protected, place, condition)
            expressions += _expressions(condition)
            if expressions > MOST_IN_A_DEFINITION:
                raise ValueError(
                    f"{place}: over {MOST_IN_A_DEFINITION} `cel` conditions; each takes about 10 microseconds every "
                    "time it is asked - write this one with operators"
                )

    def conditions(self) -> Iterable[tuple[Literal["trait", "event"], str, Condition, Sequence[str]]]:
        """Every condition with what it looks at, where it stands, and the actions whose events it is asked of."""
        if self.applies_to is not None:
            yield "trait", "applies_to", self.applies_to, ()
        for index, criterion in enumerate(self.fit):
            yield "trait", f"fit.{index}.when", criterion.when, ()
        for index, act in enumerate(self.engagement):
            if act.when is not None:
                yield "event", f"engagement.{index}.when", act.when, act.actions
        for index, sequence in enumerate(self.sequences):
            for number, step in enumerate(sequence.steps):
                if step.when is not None:
                    yield "event", f"sequences.{index}.steps.{number}.when", step.when, step.actions
        for index, disqualifier in enumerate(self.disqualifiers):
            if disqualifier.when is not None:
                yield "trait", f"disqualifiers.{index}.when", disqualifier.when, ()

        for index, persona in enumerate(self.personas):
            yield "trait", f"personas.{index}.when", persona.when, ()

    def _grouped(self) -> Iterable[tuple[str, str, float]]:
        """Where a group is named, which one, and the points of who names it."""
        for index, act in enumerate(self.engagement):
            if act.group is not None:
                yield f"engagement.{index}", act.group, act.points
        for index, sequence in enumerate(self.sequences):
            if sequence.group is not None:
                yield f"sequences.{index}", sequence.group, sequence.points


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
    roots = {path.root for path in paths(condition.cel)} if condition.cel is not None else set()
    if kind == "trait" and "event" in roots:
        raise ValueError(f"{place}: cel: looks at an event; fit, disqualifiers and personas look at `traits`")
    if kind == "event" and "traits" in roots:
        raise ValueError(f"{place}: cel: looks at traits; engagement looks at the `event`")
    if kind == "trait" and (condition.property or condition.field):
        raise ValueError(f"{place}: looks at an event; applies_to, fit and disqualifiers test a `trait`")
    if kind == "event" and condition.trait:
        raise ValueError(f"{place}: looks at a trait; engagement tests a `property` or `field` of the event")
    for part in condition.parts():
        _looks_at(kind, place, part)


def _spares(protected: frozenset[str], place: str, condition: Condition) -> None:
    """Nothing judges by a protected attribute."""
    names = [condition.trait or condition.property]
    if condition.cel is not None:
        names = [path.name.removeprefix("properties.") for path in paths(condition.cel)]
    for name in names:
        if name is not None and name.casefold() in protected:
            raise ValueError(f"{place}: looks at `{name}`, which is protected: nobody is judged by it")
    for part in condition.parts():
        _spares(protected, place, part)


def _expressions(condition: Condition) -> int:
    """How many CEL expressions a condition holds."""
    return (condition.cel is not None) + sum(map(_expressions, condition.parts()))
