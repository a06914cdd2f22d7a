"""Not now is not never: who goes back to marketing, with the reason, and when they may be offered again."""

from __future__ import annotations

import msgspec

from services.feedback.lifecycle import View
from services.feedback.reasons import DAY_MS, Catalogue


class Recycling(msgspec.Struct, frozen=True, array_like=True):
    """A recycling that is in force: the answer that caused it (`ref`), its reason, and until when the lead rests."""

    ref: bytes
    reason: str
    not_before: int
    nurture: str | None = None


def due(view: View, catalogue: Catalogue) -> Recycling | None:
    """The recycling that this view of a handoff calls for, or None. The rest starts when sales gave the answer."""
    closing = view.closing
    if closing is None or closing.reason is None:
        return None
    reason = catalogue.find(closing.reason)
    if reason is None or not reason.recycle or reason.cool_down_days is None:
        return None
    return Recycling(closing.ref, reason.code, closing.at + reason.cool_down_days * DAY_MS, reason.nurture)
