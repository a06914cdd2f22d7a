"""Why sales says no: the one list of reasons that both teams agreed on, and what each of them means for the score.

A reason decides three things: what the score learns from it, whether the lead goes back to marketing, and when it may
be offered again. So "no" is data, and nobody is called again too early or forgotten.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from baton_schemas.documents.document import Document

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Learning = Literal["good", "bad", "none"]
Fault = Literal["fit", "timing", "intent", "competition", "data", "capacity"]
"""What was wrong: the company or person, the moment, the interest, somebody else was better, our data, our own time."""


class Reason(Document):
    """One reason. `learning`: what an answer with it says of the score that sent the lead. Recycled leads rest for
    `cool_down_days` (0: at once), and `nurture` tells marketing what to do with them meanwhile."""

    code: Code
    label: Annotated[str, Field(min_length=1, max_length=200)]
    applies_to: Annotated[list[Literal["rejected", "lost"]], Field(min_length=1)]
    fault: Fault
    learning: Learning
    recycle: bool = False
    cool_down_days: Annotated[int, Field(ge=0, le=1095)] | None = None
    nurture: Annotated[str, Field(min_length=1, max_length=1000)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.recycle and self.cool_down_days is None:
            raise ValueError(f"{self.code}: cool_down_days: say how long a recycled lead rests (0 = not at all)")
        if not self.recycle and (self.cool_down_days is not None or self.nurture is not None):
            raise ValueError(f"{self.code}: cool_down_days and nurture need `recycle: true`")
        if self.fault in ("data", "capacity") and self.learning != "none":
            raise ValueError(f"{self.code}: learning: must be none, a {self.fault} fault says nothing of the lead")
        if len(set(self.applies_to)) != len(self.applies_to):
            raise ValueError(f"{self.code}: applies_to: names an answer twice")
        return self


class Reasons(Document):
    """The catalogue. Codes are unique; every answer that needs a reason has at least one."""

    reasons: Annotated[list[Reason], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        codes = [reason.code for reason in self.reasons]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"reasons: {', '.join(twice)}: given twice, keep one")
        for kind in ("rejected", "lost"):
            if not any(kind in reason.applies_to for reason in self.reasons):
                raise ValueError(f"reasons: none applies to `{kind}`, and sales has to be able to say why: add one")
        return self
