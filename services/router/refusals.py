"""Who is refused before anybody is asked, and who comes first (H2).

One handoff at a time per person and definition; none for customers, open opportunities and people who must not be
contacted. Somebody who owns the person or the company already is told instead, or asked first.
"""

from __future__ import annotations

from typing import NamedTuple

from baton_schemas.leads import LeadQualified
from services.router import announce, merging
from services.router.handoff import Handoff, LeadState
from services.router.merge import Kin
from services.router.occasion import Occasion


class Refusal(NamedTuple):
    """Why a qualified lead is not routed at all, and who is told instead."""

    reason: str
    detail: str
    tell: str | None = None


def refusal_of(state: LeadState, qualified: LeadQualified) -> Refusal | None:
    """Why this person gets no handoff: what the CRM says of the person, then of the company, then what is open."""
    if state.do_not_contact:
        return Refusal("do_not_contact", "The CRM says that this person must not be contacted.")
    if state.disqualified is not None:
        return Refusal("disqualified", "The CRM says that this person is no lead.")
    definition = qualified.versions.definition
    return (
        _account_refusal(state, qualified)
        or _open_refusal(state.active(definition))
        or _kin_refusal(merging.open_kin(state, definition))
    )


def _account_refusal(state: LeadState, qualified: LeadQualified) -> Refusal | None:
    standing = qualified.standing
    if standing is None:
        return None
    owner = standing.owner or owner_of(state, qualified)
    if standing.customer_since is not None:
        return Refusal("customer", "The company is a customer: its owner is told.", owner)
    if standing.open_opportunity:
        return Refusal("open_opportunity", "The company has an open opportunity: its owner is told.", owner)
    return None


def _open_refusal(other: Handoff | None) -> Refusal | None:
    if other is None:
        return None
    rep = None if other.owner is None else other.owner.rep
    if other.stage in ("opportunity", "reopened"):
        return Refusal("open_opportunity", "This person has an open opportunity: its rep is told.", rep)
    return Refusal("already_open", "This person has an open handoff: its rep is told.", rep)


def _kin_refusal(kin: Kin | None) -> Refusal | None:
    if kin is None:
        return None
    return Refusal("already_open", "This person was merged with one who has an open handoff: its rep is told.", kin.rep)


def owner_of(state: LeadState, qualified: LeadQualified) -> str | None:
    """Who owns the person, as the CRM or the scorer says; else who owns the company."""
    standing = qualified.standing
    return state.owner or qualified.owner or (None if standing is None else standing.owner)


def tell_owner(occasion: Occasion, handoff: Handoff, refusal: Refusal) -> None:
    """Tells the owner that somebody of his is interested again."""
    if refusal.tell is not None:
        text = (
            f"A person of yours is interested again (handoff {handoff.id}). No new handoff was made. {refusal.detail}"
        )
        announce.notify(
            occasion, handoff, refusal.tell, refusal.reason, "Interest from your account", text, urgent=False
        )
