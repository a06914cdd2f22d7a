"""Not now is not never: who goes back to marketing, with the reason, and when they may be offered again."""

from __future__ import annotations

from baton_schemas.feedback import LeadRecycled
from services.feedback.handoffs import Handoff, Recycling
from services.feedback.lifecycle import View
from services.feedback.reasons import DAY_MS, Catalogue

LAST_MOMENT = 253_402_300_799_999


def due(view: View, catalogue: Catalogue) -> Recycling | None:
    """The recycling that this view of a handoff calls for, or None. The rest starts when sales gave the answer."""
    closing = view.closing
    if closing is None or closing.reason is None:
        return None
    reason = catalogue.find(closing.reason)
    if reason is None or not reason.recycle or reason.cool_down_days is None:
        return None
    return Recycling(
        closing.ref, reason.code, min(closing.at + reason.cool_down_days * DAY_MS, LAST_MOMENT), reason.nurture
    )


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
