"""What the lead's side asks of teams: a rep for a version, a turn charged to the rep a person chose, and giving back.

Every claim at a team carries handoff and version. A claim that is given up is always released, whether it still waits,
was answered, or its answer is under way: releasing what a team does not hold changes nothing there.
"""

from __future__ import annotations

from typing import Literal

from baton_schemas.routing import AssignRequest, ReleaseRequest
from services.router.handoff import Asked, Handoff, Held
from services.router.occasion import Occasion


def ask(
    occasion: Occasion,
    lead: str,
    handoff: Handoff,
    change: Literal["assigned", "reassigned"],
    team: str,
    pool: str,
    *,
    preferred: str | None = None,
    only_preferred: bool = False,
) -> None:
    """Opens a request for the next version. There must be none open."""
    handoff.version += 1
    handoff.asked = Asked(handoff.version, team, pool, occasion.at, change, only_preferred)
    _request(occasion, lead, handoff, team, pool, preferred=preferred)


def charge(occasion: Occasion, lead: str, handoff: Handoff, owner: Held) -> None:
    """Counts a lead that a person gave to a rep: capacity and turn (H1)."""
    _request(occasion, lead, handoff, owner.team, owner.pool, charged=owner.rep)


def drop_request(occasion: Occasion, lead: str, handoff: Handoff, reason: str) -> None:
    """Gives up the open request, if there is one, and with it the place in the queue or the rep under way."""
    asked = handoff.asked
    if asked is None:
        return
    handoff.asked = None
    no_longer_waiting(occasion, asked)
    release(occasion, lead, handoff.id, asked.version, asked.team, refund=True, reason=reason)


def give_back(occasion: Occasion, lead: str, handoff: Handoff, *, refund: bool, reason: str) -> None:
    """Frees the owner's capacity, and gives the turn back when `refund`. The owner stays the owner."""
    owner = handoff.owner
    if owner is None or not owner.holds:
        return
    owner.holds = False
    release(occasion, lead, handoff.id, owner.version, owner.team, refund=refund, reason=reason)


def release(occasion: Occasion, lead: str, handoff: str, version: int, team: str, *, refund: bool, reason: str) -> None:
    """Gives back what one version holds at a team."""
    message = ReleaseRequest(
        handoff=handoff, version=version, lead=lead, team=team, refund=refund, reason=reason, at=occasion.at
    )
    occasion.send("routing.requests", team, message, f"{handoff}/{version}/release")


def no_longer_waiting(occasion: Occasion, asked: Asked) -> None:
    """Keeps the count of waiting leads."""
    if asked.waiting:
        occasion.observe("baton_leads_waiting", -1.0)


def exclude(handoff: Handoff, rep: str) -> None:
    """The rotation never gives this lead to `rep` again."""
    if rep not in handoff.excluded:
        handoff.excluded.append(rep)


def _request(
    occasion: Occasion,
    lead: str,
    handoff: Handoff,
    team: str,
    pool: str,
    *,
    preferred: str | None = None,
    charged: str | None = None,
) -> None:
    message = AssignRequest(
        handoff=handoff.id,
        version=handoff.version,
        lead=lead,
        team=team,
        pool=pool,
        territory=handoff.territory,
        tier=handoff.tier,
        preferred=preferred,
        excluded=list(handoff.excluded),
        charged=charged,
        at=occasion.at,
    )
    occasion.send("routing.requests", team, message, f"{handoff.id}/{handoff.version}/assign")
