"""Opens a handoff: takes a qualified lead in, or says why not (H2); waits while contact pressure holds it back; then
starts its clock and asks for a rep, an existing owner first."""

from __future__ import annotations

from baton_schemas.documents.territories import Territory
from baton_schemas.leads import LeadQualified
from baton_schemas.routing import PressureReply
from services.router import announce, claims, ladder, merging, pressure
from services.router.handoff import ACTIVE, ROUTED, Handoff, LeadState
from services.router.lead import forget_later
from services.router.occasion import Occasion
from services.router.refusals import Refusal, owner_of, refusal_of, tell_owner
from services.router.where import match_of, territory_of

OLDEST_START_MS = 30 * 86_400_000
"""A clock starts no longer ago than this, whatever a record says."""


def qualify(occasion: Occasion, state: LeadState, qualified: LeadQualified) -> None:
    """A lead crossed the line: opens its handoff and asks for a rep, or says why not. A repeat changes nothing."""
    lead = qualified.lead
    if qualified.handoff in state.handoffs:
        return
    if state.merge is not None:  # only who is a person of its own qualifies
        merging.follow(occasion, lead, state, None, qualified.at)
    refusal = refusal_of(state, qualified)
    where = None if refusal else _match(occasion, qualified)
    if where is None:
        refusal = refusal or Refusal("no_territory", "No territory takes this lead.")
        state.handoffs[qualified.handoff] = Handoff(
            qualified.handoff, qualified.versions.definition, qualified.tier, "", [], [], "unrouted"
        )
        forget_later(occasion, lead, state.handoffs[qualified.handoff])
        announce.unrouted(occasion, qualified, refusal.reason, refusal.detail, tell=refusal.tell)
        tell_owner(occasion, state.handoffs[qualified.handoff], refusal)
        return
    for earlier in state.handoffs.values():
        if earlier.stage not in ACTIVE:
            earlier.qualified = b""
    handoff = state.handoffs[qualified.handoff] = where
    handoff.qualified = qualified.to_json()
    handoff.qualified_at = max(min(qualified.at, occasion.at), occasion.at - OLDEST_START_MS)
    if pressure.admit(occasion, state, handoff, qualified):
        _go(occasion, state, handoff, qualified)


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
    _ask_owner_first(occasion, state, handoff, qualified, territory)
    ladder.set_timer(occasion, qualified.lead, handoff)


def _match(occasion: Occasion, qualified: LeadQualified) -> Handoff | None:
    match = match_of(occasion, qualified)
    if match is None:
        return None
    return Handoff(
        qualified.handoff,
        qualified.versions.definition,
        qualified.tier,
        match.territory.name,
        list(match.matched_on) or ["catch_all"],
        list(match.passed_over),
        "open",
    )


def _ask_owner_first(
    occasion: Occasion, state: LeadState, handoff: Handoff, qualified: LeadQualified, territory: Territory
) -> None:
    rules = occasion.rules
    owner = owner_of(state, qualified)
    crew = None if owner is None else rules.crew_of.get(owner)
    if owner is None or crew is None:
        claims.ask(occasion, qualified.lead, handoff, "assigned", territory.team, territory.pool)
    elif crew.team.name == territory.team:
        claims.ask(occasion, qualified.lead, handoff, "assigned", territory.team, territory.pool, preferred=owner)
    else:
        team, pool = crew.team.name, rules.pool_of(owner)
        claims.ask(occasion, qualified.lead, handoff, "assigned", team, pool, preferred=owner, only_preferred=True)
