"""What a record of Baton's topics asks of the CRM, and what is to be done about it. Pure.

Two rules stand above the rest. The highest version of a handoff counts: an older one is refused. And what people did in
the CRM wins: a record that somebody has taken on, moved or given away is never taken from him by us (H1).
"""

from __future__ import annotations

from typing import NamedTuple

from baton_schemas.alerts import AccountAlert
from baton_schemas.connectors import ConnectorLink, SeenDeal
from baton_schemas.contract import format_time
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadHandedOver, LeadRouted, SlaEvent
from services.connectors.card import alert_text
from services.connectors.deal import Deal
from services.connectors.observation import NOBODY
from services.connectors.words import Words

Order = LeadRouted | LeadWithdrawn | LeadHandedOver | SlaEvent | AccountAlert
_TOLD_STEPS = {"warned", "breached", "escalated"}
UNDELIVERABLE = "not_deliverable"
"""Why an alert is not in the CRM: its owner has no record there that Baton knows of."""


class Create(NamedTuple):
    """There is no record of this handoff: make one for `owner` (the CRM's id; None when the rep is not known there)."""

    owner: str | None


class Change(NamedTuple):
    """Write to the record: `owner` when it goes to somebody else, `close` when it is withdrawn, `remark` when there is
    something to say and it was not said yet."""

    owner: str | None = None
    close: bool = False
    remark: str | None = None


class Nothing(NamedTuple):
    """Leave it as it is; `why` is a word for the metric."""

    why: str


Action = Create | Change | Nothing


def wanted(order: Order) -> bool:
    """Whether an order asks for anything at all in a CRM."""
    return not isinstance(order, SlaEvent) or order.step in _TOLD_STEPS


def is_old(order: Order, link: ConnectorLink) -> bool:
    """Whether a newer word on the handoff was carried out already, or this very one."""
    if isinstance(order, SlaEvent | AccountAlert):
        return order.version < link.version or link.withdrawn
    return order.version <= link.version


def decide(order: Order, link: ConnectorLink, deal: Deal | None, words: Words) -> Action:
    """What to do about `order`. `deal` is the record now, compared with `link.seen` already (`observation`)."""
    if is_old(order, link):
        return Nothing("old_version")
    if isinstance(order, SlaEvent | AccountAlert):
        return _word(order, deal, words)
    if isinstance(order, LeadWithdrawn):
        return _withdrawal(order, deal, words)
    if isinstance(order, LeadHandedOver):
        text = f"Baton: qualified and handed over. Handoff {order.to} goes on with the lead. (version {order.version})"
        return Nothing("no_record") if deal is None else _saying(deal, words, text)
    owner = words.owner(order.rep)
    if deal is None:
        return Nothing("people_decided") if _deleted_since(order, link) else Create(owner)
    return _handover(order, link, deal, words, owner)


def adopted(order: Order, link: ConnectorLink, deal: Deal, words: Words) -> ConnectorLink:
    """The link to a record that is there although we have no note of it: a crash came after it was made. It is taken to
    have been as we make them, so that what people did with it since is seen."""
    rep = order.rep if isinstance(order, LeadRouted) else None
    owner = None if rep is None else words.owner(rep)
    seen = SeenDeal(stage=words.offered, owner=deal.owner if words.is_own(deal.by) else owner)
    return link.model_copy(update={"record": deal.id, "owner": seen.owner, "seen": seen})


def carried_out(
    order: Order, link: ConnectorLink, action: Action, result: Deal | None, words: Words, *, now: int
) -> ConnectorLink:
    """The link afterwards; `result` is the record as a Create or Change left it. What people did is not touched here:
    only what we wrote becomes what was seen."""
    if isinstance(order, SlaEvent | AccountAlert):
        return link
    fields: dict[str, object] = {"version": max(link.version, order.version), "at": now}
    if isinstance(order, LeadWithdrawn):
        fields["withdrawn"] = True
    elif isinstance(order, LeadRouted):
        fields["rep"] = order.rep
        if words.owner(order.rep) is None:
            fields["unmapped"] = [*link.unmapped, f"{NOBODY}{order.rep} is nobody in the CRM"]
        elif _we_gave_it(action, result, words):
            fields["owner"] = words.owner(order.rep)
    if isinstance(action, Create) and result is not None:
        fields["record"] = result.id
        fields["seen"] = SeenDeal(stage=result.stage, owner=result.owner)
    elif isinstance(action, Change) and link.seen is not None and result is not None:
        own = {"owner": result.owner} if action.owner is not None else {}
        own |= {"stage": result.stage} if action.close else {}
        fields["seen"] = link.seen.model_copy(update=own)
    return link.model_copy(update=fields)


def _we_gave_it(action: Action, result: Deal | None, words: Words) -> bool:
    """Whether the record's owner is our doing: written now, or before a crash. What people gave to the very rep whom
    Baton chose stays theirs: it is not taken from him by an order that did not know of it."""
    if isinstance(action, Create) or (isinstance(action, Change) and action.owner is not None):
        return True
    return action != Nothing("people_decided") and result is not None and words.is_own(result.by)


def step_text(step: SlaEvent) -> str:
    """What the rep reads of a step of the clock."""
    due = format_time(step.due_at)[:16].replace("T", " ")
    texts = {
        "warned": f"Baton: the first touch is due by {due} UTC.",
        "breached": f"Baton: the first touch was due by {due} UTC, and nobody has called.",
        "escalated": f"Baton: nobody has touched this lead, due since {due} UTC. The manager has been told.",
    }
    return f"{texts[step.step]} (version {step.version})"


def _word(order: SlaEvent | AccountAlert, deal: Deal | None, words: Words) -> Action:
    if isinstance(order, SlaEvent):
        return Nothing("no_record") if deal is None else _saying(deal, words, step_text(order))
    return Nothing(UNDELIVERABLE) if deal is None else _saying(deal, words, alert_text(order))


def _withdrawal(order: LeadWithdrawn, deal: Deal | None, words: Words) -> Action:
    if deal is None:
        return Nothing("no_record")
    text = _withdrawal_text(order)
    means = words.means(deal.stage, accepted=True)
    said = _said(deal, words, text)
    if means not in ("offered", "accepted"):
        return Nothing("closed_already") if said else Change(remark=text)
    return Change(close=True, remark=None if said else text)


def _withdrawal_text(order: LeadWithdrawn) -> str:
    if order.stays is None:
        return f"Baton: withdrawn ({order.reason.replace('_', ' ')}). Please do not contact this person about it."
    if order.stays_with is None:
        return f"Baton: merged with {order.stays}, which waits for a rep: they are one person."
    keeps = f"which {order.stays_with} keeps"
    return f"Baton: merged with {order.stays}, {keeps}: they are one person. Please leave it to {order.stays_with}."


def _handover(order: LeadRouted, link: ConnectorLink, deal: Deal, words: Words, owner: str | None) -> Action:
    if owner is None:
        return Nothing("unknown_rep")
    if deal.owner == owner:
        return Nothing("as_wanted") if order.version == 1 else _saying(deal, words, _handover_text(order))
    text = _handover_text(order)
    said = _said(deal, words, text)
    if deal.owner is None and (said or not _is_news(order)):
        return Nothing("people_decided")  # released after all this: that is told, and answered with another version
    if not _free(link, deal, words):
        return Nothing("people_decided")
    return Change(owner=owner, remark=None if said else text)


def _deleted_since(order: LeadRouted, link: ConnectorLink) -> bool:
    """Whether somebody deleted the record, and the order does not know of it yet: that is told as a rejection, and to
    make another record would contradict it."""
    was_made = link.version > 0 and link.record is None and link.seen is None
    return was_made and order.at <= link.at


def _is_news(order: LeadRouted) -> bool:
    """Whether Baton chose the rep for a record that was there already; else it repeats what people or a record say."""
    return order.version > 1 and order.change in ("assigned", "reassigned")


def _free(link: ConnectorLink, deal: Deal, words: Words) -> bool:
    """Whether the record may go to somebody else: it is nobody's, for somebody released it; or it is as we left it, and
    nobody took it on or gave it away."""
    if deal.owner is None:
        return words.means(deal.stage, accepted=True) in ("offered", "accepted")
    left = link.owner if link.seen is not None else deal.owner
    return deal.stage == words.offered and deal.owner == left


def _handover_text(order: LeadRouted) -> str:
    given = {
        "reassigned": "nobody had called",
        "owner_changed": "somebody gave it to them",
        "passed_on": "it was passed on",
    }
    before = f"from {order.previous_rep} " if order.previous_rep else ""
    return f"Baton: {before}to {order.rep}, {given.get(order.change, order.change)}. (version {order.version})"


def _saying(deal: Deal, words: Words, text: str) -> Action:
    return Nothing("said_already") if _said(deal, words, text) else Change(remark=text)


def _said(deal: Deal, words: Words, text: str) -> bool:
    return any(each.text.strip() == text and words.is_program(each.by) for each in deal.remarks)
