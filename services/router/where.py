"""In which territory a handoff is: the one that took the lead, or, where the configuration knows that one no more, the
one that takes it now. So renaming a territory strands nobody who waits. And what follows from it: team and terms."""

from __future__ import annotations

from baton_schemas.documents.sla import SlaPolicy
from baton_schemas.documents.territories import Territory
from baton_schemas.leads import LeadQualified
from services.router.calendars import ALWAYS, Calendar
from services.router.handoff import Handoff
from services.router.occasion import Occasion
from services.router.sla import urgency
from services.router.territories import Match, profile


def match_of(occasion: Occasion, qualified: LeadQualified, *, sell: bool = False) -> Match | None:
    """The most specific territory that takes the lead, of those that sell when `sell`; or None."""
    contact = qualified.contact
    return occasion.rules.territories.match(
        profile(contact.country, contact.region, contact.employees, contact.industry), sell=sell
    )


def territory_of(occasion: Occasion, handoff: Handoff) -> Territory | None:
    """The handoff's territory; notes the new one when the old is gone. None when nobody takes the lead any more."""
    known = occasion.rules.territories.get(handoff.territory)
    if known is not None or not handoff.qualified:
        return known
    sell = handoff.chain is not None and handoff.chain.stage == "sell"
    match = match_of(occasion, LeadQualified.model_validate_json(handoff.qualified), sell=sell)
    if match is None:
        return None
    handoff.territory = match.territory.name
    handoff.matched_on = list(match.matched_on) or ["catch_all"]
    handoff.less_specific = list(match.passed_over)
    return match.territory


def terms_of(occasion: Occasion, handoff: Handoff) -> tuple[SlaPolicy, Calendar]:
    """The targets and hours of a handoff's clocks. A lead that no territory takes any more, but somebody has, gets the
    first policy's targets in the hours of his team."""
    rules = occasion.rules
    territory = territory_of(occasion, handoff)
    if territory is not None:
        return rules.policies[territory.policy], rules.calendar_of(territory)
    crew = None if handoff.owner is None else rules.crews.get(handoff.owner.team)
    return next(iter(rules.policies.values())), ALWAYS if crew is None else crew.calendar


def urgency_of(occasion: Occasion, territory: str, tier: str) -> int:
    """A lead's rank among those who wait, by its territory's policy: 0 is served first."""
    rules = occasion.rules
    known = rules.territories.get(territory)
    policy = None if known is None else rules.policies.get(known.policy)
    return 0 if policy is None else urgency(policy, tier)


def team_of(occasion: Occasion, handoff: Handoff) -> str | None:
    """The team that has the lead, was asked for a rep, or would be."""
    if handoff.owner is not None:
        return handoff.owner.team
    if handoff.asked is not None:
        return handoff.asked.team
    territory = territory_of(occasion, handoff)
    return None if territory is None else territory.team
