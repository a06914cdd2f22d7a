"""What happened to one handoff, in the order in which it happened, whatever the order in which we heard of it.

A life is the set of what sales reported; its stage is a fold over that set by event time. So a late report falls into
its place, and a repeated one (same source and id) changes nothing.

    routed -> touched -> accepted -> opportunity -> won | lost
    any open stage but opportunity -> rejected              won | lost | rejected -> reopened

- A later step implies the earlier ones: `won` alone is a whole life, and an `accepted` that is heard of after
  `opportunity` says nothing new.
- A closed handoff takes nothing but touches, owner changes and `reopened`; an opportunity is lost, not rejected.
  Everything else is an impossible order and is refused, by name and with what to send instead.
- At equal times (a CRM that knows days only) the earlier step of the diagram goes first, as far as that is possible.
- `passed_on`, `owner_changed` and `released` are about the rep, not the lead: they never move the stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from baton_schemas.feedback import OutcomeKind

Stage = Literal["routed", "touched", "accepted", "opportunity", "won", "lost", "rejected", "reopened"]
CLOSED = ("won", "lost", "rejected")
MOST_STEPS = 200
"""Steps that one handoff may have: far more than a life needs, so that no storm grows the state without bound."""

_ABOUT_THE_REP = ("passed_on", "owner_changed", "released")
_RANK = {"accepted": 1, "opportunity": 2, "rejected": 3, "lost": 3, "won": 3, "reopened": 4}


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One report other than a touch. `at` is the CRM's time, `ref` a digest of the event's source and id, `learning`
    what the reason meant when it was given."""

    at: int
    kind: OutcomeKind
    ref: bytes
    reason: str | None = None
    learning: str = "none"


class Life(msgspec.Struct, frozen=True, array_like=True):
    """All that sales reported of one handoff: steps in the order of `sorted`, and the first touch that counts."""

    steps: tuple[Step, ...] = ()
    touched_at: int | None = None


class View(NamedTuple):
    """Where a life stands. `closing` is the step that closed it, if it is closed."""

    stage: Stage
    closing: Step | None = None


class ImpossibleOrderError(Exception):
    """These reports cannot have happened in this order. `kind` is the step at fault, `fix` what to send instead."""

    def __init__(self, kind: str, fix: str) -> None:
        super().__init__(f"{kind}: {fix}")
        self.kind = kind
        self.fix = fix


def view(life: Life) -> View:
    """Where the life stands. Raises ImpossibleOrderError; never for a life that `extended` returned."""
    stage: Stage = "routed"
    closing: Step | None = None
    steps = list(life.steps)
    while steps:
        step = _next(stage, steps)
        stage = _move(stage, step)
        closing = step if stage in CLOSED and step.kind in CLOSED else closing if stage in CLOSED else None
        steps.remove(step)
    if stage == "routed" and life.touched_at is not None:
        stage = "touched"
    return View(stage, closing)


def extended(life: Life, steps: Sequence[Step]) -> Life:
    """The life with `steps` in their places; those it has already change nothing. Raises ImpossibleOrderError."""
    known = {step.ref for step in life.steps}
    new = {step.ref: step for step in steps if step.ref not in known}
    if not new:
        return life
    if len(life.steps) + len(new) > MOST_STEPS:
        raise ImpossibleOrderError(steps[0].kind, f"a handoff takes {MOST_STEPS} reports at most; make a new handoff")
    longer = Life(tuple(sorted((*life.steps, *new.values()), key=_place)), life.touched_at)
    view(longer)
    return longer


def touched(life: Life, at: int) -> Life:
    """The life with a touch: the earliest one counts, at any stage."""
    if life.touched_at is not None and life.touched_at <= at:
        return life
    return Life(life.steps, at)


def _place(step: Step) -> tuple[int, int, bytes]:
    return step.at, _RANK.get(step.kind, 0), step.ref


def _next(stage: Stage, steps: Sequence[Step]) -> Step:
    """The first possible one among the earliest; the first of all when none is possible."""
    for step in steps:
        if step.at > steps[0].at:
            break
        if _possible(stage, step.kind):
            return step
    return steps[0]


def _possible(stage: Stage, kind: OutcomeKind) -> bool:
    if kind == "owner_changed":
        return True
    if stage in CLOSED:
        return kind == "reopened"
    return kind != "reopened" and not (stage == "opportunity" and kind == "rejected")


def _move(stage: Stage, step: Step) -> Stage:
    kind = step.kind
    if not _possible(stage, kind):
        raise ImpossibleOrderError(kind, _fix(stage, kind))
    if kind in _ABOUT_THE_REP or (kind == "accepted" and stage == "opportunity"):
        return stage
    return kind  # type: ignore[return-value]  # what is left of the kinds are stages


def _fix(stage: Stage, kind: OutcomeKind) -> str:
    if kind == "reopened":
        return "the handoff is open; reopened follows won, lost or rejected"
    if stage == "opportunity":
        return "an opportunity is lost, not rejected: send lost with a reason"
    return f"the handoff is closed ({stage}); send reopened first"
