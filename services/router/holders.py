"""The lead's side tells the account who has an open handoff, so that an alert on the account finds its owner's record.

It says so anew whenever that changes, once for each change, and only while the definition has `alerts`: without them
nothing is told, but what was told before is still taken back.
"""

from __future__ import annotations

from baton_schemas.leads import LeadQualified
from baton_schemas.routing import HandoffHeld
from services.router.handoff import ACTIVE, Handoff, LeadState, Reported
from services.router.occasion import Occasion


def settle(occasion: Occasion, lead: str, state: LeadState) -> None:
    """Tells what is news of the lead's handoffs. To be called whenever the lead may have changed."""
    for handoff in state.handoffs.values():
        owner = handoff.owner if handoff.stage in ACTIVE else None
        known = handoff.reported
        rep, version = (None, 0) if owner is None else (owner.rep, owner.version)
        if known is None and (owner is None or not occasion.rules.alerts):
            continue
        if known is None:
            known = Reported(_account_of(handoff) or lead)
        if (rep, version) != (known.rep, known.handoff_version):
            handoff.reported = Reported(known.account, rep, version, known.version + 1)
            _tell(occasion, lead, handoff, handoff.reported)


def _account_of(handoff: Handoff) -> str | None:
    return LeadQualified.model_validate_json(handoff.qualified).account if handoff.qualified else None


def _tell(occasion: Occasion, lead: str, handoff: Handoff, reported: Reported) -> None:
    message = HandoffHeld(
        account=reported.account,
        lead=lead,
        handoff=handoff.id,
        version=reported.version,
        rep=reported.rep,
        handoff_version=reported.handoff_version,
        at=occasion.at,
    )
    occasion.send("routing.requests", reported.account, message, f"{handoff.id}/held/{reported.version}")
