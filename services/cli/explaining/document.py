"""What `baton explain --json` says: one document of a stable shape. Fields are only ever added."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from baton_schemas.contract import Count, Name, Part, Text, Time
from baton_schemas.leads import LeadScored, Points, Signature, Versions


class Evidence(Part):
    """What stands behind a line: something the person did (with what it was about), or a trait and its value."""

    what: Text
    at: Time
    about: Text | None = None


class Bar(Part):
    """One criterion's share of the score, at the time of the document. `each` is what it gives once, when fresh; an
    engagement's points halve every `half_life_days` (absent: never), and all together give at most `cap`."""

    criterion: Name
    kind: Name = Field(description="fit, engagement, absence, or group (what a cap takes away)")
    label: Text
    points: Points
    each: Points
    count: Count
    latest_at: Time | None = None
    half_life_days: float | None = None
    cap: Points | None = None
    capped: bool = False
    evidence: list[Evidence] = []


class Step(Part):
    """How far it is to a better grade by fit or by engagement alone, and what alone would do."""

    grade: Name
    kind: Name
    points: Points
    such_as: list[Text] = []


class Reason(Part):
    """Why the score moved, in words; the points of a `Movement`'s reasons sum to how far it moved."""

    words: Text
    points: Points


class Movement(Part):
    """How the score came from one moment to another."""

    since: Time
    until: Time
    from_grade: Name
    to_grade: Name
    from_score: Points
    to_score: Points
    by_time_alone: bool = False
    other_points: bool = Field(False, description="the definition or what a criterion gives changed in between")
    reasons: list[Reason]


class NextChange(Part):
    """What time alone will change."""

    at: Time
    grade: Name
    qualified: bool


class Score(Part):
    """A person, judged at the time of the document. The points of the lines sum to fit and engagement, those to
    `score`."""

    grade: Name
    tier: Name
    score: Points
    fit: Points
    engagement: Points
    qualified: bool
    enter: Points
    exit: Points
    lines: list[Bar]
    missing: list[Text] = Field(description="what is missing to qualify; empty for who has qualified")
    to_next_grade: list[Step]
    movements: list[Movement] = Field(description="to the last change of grade, and since; oldest first")
    next_change: NextChange | None = None
    versions: Versions
    signatures: list[Signature]
    model_at: Time | None = None


class Explained(Part):
    """A person's score and life at a time. `person` is the key that was asked for, `lead` the one that stands for it
    and for `linked`. `scored` is what was published last; `life` what happened, as the contracts on the log."""

    person: Name
    lead: Name
    linked: list[Name]
    at: Time
    rebuilt: bool = Field(description="recomputed from the person's events as of a time in the past")
    score: Score | None = None
    scored: LeadScored | None = None
    notes: list[Text] = []
    handoffs: list[Name] = []
    life: list[dict[str, Any]] = []
