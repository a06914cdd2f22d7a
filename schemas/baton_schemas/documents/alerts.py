"""When whoever owns an account is told that its people engage far more than before. It is part of the lead definition:
its points and grades mean something there only, and both teams should agree on when a rep is disturbed."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from baton_schemas.documents.document import Document

WarmGrade = Annotated[str, StringConstraints(pattern=r"^[A-D][1-3]$")]
"""A grade that somebody can rise to by what he does: nobody rises to a 4."""


class Alerts(Document):
    """The owner of an account, or of a lead's open handoff, is told when somebody's grade rises to one of `grades`, or
    the account's people together reach `account_points` within the last `within_days` (UTC days, today included; points
    as they are in force, without decay, of a criterion at most its cap per person and day). At most once for an account
    in `cool_down_days`.
    """

    account_points: Annotated[float, Field(gt=0, le=100_000)] | None = None
    within_days: Annotated[int, Field(ge=1, le=30)] = 7
    grades: list[WarmGrade] = []
    cool_down_days: Annotated[int, Field(ge=1, le=365)] = 14

    @model_validator(mode="after")
    def _alerts_something(self) -> Self:
        if self.account_points is None and not self.grades:
            raise ValueError("says of nothing: give `account_points`, `grades` or both, or leave `alerts` out")
        return self
