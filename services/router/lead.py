"""The lead's side: alone says who has a lead, on the team's answer; takes it back at once when it is none (H3)."""

from __future__ import annotations

from baton_schemas.crm import PersonFacts
from baton_schemas.leads import LeadQualified, LeadWithdrawn
from baton_schemas.routing import PassedOver, RoutingReply
from services.router import announce, claims, disposition, ladder, pressure
from services.router.handoff import ACTIVE, Handoff, Held, LeadState, Stage
from services.router.merge import Kept
from services.router.occasion import LEAD, Occasion
from services.router.where import territory_of

FORGET = "forget"
FORGET_AFTER_MS = 90 * 86_400_000
"""How long a closed handoff is remembered, so that late outcomes are judged by what was: as long as on the log."""


def answer(occasion: Occasion, state: LeadState, reply: RoutingReply) -> None:
    """The team's answer. One to a version that is not asked for any more is given back."""
    handoff = state.handoffs.get(reply.handoff)
    asked = None if handoff is None else handoff.asked
    if handoff is None or asked is None or asked.version != reply.version:
        owner = None if handoff is None else handoff.owner
        owned = owner is not None and owner.holds and owner.version == reply.version
        if reply.status != "refused" and not owned:
            claims.release(
                occasion, reply.lead, reply.handoff, reply.version, reply.team, refund=True, reason="old_version"
            )
        return
    if reply.status == "assigned" and reply.rep is not None:
        _assign(occasion, handoff, reply, reply.rep)
    elif reply.status == "waiting":
        _wait(occasion, handoff, reply)
    else:
        _refused(occasion, handoff, reply)
    ladder.set_timer(occasion, reply.lead, handoff)


def withdraw(
    occasion: Occasion,
    lead: str,
    handoff: Handoff,
    reason: str,
    merged_into: str | None = None,
    kept: Kept | None = None,
) -> None:
    """The lead is none any more, or another handoff of the person is `kept`: takes it from whoever has it, at once, and
    gives the turn back (H3)."""
    if handoff.stage not in ACTIVE:
        handoff.stage = "unrouted" if handoff.stage == "unrouted" else "withdrawn"
        handoff.forget_story()
        return
    owner = handoff.owner
    handoff.version += 1
    announce.withdrawn(occasion, lead, handoff, reason, merged_into, kept)
    if owner is not None:
        text = f"Handoff {handoff.id} was withdrawn ({reason}). Please do not contact this person about it."
        if kept is not None:
            text = f"Handoff {handoff.id} was merged with {kept.handoff}, {announce.keeper(kept)}: they are one person."
        announce.notify(occasion, handoff, owner.rep, "withdrawn", "A lead was withdrawn", text, urgent=True)
    close(occasion, lead, handoff, "withdrawn", reason, refund=True)


def withdraw_again(occasion: Occasion, lead: str, state: LeadState, handoff: Handoff) -> None:
    """Sales opened what is withdrawn, of somebody who must not be contacted: says so once more, to the CRM and the rep.
    A handoff that had ended before the person said stop was never heard of as withdrawn."""
    if not state.do_not_contact and state.disqualified is None:
        return
    reason = "do_not_contact" if state.do_not_contact else "disqualified"
    handoff.version += 1
    announce.withdrawn(occasion, lead, handoff, reason, None, None)
    text = f"Handoff {handoff.id} stays withdrawn ({reason}). Please do not contact this person about it."
    rep = None if handoff.owner is None else handoff.owner.rep
    announce.notify(occasion, handoff, rep, "withdrawn", "A lead stays withdrawn", text, urgent=True)


def withdraw_named(occasion: Occasion, state: LeadState, withdrawal: LeadWithdrawn) -> bool:
    """Carries out the scorer's withdrawal, also of the handoff that followed; False when it is not known. What the
    scorer announced last may have been refused because an earlier one was open: then that one is meant. A deal is why
    somebody became a customer, so it stays."""
    named = state.handoffs.get(withdrawal.handoff)
    if named is None:
        return False
    following = state.following(named)
    for handoff in list(state.handoffs.values()):
        earlier = handoff.definition == named.definition and handoff.qualified_at <= withdrawal.at
        meant = handoff is named or handoff is following or (handoff.stage in ACTIVE and earlier)
        spared = withdrawal.reason == "customer" and (handoff.is_deal or handoff.stage not in ACTIVE)
        if meant and not spared:
            withdraw(occasion, withdrawal.lead, handoff, withdrawal.reason)
    return True


def learn(occasion: Occasion, lead: str, state: LeadState, facts: PersonFacts | None) -> None:
    """What the CRM says of the person; None when it takes everything back. Who must not be contacted is withdrawn."""
    state.owner = None if facts is None else facts.owner
    state.do_not_contact = facts is not None and facts.do_not_contact
    state.disqualified = None if facts is None else facts.disqualified
    if state.do_not_contact or state.disqualified is not None:
        withdraw_all(occasion, lead, state, "do_not_contact" if state.do_not_contact else "disqualified")


def withdraw_all(occasion: Occasion, lead: str, state: LeadState, reason: str) -> None:
    """Withdraws every handoff that is under way."""
    for handoff in state.handoffs.values():
        withdraw(occasion, lead, handoff, reason)


def close(occasion: Occasion, lead: str, handoff: Handoff, stage: Stage, reason: str, *, refund: bool) -> None:
    """Ends a handoff: gives everything back and stops the clock. The story stays while it may be opened again."""
    if stage != "withdrawn":
        say_ended(occasion, handoff, reason)
    claims.drop_request(occasion, lead, handoff, reason)
    claims.give_back(occasion, lead, handoff, refund=refund, reason=reason)
    handoff.stage = stage
    ladder.stop(occasion, lead, handoff, reason)
    disposition.stop(occasion, lead, handoff, reason)
    if stage == "withdrawn" or not handoff.given:
        pressure.give_back(occasion, lead, handoff)
    if stage == "withdrawn":
        handoff.forget_story()
    forget_later(occasion, lead, handoff)


def say_ended(occasion: Occasion, handoff: Handoff, reason: str) -> None:
    """Accounts for a handoff that people settled before any rep had it: no qualified lead ends without a word."""
    if handoff.owner is None and not handoff.told:
        handoff.told = True
        qualified = LeadQualified.model_validate_json(handoff.qualified)
        announce.unrouted(occasion, qualified, reason, "People settled this lead before a rep was found.")


def forget(occasion: Occasion, lead: str, state: LeadState) -> None:
    """Drops handoffs that were closed long ago, and sets the timer for the next. The first of two stages is remembered
    as long as the second: what takes the qualification back names the first."""
    oldest: int | None = None
    for handoff in list(state.handoffs.values()):
        if handoff.closed_at is None:
            continue
        if handoff.closed_at + FORGET_AFTER_MS <= occasion.at:
            following = state.following(handoff)
            if following is None or (following.closed_at or occasion.at) + FORGET_AFTER_MS <= occasion.at:
                del state.handoffs[handoff.id]
        else:
            oldest = min(handoff.closed_at, oldest or handoff.closed_at)
    if state.merge is not None:
        heard = state.merge.forget(state.handoffs, occasion.at - FORGET_AFTER_MS)
        oldest = heard if oldest is None else min(oldest, heard or oldest)
        if not state.handoffs and not state.merge.kin:
            state.merge = None
    if not state.handoffs:
        state.marks = []
    occasion.timer(LEAD + lead.encode(), FORGET, None if oldest is None else oldest + FORGET_AFTER_MS)


def forget_later(occasion: Occasion, lead: str, handoff: Handoff) -> None:
    """The handoff has ended: it is remembered for a while."""
    handoff.closed_at = occasion.at
    look_back_later(occasion, lead)


def look_back_later(occasion: Occasion, lead: str) -> None:
    """Something is over: it is remembered for a while."""
    occasion.timer(LEAD + lead.encode(), FORGET, occasion.at + FORGET_AFTER_MS)


def _assign(occasion: Occasion, handoff: Handoff, reply: RoutingReply, rep: str) -> None:
    asked, previous = handoff.asked, handoff.owner
    assert asked is not None  # noqa: S101  the caller has checked
    lead = reply.lead
    handoff.asked = None
    claims.no_longer_waiting(occasion, asked)
    if previous is not None:
        claims.give_back(occasion, lead, handoff, refund=False, reason="reassigned")
        handoff.reassignments += 1
    handoff.owner = Held(reply.version, reply.team, reply.pool, rep, occasion.at)
    if handoff.clock is None:
        ladder.start(occasion, lead, handoff, occasion.at)
    if previous is not None:
        announce.step(occasion, lead, handoff, "reassigned", reason=asked.change)
        text = f"Handoff {handoff.id} was not touched in time and is with a colleague now."
        announce.notify(occasion, handoff, previous.rep, "lost", "A lead was given on", text, urgent=False)
    else:
        seconds = (occasion.at - pressure.free_since(handoff)) / 1000
        if asked.change == "assigned":
            occasion.observe("baton_qualified_to_routed_seconds", seconds)
    announce.routed(
        occasion,
        lead,
        handoff,
        asked.change,
        previous=None if previous is None else previous.rep,
        reason=reply.reason,
        passed_over=list(reply.passed_over),
        turn=dict(reply.turn),
    )


def _wait(occasion: Occasion, handoff: Handoff, reply: RoutingReply) -> None:
    asked = handoff.asked
    assert asked is not None  # noqa: S101  the caller has checked
    if handoff.owner is not None or asked.waiting:
        return
    asked.waiting = True
    occasion.observe("baton_leads_waiting", 1.0)
    if not handoff.told:
        _tell_unrouted(occasion, handoff, reply.version, reply.reason, list(reply.passed_over), waiting=True)


def _refused(occasion: Occasion, handoff: Handoff, reply: RoutingReply) -> None:
    asked = handoff.asked
    assert asked is not None  # noqa: S101  the caller has checked
    claims.no_longer_waiting(occasion, asked)
    handoff.asked = None
    territory = territory_of(occasion, handoff)
    moved = territory is not None and (territory.team, territory.pool) != (asked.team, asked.pool)
    if territory is not None and (asked.only_preferred or moved):
        claims.ask(occasion, reply.lead, handoff, asked.change, territory.team, territory.pool)
        return
    if not handoff.given:
        pressure.give_back(occasion, reply.lead, handoff)
    if handoff.owner is None:
        _tell_unrouted(occasion, handoff, reply.version, reply.reason, list(reply.passed_over), waiting=False)
    if handoff.clock is not None and handoff.clock.running and not handoff.escalated:
        ladder.escalate(occasion, reply.lead, handoff, reply.reason)


def _tell_unrouted(
    occasion: Occasion, handoff: Handoff, version: int, reason: str, passed_over: list[PassedOver], *, waiting: bool
) -> None:
    handoff.told = True
    qualified = LeadQualified.model_validate_json(handoff.qualified)
    detail = (
        "Nobody can take this lead now; it is given to the first rep who can."
        if waiting
        else "Nobody is left who could take this lead: please give it to somebody."
    )
    announce.unrouted(occasion, qualified, reason, detail, version=version, waiting=waiting, passed_over=passed_over)
