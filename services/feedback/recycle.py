"""Not now is not never: who goes back to marketing, with the reason, and when they may be offered again."""

from __future__ import annotations

from collections.abc import Mapping

from baton_schemas.feedback import LeadRecycled
from services.feedback.handoffs import Handoff, Recycling
from services.feedback.lifecycle import View
from services.feedback.reasons import DAY_MS, Catalogue

LAST_MOMENT = 253_402_300_799_999


def due(view: View, catalogue: Catalogue, cool_downs: Mapping[str, int]) -> Recycling | None:
    """The recycling that this view of a handoff calls for, or None. The rest starts when sales gave the answer.

    It lasts as many days as the definition says of the reason (`cool_downs`), else as the reason itself says.
    """
    closing = view.closing
    if closing is None or closing.reason is None:
        return None
    reason = catalogue.find(closing.reason)
    if reason is None:
        return None
    days = cool_downs.get(reason.code, reason.cool_down_days)
    if days is None:
        return None
    return Recycling(closing.ref, reason.code, min(closing.at + days * DAY_MS, LAST_MOMENT), reason.nurture)


def message(handoff_id: str, handoff: Handoff, recycling: Recycling | None, at: int, cause: str) -> LeadRecycled:
    """What marketing automation gets: `recycling`, or (None) that the one in force is taken back. It always has a
    reason: the one sales gave."""
    told = recycling or handoff.recycling
    if told is None:
        raise ValueError("nothing to tell: no recycling, and none to take back")
    return LeadRecycled(
        lead=handoff.lead,
        handoff=handoff_id,
        reason=told.reason,
        not_before=told.not_before if recycling else None,
        nurture=told.nurture if recycling else None,
        revoked=recycling is None,
        versions=handoff.judged.versions,
        at=at,
        cause=cause,
    )
