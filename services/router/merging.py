"""The conversation between the sides of leads that are one person, so that one open handoff stays (H2).

Who was merged says how each of its handoffs stands, whenever that changes, to the lead it belongs to; that side alone
judges, on its own handoffs as they are and on the others as they were reported last. A verdict answers one version of
a report: who has changed since has reported again, and is judged again. A handoff that was told to close does not count
until it is heard of anew, so two are never closed in favour of each other. Who belongs to somebody else itself passes
reports on, and takes them back when it moves; then everybody reports anew.

`settle` follows every decision on a lead: it compares what is with what was said, and says what is missing.
"""

from __future__ import annotations

from typing import Literal

from baton_schemas.feedback import OutcomeReported
from baton_schemas.routing import MergeRequest, MergeVerdict
from services.router import announce, lead
from services.router.handoff import ACTIVE, Handoff, LeadState
from services.router.merge import Candidate, Kept, Kin, Merge, Reported, Standing, stays
from services.router.occasion import Occasion


def follow(occasion: Occasion, lead_key: str, state: LeadState, into: str | None, since: int) -> None:
    """The lead belongs to `into` from now on, or to itself again (None). An older word than the latest is void."""
    merge = state.merge = state.merge or Merge()
    if since < merge.since:
        return
    merge.since = since
    lead.look_back_later(occasion, lead_key)
    if into in (merge.into, lead_key):
        return
    if merge.into is not None:
        _leave(occasion, lead_key, state, merge, merge.into)
    merge.into = into
    for handoff, kin in merge.kin.items():
        if kin.standing == "open":
            _tell(occasion, handoff, kin, "renew")


def settle(occasion: Occasion, lead_key: str, state: LeadState) -> None:
    """Says what is to be said after a decision on the lead: to whom it belongs, or to those who belong to it."""
    merge = state.merge
    if merge is None:
        return
    if merge.into is not None:
        for handoff in state.handoffs.values():
            _report(occasion, lead_key, merge, merge.into, handoff)
    elif any(kin.standing == "open" for kin in merge.kin.values()):
        _judge(occasion, lead_key, state, merge)
    if state.do_not_contact or state.disqualified is not None:
        reason = "do_not_contact" if state.do_not_contact else "disqualified"
        for name, kin in merge.kin.items():
            if kin.standing == "open" and kin.told != "withdraw":
                _tell(occasion, name, kin, "withdraw", reason=reason)


def hear_report(occasion: Occasion, state: LeadState, report: MergeRequest) -> None:
    """How a handoff stands that belongs to this lead, too. One that is older than what is known is void."""
    if report.handoff in state.handoffs:  # it came round: links that contradict each other can form a ring for a while
        return
    merge = state.merge = state.merge or Merge()
    kin = Kin(
        report.merged,
        report.version,
        report.definition,
        report.standing,
        report.accepted,
        report.opened_at,
        report.rep,
        occasion.at,
    )
    known = merge.kin.get(report.handoff)
    if known is not None and kin.stamp <= known.stamp:
        return
    merge.kin[report.handoff] = kin
    if kin.standing != "open":
        lead.look_back_later(occasion, report.lead)
    if merge.into is not None:
        _pass_on(occasion, merge.into, report.handoff, kin)


def hear_verdict(occasion: Occasion, state: LeadState, verdict: MergeVerdict) -> None:
    """The judge's word on a handoff of ours. One on an older report is void: the newer one is judged, too."""
    merge, handoff = state.merge, state.handoffs.get(verdict.handoff)
    said = None if merge is None else merge.reported.get(verdict.handoff)
    if merge is None or handoff is None or said is None or said.version != verdict.version or said.standing != "open":
        return
    if verdict.kind == "close" and verdict.stays is not None:
        _close(occasion, verdict.lead, merge, handoff, Kept(verdict.stays, verdict.stays_with))
    elif verdict.kind == "withdraw":
        lead.withdraw(occasion, verdict.lead, handoff, verdict.reason or "disqualified")
    elif verdict.kind == "renew":
        said.standing = "left"  # whatever it is now, it is to be said


def open_kin(state: LeadState, definition: str) -> Kin | None:
    """An open handoff of this person under another identity, if there is one that is not about to close (H2)."""
    for kin in () if state.merge is None else state.merge.kin.values():
        if kin.standing == "open" and kin.definition == definition and kin.told in ("", "renew"):
            return kin
    return None


def tell_late(occasion: Occasion, state: LeadState, handoff: Handoff, outcome: OutcomeReported) -> None:
    """Sales did something with a handoff that was closed as merged: whoever keeps the other one should know."""
    kept = None if state.merge is None else state.merge.kept.get(handoff.id)
    if kept is None or outcome.kind == "touched":
        return
    text = (
        f"{outcome.kind.replace('_', ' ')} was reported on handoff {handoff.id}, which was merged with {kept.handoff}: "
        f"they are one person. It changes nothing there; please report it on {kept.handoff} if it is so."
    )
    recipient = kept.rep or outcome.rep
    announce.notify(occasion, handoff, recipient, "late", "Late news of a merged lead", text, urgent=False)


def _judge(occasion: Occasion, lead_key: str, state: LeadState, merge: Merge) -> None:
    """Keeps one of the open handoffs of each definition. What was told to close is as good as closed."""
    own = [handoff for handoff in state.handoffs.values() if handoff.stage in ACTIVE]
    kin = {name: each for name, each in merge.kin.items() if each.standing == "open" and not each.told}
    for definition in sorted({each.definition for each in own} | {each.definition for each in kin.values()}):
        ours = [handoff for handoff in own if handoff.definition == definition]
        theirs = {name: each for name, each in kin.items() if each.definition == definition}
        candidates = [_candidate(lead_key, handoff) for handoff in ours]
        candidates += [
            Candidate(name, each.lead, each.accepted, each.opened_at, each.rep) for name, each in theirs.items()
        ]
        if len(candidates) < 2:
            continue
        best = stays(candidates)
        for handoff in ours:
            if handoff.id != best.handoff:
                _close(occasion, lead_key, merge, handoff, Kept(best.handoff, best.rep))
        for name, each in theirs.items():
            if name != best.handoff:
                _tell(occasion, name, each, "close", best)


def _close(occasion: Occasion, lead_key: str, merge: Merge, handoff: Handoff, kept: Kept) -> None:
    merge.kept[handoff.id] = kept
    lead.withdraw(occasion, lead_key, handoff, "merged", merge.into, kept)


def _candidate(lead_key: str, handoff: Handoff) -> Candidate:
    owner = None if handoff.owner is None else handoff.owner.rep
    return Candidate(handoff.id, lead_key, _is_accepted(handoff), handoff.qualified_at, owner)


def _is_accepted(handoff: Handoff) -> bool:
    """Whether a rep has taken it on; who reopened it has, too, and so has who qualified it for the seller."""
    taken_on = handoff.is_deal or handoff.stage not in ("open", "touched")
    return handoff.stage in ACTIVE and taken_on


def _report(occasion: Occasion, lead_key: str, merge: Merge, to: str, handoff: Handoff) -> None:
    """Says how a handoff of ours stands, if that is news. One that is over and was never open there is none."""
    said = merge.reported.get(handoff.id)
    rep = None if handoff.owner is None else handoff.owner.rep
    standing: Standing = "open" if handoff.stage in ACTIVE else "closed"
    now = Reported(0 if said is None else said.version, standing, _is_accepted(handoff), rep)
    if said == now or (standing == "closed" and (said is None or said.standing == "closed")):
        return
    now.version += 1
    merge.reported[handoff.id] = now
    _send(occasion, to, lead_key, handoff.id, _kin_of(lead_key, handoff, now, occasion.at))


def _leave(occasion: Occasion, lead_key: str, state: LeadState, merge: Merge, old: str) -> None:
    """What was reported to `old` belongs there no more, nor do its verdicts count."""
    for name, said in merge.reported.items():
        handoff = state.handoffs.get(name)
        if said.standing == "open" and handoff is not None:
            said.version += 1
            said.standing = "left"
            _send(occasion, old, lead_key, name, _kin_of(lead_key, handoff, said, occasion.at))
    for name, kin in merge.kin.items():
        if kin.standing == "open":
            gone = Kin(kin.lead, kin.version, kin.definition, "left", False, kin.opened_at, None, kin.at)
            _pass_on(occasion, old, name, gone)


def _kin_of(lead_key: str, handoff: Handoff, said: Reported, at: int) -> Kin:
    return Kin(
        lead_key,
        said.version,
        handoff.definition,
        said.standing,
        said.accepted,
        handoff.qualified_at,
        said.rep,
        at,
    )


def _pass_on(occasion: Occasion, to: str, name: str, kin: Kin) -> None:
    _send(occasion, to, kin.lead, name, kin)


def _send(occasion: Occasion, to: str, merged: str, name: str, kin: Kin) -> None:
    message = MergeRequest(
        lead=to,
        merged=merged,
        handoff=name,
        version=kin.version,
        definition=kin.definition,
        standing=kin.standing,
        accepted=kin.accepted,
        opened_at=kin.opened_at,
        rep=kin.rep,
        at=occasion.at,
    )
    occasion.send("routing.replies", to, message, f"{to}/{name}/{kin.version}/{kin.standing}")


def _tell(
    occasion: Occasion,
    name: str,
    kin: Kin,
    kind: Literal["close", "withdraw", "renew"],
    best: Candidate | None = None,
    reason: str | None = None,
) -> None:
    kin.told = kind
    message = MergeVerdict(
        lead=kin.lead,
        handoff=name,
        version=kin.version,
        kind=kind,
        stays=None if best is None else best.handoff,
        stays_with=None if best is None else best.rep,
        reason=reason,
        at=occasion.at,
    )
    occasion.send("routing.replies", kin.lead, message, f"{name}/{kin.version}/{kind}")
