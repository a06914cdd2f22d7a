"""Lead by lead: what Baton would have done, what the CRM's people did, where the two differ and why. Pure.

Each handoff that Baton decided is one line, with the deals that answer it (`services.shadow.pairing`); each deal that
answers none is one line of its own. `standing` says which of both there is, and exactly one applies:

both         Baton qualified the lead, and the CRM has a deal
missed       Baton qualified the lead, its time is over, and nobody worked on it
waiting      Baton qualified the lead, and there is time left
withdrawn    Baton would have taken it back, and nobody worked on it
not_given    Baton would have given it to nobody new (a customer, an open deal, nobody free), and nobody worked on it
only_crm     people worked on somebody whom Baton had not qualified
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from baton_schemas.crm import DealFacts
from baton_schemas.leads import LeadScored
from baton_schemas.routing import LeadRouted
from services.cli.shadow_sides import Decided, Sides
from services.cli.shadow_words import (
    gap,
    in_spite_of,
    late,
    missed,
    not_qualified,
    other_owner,
    untouched,
    withdrawal,
)
from services.shadow.lead import CLOSED, key_of
from services.shadow.pairing import Span, paired

Standing = Literal["both", "missed", "waiting", "withdrawn", "not_given", "only_crm"]
DifferenceKind = Literal[
    "owner", "late", "untouched", "missed", "not_qualified", "unknown", "withdrawn", "not_given", "earlier"
]
Owner = Literal["same", "same_team", "other_team", "no_rep", "nobody"]
Touch = Literal["in_time", "late", "never", "open", "not_noted"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which both sides differ, and why, in words."""

    kind: DifferenceKind
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: Baton's decision, the deal (the first, where several answer it), and the differences. `touch` and
    `owner` are None where there is nothing to judge; `delay` and `allowed` are ms from the qualification on."""

    lead: str
    standing: Standing
    decided: Decided | None
    deal: DealFacts | None
    others: tuple[DealFacts, ...] = ()
    differences: tuple[Difference, ...] = ()
    touch: Touch | None = None
    owner: Owner | None = None
    delay: int | None = None
    allowed: int | None = None

    @property
    def at(self) -> int:
        """When the line begins: with the qualification, else with the deal."""
        if self.decided is not None:
            return self.decided.qualified.at
        assert self.deal is not None  # noqa: S101  a line has one of the two
        return self.deal.created_at


def compare(sides: Sides, *, now: int, since: int) -> list[Entry]:
    """All lines that begin at `since` or later, the oldest first; `now` tells what is over (both Baton ms)."""
    decided, worked = sides.decided(), sides.worked()
    entries: list[Entry] = []
    for lead in sorted(decided.keys() | worked.keys()):
        entries += _of_lead(lead, decided.get(lead, []), worked.get(lead, []), sides, now)
    return sorted((each for each in entries if each.at >= since), key=lambda each: (each.at, each.lead))


def _of_lead(
    lead: str, decided: Sequence[Decided], deals: Sequence[DealFacts], sides: Sides, now: int
) -> Iterator[Entry]:
    by_key = {key_of(deal): deal for deal in deals}
    spans = [(key, Span(deal.created_at, deal.closed_at)) for key, deal in by_key.items()]
    answers, apart = paired(((one.qualified.handoff, one.qualified.at) for one in decided), spans)
    for one in decided:
        answering = [by_key[key] for key in answers[one.qualified.handoff]]
        yield _worked(one, answering, sides, now) if answering else _unworked(one, now)
    for key in apart:
        yield _apart(lead, by_key[key], sides.scored.get(lead), qualified=bool(decided))


def _worked(one: Decided, deals: Sequence[DealFacts], sides: Sides, now: int) -> Entry:
    """Both sides have it."""
    deal, qualified = deals[0], one.qualified
    found: list[Difference] = []
    owner, touch, delay, allowed = None, None, None, None
    if deal.created_at < qualified.at:
        found.append(Difference("earlier", f"the CRM was {gap(qualified.at - deal.created_at)} earlier"))
    if one.withdrawn is not None:
        if not (deal.stage == "won" and one.withdrawn.reason == "customer"):  # a customer because of this very deal
            found.append(Difference("withdrawn", withdrawal(one.withdrawn, deal)))
    elif one.routed is None:
        found.append(Difference("not_given", in_spite_of(one)))
    if one.routed is not None:
        owner = _owner(one.routed, deal, sides)
        if owner != "same":
            found.append(Difference("owner", other_owner(one.routed, deal, sides.team_of)))
        touch, delay = _touch(one.routed, deal, now) if _should_call(one, one.routed, deal) else (None, None)
        allowed = one.routed.clock.due_at - qualified.at
        if touch == "late":
            found.append(Difference("late", late(one.routed.clock, one.qualified.at + (delay or 0))))
        elif touch == "never":
            found.append(Difference("untouched", untouched(one.routed.clock, now)))
    return Entry(
        qualified.lead, "both", one, deal, tuple(deals[1:]), tuple(found), touch, owner, delay, allowed
    )  # fmt: skip


def _owner(routed: LeadRouted, deal: DealFacts, sides: Sides) -> Owner:
    if deal.owner is None:
        return "nobody"
    if deal.owner == routed.rep:
        return "same"
    team = sides.team_of.get(deal.owner)
    return "no_rep" if team is None else "same_team" if team == routed.team else "other_team"


def _should_call(one: Decided, routed: LeadRouted, deal: DealFacts) -> bool:
    """Whether there was a first touch to make: not where Baton would have called the rep back before it was due."""
    if one.withdrawn is None or one.withdrawn.at >= routed.clock.due_at:
        return True
    return deal.first_touch_at is not None and deal.first_touch_at <= one.withdrawn.at


def _touch(routed: LeadRouted, deal: DealFacts, now: int) -> tuple[Touch, int | None]:
    """How the real first touch stands to Baton's clock. A deal that went on was touched, even if nobody noted when."""
    due, touched = routed.clock.due_at, deal.first_touch_at
    if touched is not None:
        return ("in_time" if touched <= due else "late"), max(0, touched - routed.qualified.at)
    if now <= due and deal.stage not in CLOSED:
        return "open", None
    went_on = deal.stage in ("accepted", "opportunity", "won")
    return ("not_noted" if went_on or not deal.touch_known else "never"), None


def _unworked(one: Decided, now: int) -> Entry:
    """Baton qualified it, the CRM does not have it."""
    qualified, routed = one.qualified, one.routed
    if one.withdrawn is not None:
        return Entry(qualified.lead, "withdrawn", one, None)
    if routed is None:
        placed = one.unrouted is not None
        return Entry(qualified.lead, "not_given" if placed else "waiting", one, None)
    allowed = routed.clock.due_at - qualified.at
    if now <= routed.clock.due_at:
        return Entry(qualified.lead, "waiting", one, None, touch="open", allowed=allowed)
    why = Difference("missed", missed(routed))
    return Entry(qualified.lead, "missed", one, None, (), (why,), touch="never", allowed=allowed)


def _apart(lead: str, deal: DealFacts, scored: LeadScored | None, *, qualified: bool) -> Entry:
    """The CRM has it, Baton gave nobody a handoff for it."""
    kind: DifferenceKind = "unknown" if scored is None and not qualified else "not_qualified"
    return Entry(
        lead, "only_crm", None, deal, (), (Difference(kind, not_qualified(scored, qualified=qualified)),)
    )  # fmt: skip
