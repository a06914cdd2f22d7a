"""What a handoff teaches: one label each, revised when sales thinks again, taken back when it is reopened.

| where it stands        | label                                                       |
|------------------------|-------------------------------------------------------------|
| opportunity, won       | good: the score sent sales somebody worth their time        |
| rejected, lost         | what the reason's `learning` says: good, bad or none        |
| routed .. accepted     | none yet: an accepted lead has promised, not shown, its worth |
| reopened               | none: whatever was concluded is open again                  |
| merged                 | none: the handoff that was kept counts, this one would twice |

With two stages of sales a lead teaches once, at the end of its way: the opportunity of a `qualify` handoff is only a
promise, and one that was handed over says nothing any more; the `sell` handoff that goes on with the lead does.
"""

from __future__ import annotations

import msgspec

from baton_schemas.routing import SalesStage
from services.feedback.lifecycle import View

_OF_LEARNING = {"good": True, "bad": False}


class Told(msgspec.Struct, frozen=True, array_like=True):
    """The label last sent for a handoff; revision 0 means: none yet."""

    revision: int = 0
    good: bool | None = None
    stage: str = "routed"
    reason: str | None = None


def good_of(view: View) -> bool | None:
    """True, False, or None where it says nothing (yet)."""
    if view.stage in ("opportunity", "won"):
        return True
    if view.closing is not None:
        return _OF_LEARNING.get(view.closing.learning)
    return None


def taken_back(told: Told) -> Told | None:
    """The label that takes back what was told, because another handoff of the same person counts; None when nothing
    was."""
    return None if told.good is None else Told(told.revision + 1, None, "merged")


def revised(told: Told, view: View, stage: SalesStage | None = None, *, handed_over: bool = False) -> Told | None:
    """The label to send now, or None when nothing is new to learning: it was told, or there never was anything."""
    promised = stage == "qualify" and view.stage == "opportunity"
    good = None if promised or handed_over else good_of(view)
    if good is None and told.good is None:
        return None
    reason = view.closing.reason if view.closing is not None else None
    if (good, view.stage, reason) == (told.good, told.stage, told.reason):
        return None
    return Told(told.revision + 1, good, view.stage, reason)
