"""Two stages of sales: an opportunity that a BDR reports is the AE's to win.

In one decision the `qualify` handoff ends as `handed_over` (its turn is served, its clocks are met) and the `sell` one
begins: an id of its own that follows from the first's, a territory, a pool and a clock of its own, and a dossier that
says who qualified the lead and what he wrote. Contact pressure asks nothing again: it is one story with one person.

Where nobody sells (the configuration has changed since), the rep keeps the opportunity, as with one stage.
"""

from __future__ import annotations

from baton_schemas.feedback import OutcomeReported
from baton_schemas.keys import sale_id
from baton_schemas.leads import LeadQualified, SalesQualified
from services.router import announce, ladder, opening
from services.router.chain import Chain, as_told
from services.router.handoff import Handoff, LeadState
from services.router.lead import forget_later
from services.router.occasion import Occasion
from services.router.refusals import owner_of
from services.router.territories import Match
from services.router.where import match_of

REASON = "handed_over"


def hand_over(occasion: Occasion, state: LeadState, first: Handoff, outcome: OutcomeReported) -> bool:
    """Ends a `qualify` handoff that its rep has just called an opportunity, and opens the `sell` one; False when it is
    none, or when nobody sells."""
    if first.chain is None or first.chain.stage != "qualify" or first.stage != "opportunity" or not first.qualified:
        return False
    known = LeadQualified.model_validate_json(first.qualified)
    match = match_of(occasion, known, sell=True)
    if match is None:
        _tell_unsold(occasion, first)
        return False
    second = _second(occasion, first, first.chain, known, match)
    state.handoffs[second.id] = second
    first.version += 1
    first.stage = "handed_over"
    first.chain.other = second.id
    first.forget_story()
    announce.handed_over(occasion, known.lead, first, second.id)
    occasion.observe("baton_leads_handed_over_total", 1.0, first.territory)
    forget_later(occasion, known.lead, first)
    _begin(occasion, state, second, match, outcome)
    return True


def tell_qualifier(occasion: Occasion, handoff: Handoff, what: str, reason: str | None) -> None:
    """Tells who qualified a lead what became of it: so BDRs learn what AEs can use."""
    if handoff.chain is None or handoff.chain.stage != "sell":
        return
    why = f" ({reason.replace('_', ' ')})" if reason else ""
    text = f"{announce.card(handoff)}: the lead that you qualified was {what}{why}. Handoff {handoff.id}."
    subject = f"Your lead was {what}"
    announce.notify(occasion, handoff, handoff.chain.rep, f"became-{what}", subject, text, urgent=False)


def _second(occasion: Occasion, first: Handoff, chain: Chain, known: LeadQualified, match: Match) -> Handoff:
    rep = None if first.owner is None else first.owner.rep
    told = SalesQualified(
        handoff=first.id, rep=rep, at=occasion.at, notes=as_told(chain.notes), notes_cut=chain.notes_cut
    )
    dossier = known.dossier.model_copy(update={"sales_qualified": told})
    name = sale_id(first.id)
    second = opening.handoff_of(known.model_copy(update={"handoff": name, "dossier": dossier}), match)
    second.qualified_at = first.qualified_at  # the story is as old as it was: erasures look at this
    second.chain = Chain("sell", other=first.id, rep=rep, since=occasion.at)
    return second


def _begin(occasion: Occasion, state: LeadState, second: Handoff, match: Match, outcome: OutcomeReported) -> None:
    """Starts the clock and asks for a rep. First of all one who sells and whom the BDR named, who had the lead
    already, or who owns it."""
    qualified = LeadQualified.model_validate_json(second.qualified)
    if occasion.rules.policies[match.territory.policy].clock_starts == "qualified":
        ladder.start(occasion, qualified.lead, second, occasion.at)
    had_it = None if second.chain is None else second.chain.rep
    rules = occasion.rules
    pools = [rules.crews[each.team].pools[each.pool] for each in rules.territories.selling]
    for rep in (outcome.to, had_it, owner_of(state, qualified)):
        if rep is not None and any(rep in pool for pool in pools):
            opening.ask(occasion, qualified.lead, second, match.territory, rep)
            break
    else:
        opening.ask(occasion, qualified.lead, second, match.territory, None)
    ladder.set_timer(occasion, qualified.lead, second)


def _tell_unsold(occasion: Occasion, first: Handoff) -> None:
    """The configuration knows nobody who sells to this lead any more: whoever qualified it keeps it, and hears so."""
    rep = None if first.owner is None else first.owner.rep
    text = (
        f"{announce.card(first)}: no territory with `stage: sell` takes this lead, so the opportunity stays with you."
    )
    announce.notify(occasion, first, rep, "unsold", "Your opportunity stays with you", text, urgent=False)
