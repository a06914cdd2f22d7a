"""Contact pressure, the lead's side: may this lead be given to sales now, and if not, when.

Every handoff takes a place when it is opened. Of a person's own places the lead's lane knows; those of an account are
kept by the account (`accounts.py`), which is asked by message, so that colleagues who qualify at once in different
partitions never take more than there are. Without room the lead waits: for its person on a timer, for its account until
the account says so. A place is given back when the handoff is withdrawn, or ends before any rep had it. What a person
opens counts, but is not held back (H1).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from baton_schemas.contract import format_time
from baton_schemas.documents.sla import PressureLimit
from baton_schemas.leads import LeadQualified
from baton_schemas.routing import PressureReply, PressureRequest
from services.router import announce
from services.router.handoff import Handoff, LeadState, Place
from services.router.occasion import LEAD, Occasion

TIMER = "pressure"
DAY_MS = 86_400_000
LOOK_MS = DAY_MS
"""Who waits is looked at at least so often: so a limit that was raised is taken up without any record."""


def timer_name(handoff: str) -> str:
    """The name of the one timer of a handoff that waits for its person's limit."""
    return f"{TIMER}:{handoff}"


def free_again(limit: PressureLimit, taken: Iterable[int], now: int) -> int | None:
    """When there is room under the limit again, given when places were taken; None when there is room now."""
    window = limit.days * DAY_MS
    within = sorted(at for at in taken if at > now - window)
    return None if len(within) < limit.handoffs else within[-limit.handoffs] + window


def admit(occasion: Occasion, state: LeadState, handoff: Handoff, qualified: LeadQualified) -> bool:
    """Takes a place, and answers whether the handoff may be opened now. If not, the person's limit holds it, or the
    account has been asked."""
    limits, now = occasion.rules.pressure, occasion.at
    place = handoff.place = handoff.place or Place(account=qualified.account)
    limit = None if limits is None else limits.per_person
    until = None if limit is None else free_again(limit, _taken(state, handoff, now), now)
    if limit is not None and until is not None:
        _hold(occasion, handoff, place, qualified, "person", limit, until)
        return False
    if limits is None or limits.per_account is None or place.account is None:
        _take(occasion, qualified.lead, handoff, place)
        return True
    place.version += 1
    _set(occasion, qualified.lead, handoff, place, "asked")
    _ask(occasion, qualified.lead, handoff, place.account, place.version, "take")
    return False


def heard(occasion: Occasion, handoff: Handoff | None, reply: PressureReply) -> bool:
    """The account's answer; whether the handoff may be opened now. A place that nobody asks for (any more) is given
    back."""
    place = None if handoff is None else handoff.place
    if handoff is None or place is None or place.version != reply.version or place.status not in ("asked", "waiting"):
        held = place is not None and place.version == reply.version and place.status == "taken"
        if reply.status == "granted" and not held:
            _void(occasion, reply)
        return False
    if reply.status == "granted":
        _take(occasion, reply.lead, handoff, place)
        return True
    limits = occasion.rules.pressure
    limit = None if limits is None else limits.per_account
    qualified = LeadQualified.model_validate_json(handoff.qualified)
    until = occasion.at + LOOK_MS if reply.until is None else reply.until
    _hold(occasion, handoff, place, qualified, "account", limit, until, queued=reply.status == "waiting")
    return False


def count(occasion: Occasion, lead: str, handoff: Handoff) -> None:
    """A person opened the handoff or settled it: no limit holds it back, and it counts like any other (H1)."""
    place = handoff.place
    if place is None or place.status == "taken":
        return
    give_back(occasion, lead, handoff)
    limits = occasion.rules.pressure
    if limits is not None and limits.per_account is not None and place.account is not None:
        place.version += 1
        _ask(occasion, lead, handoff, place.account, place.version, "count")
    _take(occasion, lead, handoff, place)


def give_back(occasion: Occasion, lead: str, handoff: Handoff) -> None:
    """The handoff is not to count: frees its place, or gives up waiting for one."""
    place = handoff.place
    if place is None or place.status == "free":
        return
    at_account = place.version > 0 and place.status != "held"
    _set(occasion, lead, handoff, place, "free")
    if at_account and place.account is not None:
        _ask(occasion, lead, handoff, place.account, place.version, "give_back")


def is_held(handoff: Handoff) -> bool:
    """Whether the handoff waits for a limit on a timer of its own."""
    return handoff.place is not None and handoff.place.status == "held"


def free_since(handoff: Handoff) -> int:
    """Since when the lead may be given: since it qualified, or since contact pressure let it go; since it was handed
    over, in the second of two stages. Nobody is blamed for what was before."""
    if handoff.chain is not None and handoff.chain.stage == "sell":
        return handoff.chain.since
    place = handoff.place
    return place.at if place is not None and place.told else handoff.qualified_at


def _taken(state: LeadState, handoff: Handoff, now: int) -> list[int]:
    """When the person's other places were taken. One that its account has still to grant counts as of now, so that a
    grant never finds the person's limit exceeded."""
    places = [other.place for other in state.handoffs.values() if other is not handoff and other.place is not None]
    return [place.at if place.status == "taken" else now for place in places if place.status not in ("free", "held")]


def _hold(
    occasion: Occasion,
    handoff: Handoff,
    place: Place,
    qualified: LeadQualified,
    whose: Literal["person", "account"],
    limit: PressureLimit | None,
    until: int,
    *,
    queued: bool = False,
) -> None:
    """The lead waits, and people are told once for each limit that it meets."""
    _set(occasion, qualified.lead, handoff, place, "waiting" if queued else "held")
    if not queued:
        look = min(until, occasion.at + LOOK_MS)
        occasion.timer(LEAD + qualified.lead.encode(), timer_name(handoff.id), look)
    if place.told == whose:
        return
    place.told = whose
    handoff.told = True
    most = "" if limit is None else f" ({limit.handoffs} in {limit.days} days)"
    detail = (
        f"This {whose} was given to sales as often as the limit allows{most}. The lead is given by itself when it may "
        f"be, at {format_time(until)} at the earliest."
    )
    announce.unrouted(occasion, qualified, "contact_pressure", detail, version=handoff.version, waiting=True)


def _take(occasion: Occasion, lead: str, handoff: Handoff, place: Place) -> None:
    _set(occasion, lead, handoff, place, "taken")
    place.at = occasion.at


def _set(
    occasion: Occasion,
    lead: str,
    handoff: Handoff,
    place: Place,
    status: Literal["held", "asked", "waiting", "taken", "free"],
) -> None:
    """Moves a place on, and keeps the count of leads that wait and the timer in step."""
    waited, waiting = place.status in ("held", "waiting"), status in ("held", "waiting")
    if waited != waiting:
        occasion.observe("baton_leads_held", 1.0 if waiting else -1.0)
    if place.status == "held" and status != "held":
        occasion.timer(LEAD + lead.encode(), timer_name(handoff.id), None)
    place.status = status


def _ask(
    occasion: Occasion,
    lead: str,
    handoff: Handoff,
    account: str,
    version: int,
    kind: Literal["take", "count", "give_back"],
) -> None:
    message = PressureRequest(
        account=account,
        handoff=handoff.id,
        version=version,
        lead=lead,
        kind=kind,
        territory=handoff.territory or "none",
        tier=handoff.tier,
        at=occasion.at,
    )
    occasion.send("routing.requests", account, message, f"{handoff.id}/{version}/{kind}")


def _void(occasion: Occasion, reply: PressureReply) -> None:
    message = PressureRequest(
        account=reply.account,
        handoff=reply.handoff,
        version=reply.version,
        lead=reply.lead,
        kind="give_back",
        territory="none",
        tier="none",
        at=occasion.at,
    )
    occasion.send("routing.requests", reply.account, message, f"{reply.handoff}/{reply.version}/void")
