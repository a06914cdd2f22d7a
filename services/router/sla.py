"""Clocks: when to warn, when it is a breach, when somebody else gets the lead, when the manager is told.

The first-touch clock starts once per handoff and counts business time in the territory's calendar. It goes on through
every change of rep: nobody resets it by passing a lead on. The disposition clock starts with the acceptance and anew
with every sign of life. What a clock was started with (targets, calendar) stays with it, so a later change of
configuration never moves a deadline that a rep was told.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from baton_schemas.documents.sla import SlaPolicy
from services.router.calendars import Calendar

StepName = Literal["warned", "breached", "reassigned", "escalated"]
STARTED, WARNED, BREACHED = 0, 1, 2
"""How far a clock has come."""

STATES = ("open", "warned", "breached")
"""The running clock's state by how far it has come."""


class FirstTouch(msgspec.Struct, array_like=True):
    """A handoff's clock. `result` None means that it runs; else `met`, `late` (touched after a breach) or `closed`."""

    policy: str
    calendar: str
    tier: str
    started_at: int
    warn_at: int
    due_at: int
    reassign_after_s: int
    max_reassignments: int
    step: int = STARTED
    result: Literal["met", "late", "closed"] | None = None
    touched_at: int | None = None

    @property
    def running(self) -> bool:
        """Whether nobody has touched the lead yet, and somebody still should."""
        return self.result is None


class Silence(msgspec.Struct, array_like=True):
    """A disposition clock that runs: since when nobody has said anything of an accepted lead."""

    policy: str
    calendar: str
    started_at: int
    warn_at: int
    due_at: int
    step: int = STARTED


class Step(NamedTuple):
    """A step of the ladder and when it is due."""

    name: StepName
    due: int


def start(policy: SlaPolicy, tier: str, calendar: Calendar, started_at: int) -> FirstTouch:
    """The clock of a lead of `tier`; a tier that the policy does not name gets the targets of `otherwise`."""
    target = policy.tiers.get(tier) or policy.tiers[policy.otherwise]
    whole = target.first_touch_minutes * 60
    return FirstTouch(
        policy.name,
        calendar.name,
        tier,
        started_at,
        calendar.deadline(started_at, max(1, round(whole * target.warn_at))),
        calendar.deadline(started_at, whole),
        target.reassign_after_minutes * 60,
        target.max_reassignments,
    )


def silence(policy: SlaPolicy, tier: str, calendar: Calendar, started_at: int) -> Silence | None:
    """The disposition clock of a lead of `tier`, or None where the policy has none for it."""
    target = policy.tiers.get(tier) or policy.tiers[policy.otherwise]
    if target.disposition_minutes is None:
        return None
    whole = target.disposition_minutes * 60
    warn_at = calendar.deadline(started_at, max(1, round(whole * target.disposition_warn_at)))
    return Silence(policy.name, calendar.name, started_at, warn_at, calendar.deadline(started_at, whole))


def urgency(policy: SlaPolicy, tier: str) -> int:
    """A tier's rank among those who wait: 0 is served first."""
    tiers = list(policy.tiers)
    return tiers.index(tier if tier in policy.tiers else policy.otherwise)


def last_step_at(clock: FirstTouch, calendar: Calendar, since: int) -> int:
    """When the lead goes on: business time after the breach, or after `since` when whoever has it got it later."""
    return calendar.deadline(max(clock.due_at, since), clock.reassign_after_s)


def ladder(clock: FirstTouch, last: Step | None) -> list[Step]:
    """The steps ahead, in order; `last` is the reassignment or escalation, None when it has been."""
    if not clock.running:
        return []
    steps = untold(clock)
    if last is not None:
        steps.append(last)
    return steps


def untold(clock: FirstTouch | Silence) -> list[Step]:
    """Warning and breach, as far as they lie ahead."""
    steps = [Step("warned", clock.warn_at)] if clock.step < WARNED else []
    if clock.step < BREACHED:
        steps.append(Step("breached", clock.due_at))
    return steps
