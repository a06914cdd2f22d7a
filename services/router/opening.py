"""Opens a handoff: takes a qualified lead in, or says why not (H2); waits while contact pressure holds it back; then
starts its clock and asks for a rep, an existing owner first."""

from __future__ import annotations

from baton_schemas.documents.territories import Territory
from baton_schemas.leads import LeadQualified
from baton_schemas.routing import PressureReply
from services.router import announce, claims, ladder, merging, pressure
from services.router.chain import Chain
from services.router.handoff import ACTIVE, ROUTED, Handoff, LeadState
from services.router.lead import forget_later
from services.router.occasion import Occasion
from services.router.refusals import Refusal, owner_of, refusal_of, tell_owner
from services.router.territories import Match
from services.router.where import match_of, territory_of

OLDEST_START_MS = 30 * 86_400_000
"""A clock starts no longer ago than this, whatever a record says."""


def qualify(occasion: Occasion, state: LeadState, qualified: LeadQualified) -> None:
    """A lead crossed the line: opens its handoff and asks for a rep, or says why not. A repeat changes nothing."""
    if qualified.handoff in state.handoffs:
        return
    if state.merge is not None:  # only who is a person of its own qualifies
        merging.follow(occasion, qualified.lead, state, None, qualified.at)
    refusal = refusal_of(state, qualified)
    match = None if refusal else match_of(occasion, qualified)
    if match is None:
        refuse(occasion, state, qualified, refusal or Refusal("no_territory", "No territory takes this lead."))
        return
    for earlier in state.handoffs.values():
        if earlier.stage not in ACTIVE:
            earlier.forget_story()
    handoff = state.handoffs[qualified.handoff] = handoff_of(qualified, match)
    handoff.qualified_at = max(min(qualified.at, occasion.at), occasion.at - OLDEST_START_MS)
    if pressure.admit(occasion, state, handoff, qualified):
        _go(occasion, state, handoff, qualified)


def refuse(occasion: Occasion, state: LeadState, qualified: LeadQualified, refusal: Refusal) -> None:
    """Says why this lead is not routed, and remembers that it was said: a repeat says nothing (L2)."""
    handoff = state.handoffs[qualified.handoff] = Handoff(
        qualified.handoff, qualified.versions.definition, qualified.tier, "", [], [], "unrouted"
    )
    forget_later(occasion, qualified.lead, handoff)
    announce.unrouted(occasion, qualified, refusal.reason, refusal.detail, tell=refusal.tell)
    tell_owner(occasion, handoff, refusal)


def hear_account(occasion: Occasion, state: LeadState, reply: PressureReply) -> None:
    """The account says whether the lead may be given to sales now."""
    handoff = state.handoffs.get(reply.handoff)
    if pressure.heard(occasion, handoff, reply) and handoff is not None:
        _go(occasion, state, handoff, LeadQualified.model_validate_json(handoff.qualified))


def try_again(occasion: Occasion, state: LeadState, handoff: Handoff) -> None:
    """A person's limit may have room again: a lead that waits for it is asked for anew."""
    if pressure.is_held(handoff) and handoff.stage in ROUTED:
        qualified = LeadQualified.model_validate_json(handoff.qualified)
        if pressure.admit(occasion, state, handoff, qualified):
            _go(occasion, state, handoff, qualified)


def _go(occasion: Occasion, state: LeadState, handoff: Handoff, qualified: LeadQualified) -> None:
    """The lead may be given: its clock starts, and somebody is asked. A territory that is gone by now leaves it to
    people."""
    territory = territory_of(occasion, handoff)
    if territory is None:
        pressure.give_back(occasion, qualified.lead, handoff)
        handoff.told = True
        announce.unrouted(occasion, qualified, "no_territory", "No territory takes this lead any more.")
        return
    handoff.told = False  # if it has to wait for a rep now, that is another reason
    if handoff.clock is None and occasion.rules.policies[territory.policy].clock_starts == "qualified":
        ladder.start(occasion, qualified.lead, handoff, pressure.free_since(handoff))
    ask(occasion, qualified.lead, handoff, territory, owner_of(state, qualified))
    ladder.set_timer(occasion, qualified.lead, handoff)


def ask(occasion: Occasion, lead: str, handoff: Handoff, territory: Territory, owner: str | None) -> None:
    """Asks for a rep: the owner first, in his own team, then whose turn it is."""
    rules = occasion.rules
    crew = None if owner is None else rules.crew_of.get(owner)
    if owner is None or crew is None:
        claims.ask(occasion, lead, handoff, "assigned", territory.team, territory.pool)
    elif crew.team.name == territory.team:
        claims.ask(occasion, lead, handoff, "assigned", territory.team, territory.pool, preferred=owner)
    else:
        team, pool = crew.team.name, rules.pool_of(owner)
        claims.ask(occasion, lead, handoff, "assigned", team, pool, preferred=owner, only_preferred=True)


def handoff_of(qualified: LeadQualified, match: Match) -> Handoff:
    """A new handoff in the territory that took the lead, with its story."""
    handoff = Handoff(
        qualified.handoff,
        qualified.versions.definition,
        qualified.tier,
        match.territory.name,
        list(match.matched_on) or ["catch_all"],
        list(match.passed_over),
        "open",
    )
    handoff.qualified = qualified.to_json()
    if match.territory.stage == "qualify":
        handoff.chain = Chain("qualify")
    return handoff
