"""What the lead's side tells the world: who has a lead, why nobody has, how its clock stands, whom to tell what."""

from __future__ import annotations

from typing import Literal

from baton_schemas.feedback import Notification
from baton_schemas.leads import Contact, LeadQualified, LeadWithdrawn
from baton_schemas.routing import (
    Clock,
    ClockKind,
    Decision,
    LeadHandedOver,
    LeadRouted,
    LeadUnrouted,
    PassedOver,
    SlaEvent,
    TerritoryMatch,
)
from services.router.handoff import Handoff, Held
from services.router.merge import Kept
from services.router.occasion import Occasion
from services.router.sla import BREACHED, STARTED, STATES, WARNED, FirstTouch, Silence, last_step_at

Change = Literal["assigned", "reassigned", "owner_changed", "passed_on", "merged"]
SlaStep = Literal["started", "warned", "breached", "reassigned", "escalated", "met", "closed", "skipped"]


_LONGEST_COMPANY = 100
"""People type what they like into a form; a notification has room for so many letters of it."""


def routed(
    occasion: Occasion,
    lead: str,
    handoff: Handoff,
    change: Change,
    *,
    previous: str | None,
    reason: str,
    passed_over: list[PassedOver],
    turn: dict[str, float],
) -> None:
    """`handoff.owner` has the lead now: the whole story, with the clock and why this rep."""
    owner, clock = handoff.owner, handoff.clock
    assert owner is not None  # noqa: S101  callers have just set both
    assert clock is not None  # noqa: S101
    handoff.told = True
    qualified = LeadQualified.model_validate_json(handoff.qualified)
    message = LeadRouted(
        lead=lead,
        handoff=handoff.id,
        version=owner.version,
        change=change,
        rep=owner.rep,
        previous_rep=previous,
        team=owner.team,
        pool=owner.pool,
        clock=_clock(occasion, clock, owner),
        decision=Decision(
            reason=reason,
            match=TerritoryMatch(
                territory=handoff.territory,
                matched_on=list(handoff.matched_on),
                passed_over=list(handoff.less_specific),
            ),
            passed_over=passed_over,
            turn=turn,
            config_set=occasion.rules.set_id,
        ),
        qualified=qualified,
        stage=None if handoff.chain is None else handoff.chain.stage,
        at=occasion.at,
        cause=occasion.cause,
    )
    occasion.send("leads.routed", lead, message, f"{handoff.id}/{owner.version}/routed")
    occasion.observe("baton_leads_routed_total", 1.0, change, handoff.territory)
    notify(occasion, handoff, owner.rep, f"new-{owner.version}", _NEW[change], _card(qualified), urgent=clock.running)


_NEW: dict[Change, str] = {
    "assigned": "A lead for you",
    "reassigned": "A lead for you that has been waiting",
    "owner_changed": "A lead was moved to you",
    "passed_on": "A lead was passed on to you",
    "merged": "A lead for you",
}


def unrouted(
    occasion: Occasion,
    qualified: LeadQualified,
    reason: str,
    detail: str,
    *,
    version: int = 0,
    waiting: bool = False,
    tell: str | None = None,
    passed_over: list[PassedOver] | None = None,
) -> None:
    """Nobody has the lead, and why."""
    message = LeadUnrouted(
        lead=qualified.lead,
        handoff=qualified.handoff,
        version=version,
        reason=reason,
        detail=detail,
        waiting=waiting,
        tell=tell,
        passed_over=passed_over or [],
        config_set=occasion.rules.set_id,
        at=occasion.at,
        cause=occasion.cause,
    )
    occasion.send("leads.unrouted", qualified.lead, message, f"{qualified.handoff}/{version}/{reason}")
    occasion.observe("baton_leads_unrouted_total", 1.0, reason)


def withdrawn(
    occasion: Occasion, lead: str, handoff: Handoff, reason: str, merged_into: str | None, kept: Kept | None
) -> None:
    """The CRM is to take the lead off the rep's list (H3)."""
    owner = handoff.owner
    message = LeadWithdrawn(
        lead=lead,
        handoff=handoff.id,
        version=handoff.version,
        reason=reason,
        merged_into=merged_into,
        rep=None if owner is None else owner.rep,
        at=occasion.at,
        cause=occasion.cause,
        stays=None if kept is None else kept.handoff,
        stays_with=None if kept is None else kept.rep,
    )
    occasion.send("leads.routed", lead, message, f"{handoff.id}/{handoff.version}/withdrawn")


def handed_over(occasion: Occasion, lead: str, handoff: Handoff, to: str) -> None:
    """The first of two stages is over: `to` goes on with the lead."""
    message = LeadHandedOver(
        lead=lead,
        handoff=handoff.id,
        version=handoff.version,
        to=to,
        rep=None if handoff.owner is None else handoff.owner.rep,
        at=occasion.at,
        cause=occasion.cause,
    )
    occasion.send("leads.routed", lead, message, f"{handoff.id}/{handoff.version}/handed_over")


def keeper(kept: Kept) -> str:
    """Who has the handoff that was kept, in words."""
    return "which waits for a rep" if kept.rep is None else f"which {kept.rep} keeps"


def step(
    occasion: Occasion, lead: str, handoff: Handoff, name: SlaStep, *, at: int | None = None, reason: str | None = None
) -> None:
    """One step of the first-touch clock; `at` when it was not just now."""
    clock = handoff.clock
    assert clock is not None  # noqa: S101  there is no step without a clock
    message = _step(occasion, lead, handoff, clock, name, "first_touch", at, reason)
    occasion.send("sla.events", lead, message, f"{handoff.id}/{name}/{reason}")
    occasion.observe("baton_sla_steps_total", 1.0, name, handoff.tier, handoff.territory)


def silence_step(
    occasion: Occasion, lead: str, handoff: Handoff, name: SlaStep, *, at: int | None = None, reason: str | None = None
) -> None:
    """One step of the disposition clock; `at` when it was not just now. It may run again with the same due times, so
    its start tells two runs apart."""
    clock = handoff.silence
    assert clock is not None  # noqa: S101  there is no step without a clock
    message = _step(occasion, lead, handoff, clock, name, "disposition", at, reason)
    occasion.send("sla.events", lead, message, f"{handoff.id}/{clock.started_at}/{name}/{reason}")
    occasion.observe("baton_disposition_steps_total", 1.0, name, handoff.tier, handoff.territory)


def _step(
    occasion: Occasion,
    lead: str,
    handoff: Handoff,
    clock: FirstTouch | Silence,
    name: SlaStep,
    kind: ClockKind,
    at: int | None,
    reason: str | None,
) -> SlaEvent:
    moment = occasion.at if at is None else at
    elapsed = occasion.rules.calendar(clock.calendar).business_seconds(clock.started_at, moment)
    return SlaEvent(
        lead=lead,
        handoff=handoff.id,
        version=handoff.version,
        step=name,
        rep=None if handoff.owner is None else handoff.owner.rep,
        tier=handoff.tier,
        territory=handoff.territory,
        due_at=clock.due_at,
        elapsed_s=elapsed,
        reason=reason,
        clock=kind,
        stage=None if handoff.chain is None else handoff.chain.stage,
        at=moment,
        cause=occasion.cause,
    )


def notify(
    occasion: Occasion, handoff: Handoff, recipient: str | None, what: str, subject: str, text: str, *, urgent: bool
) -> None:
    """Tells a rep or a manager; nothing when there is nobody to tell."""
    if recipient is None:
        return
    message = Notification(
        recipient=recipient,
        subject=subject,
        text=text,
        about={"handoff": handoff.id, "tier": handoff.tier, "territory": handoff.territory},
        urgent=urgent,
        at=occasion.at,
        cause=occasion.cause,
    )
    occasion.send("notifications", recipient, message, f"{handoff.id}/{what}/{recipient}")


def clock_moved(occasion: Occasion, before: int | None, after: int | None, level: str = "baton_clocks") -> None:
    """Keeps the count of running clocks by how far they are; None is not running."""
    if before == after:
        return
    if before is not None:
        occasion.observe(level, -1.0, STATES[before])
    if after is not None:
        occasion.observe(level, 1.0, STATES[after])


def card(handoff: Handoff) -> str:
    """What a notification says of the lead: grade and company, no name and no address."""
    return _card(LeadQualified.model_validate_json(handoff.qualified)) if handoff.qualified else ""


def company_of(contact: Contact) -> str:
    """The company's name, in bounds."""
    company = contact.company or contact.company_domain or "company not known"
    return company if len(company) <= _LONGEST_COMPANY else company[:_LONGEST_COMPANY] + "..."


def _card(qualified: LeadQualified) -> str:
    return f"{company_of(qualified.contact)}, grade {qualified.grade}, {qualified.tier}"


def _clock(occasion: Occasion, clock: FirstTouch, owner: Held) -> Clock:
    reassign_at = None
    if clock.running:
        reassign_at = last_step_at(clock, occasion.rules.calendar(clock.calendar), owner.since)
    return Clock(
        policy=clock.policy,
        calendar=clock.calendar,
        started_at=clock.started_at,
        warn_at=clock.warn_at,
        due_at=clock.due_at,
        reassign_at=reassign_at,
    )


__all__ = [
    "BREACHED",
    "STARTED",
    "WARNED",
    "card",
    "clock_moved",
    "company_of",
    "handed_over",
    "notify",
    "routed",
    "silence_step",
    "step",
    "unrouted",
    "withdrawn",
]
