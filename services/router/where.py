"""In which territory a handoff is: the one that took the lead, or, where the configuration knows that one no more, the
one that takes it now. So renaming a territory strands nobody who waits."""

from __future__ import annotations

from baton_schemas.documents.territories import Territory
from baton_schemas.leads import LeadQualified
from services.router.handoff import Handoff
from services.router.occasion import Occasion
from services.router.territories import Match, profile


def match_of(occasion: Occasion, qualified: LeadQualified) -> Match | None:
    """The most specific territory that takes the lead, or None."""
    contact = qualified.contact
    return occasion.rules.territories.match(
        profile(contact.country, contact.region, contact.employees, contact.industry)
    )


def territory_of(occasion: Occasion, handoff: Handoff) -> Territory | None:
    """The handoff's territory; notes the new one when the old is gone. None when nobody takes the lead any more."""
    known = occasion.rules.territories.get(handoff.territory)
    if known is not None or not handoff.qualified:
        return known
    match = match_of(occasion, LeadQualified.model_validate_json(handoff.qualified))
    if match is None:
        return None
    handoff.territory = match.territory.name
    handoff.matched_on = list(match.matched_on) or ["catch_all"]
    handoff.less_specific = list(match.passed_over)
    return match.territory
