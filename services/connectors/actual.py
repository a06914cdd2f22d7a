"""What people did with a deal that Baton did not make, as `DealFacts`: for a comparison in shadow. Pure.

Such a deal bears no handoff's id. Whom it is about is known by an address: the contact's, or the only one of its party.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Literal

from baton_schemas.crm import DealFacts
from services.connectors.deal import Deal, Party
from services.connectors.facts import Keys
from services.connectors.observation import CLOSED
from services.connectors.words import Words

Unusable = Literal["no_address", "no_word"]


def deal_facts(
    deal: Deal,
    party: Party | None,
    before: DealFacts | None,
    words: Words,
    keys: Keys,
    *,
    source: str,
    baton: Callable[[int], int],
) -> DealFacts | Unusable:
    """The deal as it is, whole; `before` is how it was told last, `baton` turns wall into Baton time (ms). What can't
    be used says why: nobody knows whom it is about, or the mapping has no word for its stage."""
    email = _address(deal, party)
    if email is None:
        return "no_address"
    touched = _first_touch(deal, words, baton)
    if before is not None and before.first_touch_at is not None:
        touched = before.first_touch_at if touched is None else min(touched, before.first_touch_at)
    accepted = touched is not None or (before is not None and before.stage in ("accepted", "opportunity", "won"))
    stage = words.means(deal.stage, accepted=accepted)
    if stage is None:
        return "no_word"
    ends = stage in CLOSED
    still = before is not None and before.stage == stage
    return DealFacts(
        person=keys.person(email),
        source=source,
        deal=deal.id,
        owner=None if deal.owner is None else words.rep(deal.owner) or deal.owner,
        stage=stage,
        reason=words.reason(deal.stage, deal.reason) if stage in ("lost", "rejected") else None,
        created_at=baton(deal.made_at or deal.at),
        first_touch_at=touched,
        closed_at=(before.closed_at if before is not None and still else baton(deal.at)) if ends else None,
        at=baton(max(deal.at, *(remark.at for remark in deal.remarks), 0)),
    )


def says_the_same(one: DealFacts, other: DealFacts | None) -> bool:
    """Whether a look brought nothing new."""
    return other is not None and one == other.model_copy(update={"at": one.at})


def event_id(facts: DealFacts) -> str:
    """Equal facts have equal ids."""
    return f"{facts.source}-{facts.deal}-{blake2b(facts.to_json(), digest_size=8).hexdigest()}"


def _address(deal: Deal, party: Party | None) -> str | None:
    if deal.email:
        return deal.email
    only = {email.casefold() for email in party.emails} if party is not None else set()
    return only.pop() if len(only) == 1 else None


def _first_touch(deal: Deal, words: Words, baton: Callable[[int], int]) -> int | None:
    """The first note by which a person says that he turned to the other side."""
    touches = []
    for remark in deal.remarks:
        found = None if words.is_program(remark.by) else words.remark(remark)
        if found is not None and found[0].touch is not None and found[0].direction == "outbound":
            touches.append(baton(remark.at))
    return min(touches, default=None)
