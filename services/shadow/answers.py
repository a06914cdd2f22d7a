"""What a deal says of the handoff that it answers, in the words in which a connector would have said it. Pure.

Without these answers every shadow handoff would stay open: clocks would run out although people called, reps would be
full, and the score would learn nothing. Who owns the deal is not told: Baton's own choice stands, so that turns and
capacity are those that it would have had.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from baton_schemas.feedback import OutcomeKind
from services.shadow.lead import CLOSED, Deal, Handoff, Lead
from services.shadow.pairing import Span, paired


class Answer(NamedTuple):
    """One outcome of a handoff, `number` among those that were told of it; `at` in ms."""

    handoff: str
    number: int
    kind: OutcomeKind
    at: int
    reason: str | None = None


def answered(lead: Lead) -> tuple[Lead, list[Answer]]:
    """The lead after everything that its deals say was told, and what is to be told for that."""
    spans = [(deal.key, Span(deal.created_at, deal.closed_at)) for deal in lead.deals]
    answers, _ = paired(((each.id, each.qualified_at) for each in lead.handoffs), spans)
    deals = {deal.key: deal for deal in lead.deals}
    told: list[Answer] = []
    handoffs = []
    for handoff in lead.handoffs:
        key = handoff.deal or next(iter(answers[handoff.id]), None)
        deal = None if key is None else deals.get(key)
        if deal is None or handoff.withdrawn:
            handoffs.append(handoff)
            continue
        after, new = _after(handoff, deal)
        handoffs.append(after)
        told += new
    return lead.with_handoffs(handoffs), told


def _after(handoff: Handoff, deal: Deal) -> tuple[Handoff, list[Answer]]:
    """The handoff after it was told all that `deal` says."""
    said = list(_says(handoff, deal))
    new = [Answer(handoff.id, handoff.told + n, kind, at, reason) for n, (kind, at, reason) in enumerate(said, 1)]
    after = msgspec.structs.replace(
        handoff,
        deal=deal.key,
        touched=handoff.touched or deal.first_touch_at is not None,
        stage=deal.stage,
        told=handoff.told + len(new),
    )
    return after, new


def _says(handoff: Handoff, deal: Deal) -> Iterator[tuple[OutcomeKind, int, str | None]]:
    if deal.first_touch_at is not None and not handoff.touched:
        yield "touched", deal.first_touch_at, None
    if deal.stage == handoff.stage:
        return
    if handoff.stage in CLOSED:
        yield "reopened", deal.at, None
    if deal.stage == "offered":
        return
    ends = deal.stage in CLOSED
    at = deal.closed_at if ends and deal.closed_at is not None else deal.at
    # an opportunity is lost, whatever the CRM calls it: feedback knows no other order
    kind: OutcomeKind = "lost" if deal.stage == "rejected" and handoff.stage == "opportunity" else deal.stage
    yield kind, at, deal.reason if ends else None
