"""The criteria of a lead definition: what gives points, for how long, and at most how many.

Every kind is defined by counts in time buckets or by kept event times, never by the order in which events arrive;
`services/scorer/CRITERIA.md` has the formula of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from baton_schemas.documents.condition import Condition
from baton_schemas.documents.document import Document

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=64)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Actions = Slug | Annotated[list[Slug], Field(min_length=1)]


def _in_tenths(points: float) -> float:
    if abs(points * 10 - round(points * 10)) > 1e-6:
        raise ValueError("points have at most one decimal, such as 12.5")
    return points


Points = Annotated[float, Field(ge=-1000, le=1000), AfterValidator(_in_tenths)]
HalfLife = Annotated[float, Field(ge=0.5, le=730)]


class FitCriterion(Document):
    """Points for who the person is: a condition on traits. Fit does not decay."""

    id: Slug
    label: Label
    points: Points
    when: Condition


class AtMost(Document):
    """At most so many events of a day, or of a week (Monday to Sunday), count, in UTC: the newest of them."""

    times: Annotated[int, Field(ge=1, le=20)]
    per: Literal["day", "week"]


class EngagementCriterion(Document):
    """Points for what the person does: an action, and a condition on the event.

    Each event's points halve every `half_life_days` (absent: never); all together give at most `cap` (for negative
    points: at least). `at_most` says how many of a day or week count; `first_time` are points besides for the first
    event of all, which halve with the rest; a `group` has a cap of its own.
    """

    id: Slug
    label: Label
    action: Actions
    when: Condition | None = None
    points: Points
    half_life_days: HalfLife | None = None
    cap: Points | None = None
    at_most: AtMost | None = None
    first_time: Points | None = None
    group: Slug | None = None

    @property
    def actions(self) -> list[str]:
        """The actions it looks at."""
        return _listed(self.action)

    @model_validator(mode="after")
    def _points_agree(self) -> Self:
        _not_nothing(self.points)
        if self.first_time is not None and self.first_time * self.points <= 0:
            raise ValueError("first_time: needs the same sign as points, and not 0")
        if self.cap is not None and (self.cap < 0) != (self.points < 0):
            raise ValueError("cap: needs the same sign as points")
        if self.cap is not None and abs(self.cap) < abs(self.points + (self.first_time or 0)):
            raise ValueError("cap: must be at least the points of one event")
        return self


class Step(Document):
    """One step of a sequence: an action, and a condition on the event."""

    action: Actions
    when: Condition | None = None

    @property
    def actions(self) -> list[str]:
        """The actions it looks at."""
        return _listed(self.action)


class SequenceCriterion(Document):
    """Points for doing one thing after the other: every step later than the one before it, the last at most
    `within_days` after the first. The latest time that this happened counts, once; its points halve from its last step
    on."""

    id: Slug
    label: Label
    steps: Annotated[list[Step], Field(min_length=2, max_length=4)]
    within_days: Annotated[float, Field(gt=0, le=30)]
    points: Points
    half_life_days: HalfLife | None = None
    group: Slug | None = None

    @model_validator(mode="after")
    def _points_agree(self) -> Self:
        _not_nothing(self.points)
        return self


class AbsenceCriterion(Document):
    """Points taken away while none of these actions came for so many days; they are back with the next one. Of who
    never did any of them nothing is taken."""

    id: Slug
    label: Label
    action: Actions
    for_days: Annotated[int, Field(ge=1, le=365)]
    points: Annotated[Points, Field(lt=0)]

    @property
    def actions(self) -> list[str]:
        """The actions it looks at."""
        return _listed(self.action)


Criterion = FitCriterion | EngagementCriterion | SequenceCriterion | AbsenceCriterion


class CriterionGroup(Document):
    """Criteria that say much the same: all together give at most `cap` points."""

    id: Slug
    label: Label
    cap: Annotated[Points, Field(gt=0)]


def _listed(action: str | Sequence[str]) -> list[str]:
    return [action] if isinstance(action, str) else list(action)


def _not_nothing(points: float) -> None:
    if points == 0:
        raise ValueError("points: 0 says nothing; leave the criterion out")
