"""The account's side of alerts: who is told that an account spiked, at most once in a cool-down (H2).

One writer for each account (or lead without a company) knows who has open handoffs there and when somebody was told
last, so two people who spike in the same minute are one alert. Who has the person's own open handoff comes first; then
who owns the customer, the open opportunity, the account, the person, as the CRM says. Where the one who is told has an
open handoff in the account, the alert names it: there it belongs in the CRM.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from baton_schemas.alerts import AccountAlert, EngagementSpiked, OwnedAs
from baton_schemas.feedback import Notification
from baton_schemas.routing import HandoffHeld
from services.router.announce import company_of
from services.router.occasion import ALERTS, Occasion

DAY_MS = 86_400_000
REPEATS_MS = 7 * DAY_MS
"""How long spikes and reports stay on their topics, so that one may come again."""
MOST_HOLDINGS = 100
FORGET = "forget"
TOLD = "baton_account_alerts_total"


class Holding(msgspec.Struct, array_like=True):
    """An open handoff in the account. `version` orders reports, `handoff_version` is the handoff's own; `rep` None: it
    is over, and known only so that no older report brings it back."""

    lead: str
    version: int
    rep: str | None
    handoff_version: int
    at: int


class AlertState(msgspec.Struct, array_like=True):
    """Handoffs by id, when the last spike that was told happened and until when that is enough, the last events and
    when the last."""

    holdings: dict[str, Holding] = {}
    alerted_at: int | None = None
    quiet_until: int = 0
    marks: list[bytes] = []
    heard_at: int = 0

    def over(self, at: int) -> bool:
        """Whether there is nothing left to remember."""
        open_ones = any(each.rep is not None for each in self.holdings.values())
        return not open_ones and at >= max(self.quiet_until, self.heard_at + REPEATS_MS)


class Recipient(NamedTuple):
    """Who is told, as what, and on which record."""

    rep: str
    owned_as: OwnedAs
    handoff: str | None = None
    holding: Holding | None = None


class Bell:
    """One account on one occasion."""

    def __init__(self, occasion: Occasion, subject: str, state: AlertState) -> None:
        self.subject = subject
        self.state = state
        self.occasion = occasion

    @property
    def over(self) -> bool:
        """Whether the account may be forgotten."""
        return self.state.over(self.occasion.at)

    def hear_holder(self, report: HandoffHeld) -> None:
        """Takes in who has a handoff; an older report changes nothing."""
        state = self.state
        state.heard_at = self.occasion.at
        known = state.holdings.get(report.handoff)
        if known is not None and known.version >= report.version:
            return
        found = Holding(report.lead, report.version, report.rep, report.handoff_version, report.at)
        state.holdings[report.handoff] = found
        if len(state.holdings) > MOST_HOLDINGS:
            del state.holdings[min(state.holdings, key=self._worth)]

    def hear_spike(self, spike: EngagementSpiked, *, erased: bool) -> None:
        """Tells the owner, or counts why nobody is told."""
        state = self.state
        state.heard_at = self.occasion.at
        recipient = recipient_of(state, spike)
        if erased:
            result = "erased"
        elif recipient is None:
            result = "nobody_owns"
        elif is_quiet(state, spike):
            result = "cool_down"
        else:
            result = "told"
            state.alerted_at = spike.at
            state.quiet_until = spike.at + spike.cool_down_days * DAY_MS
            self._tell(spike, recipient)
        self.occasion.observe(TOLD, 1.0, spike.kind, result)

    def set_timer(self) -> None:
        """Looks again when all may be forgotten; while handoffs are open, their end is what comes next."""
        state, due = self.state, None
        if not self.over and not any(each.rep is not None for each in state.holdings.values()):
            due = max(state.quiet_until, state.heard_at + REPEATS_MS)
        self.occasion.timer(ALERTS + self.subject.encode(), FORGET, due)

    def _worth(self, handoff: str) -> tuple[bool, int, str]:
        holding = self.state.holdings[handoff]
        return holding.rep is not None, holding.at, handoff

    def _tell(self, spike: EngagementSpiked, recipient: Recipient) -> None:
        occasion, holding = self.occasion, recipient.holding
        lead = spike.lead if holding is None else holding.lead
        alert = AccountAlert(
            lead=lead,
            handoff=recipient.handoff,
            version=0 if holding is None else holding.handoff_version,
            recipient=recipient.rep,
            owned_as=recipient.owned_as,
            spike=spike,
            at=occasion.at,
            cause=occasion.cause,
        )
        occasion.send("accounts.alerts", lead, alert, f"{self.subject}/alert")
        self._notify(spike, recipient)

    def _notify(self, spike: EngagementSpiked, recipient: Recipient) -> None:
        """Company, grade and points; no name, no address."""
        if spike.kind == "grade":
            what = f"somebody rose from {spike.previous_grade or 'nothing'} to {spike.grade}"
        else:
            what = f"{spike.points or 0:g} points in {spike.within_days} days"
        about = {"account": self.subject, "kind": spike.kind, "handoff": recipient.handoff}
        message = Notification(
            recipient=recipient.rep,
            subject="Your account is active",
            text=f"{company_of(spike.contact)}: {what}.",
            about={name: said for name, said in about.items() if said is not None},
            at=self.occasion.at,
            cause=self.occasion.cause,
        )
        self.occasion.send("notifications", recipient.rep, message, f"{self.subject}/alert")


def is_quiet(state: AlertState, spike: EngagementSpiked) -> bool:
    """Whether an alert was given less than a cool-down ago. The last word counts: a longer cool-down holds from when it
    is in force. A spike from before the last alert is one of those that it told of."""
    return state.alerted_at is not None and spike.at - state.alerted_at < spike.cool_down_days * DAY_MS


def recipient_of(state: AlertState, spike: EngagementSpiked) -> Recipient | None:
    """Whom the spike concerns, or None when nobody owns the lead or the account."""
    leads = {spike.lead, *spike.leads}
    own = _newest(state, lambda holding: holding.lead in leads)
    if own is not None:
        handoff, holding = own
        return Recipient(holding.rep or "", "handoff", handoff, holding)
    found = _owner_of(spike)
    if found is None:
        return None
    rep, owned_as = found
    record = _newest(state, lambda holding: holding.rep == rep)
    return Recipient(rep, owned_as) if record is None else Recipient(rep, owned_as, *record)


def _owner_of(spike: EngagementSpiked) -> tuple[str, OwnedAs] | None:
    """Who owns it as the CRM says, and as what."""
    standing = spike.standing
    owner = (None if standing is None else standing.owner) or spike.owner
    if owner is None:
        return None
    if standing is not None and standing.customer_since is not None:
        return owner, "customer"
    if standing is not None and standing.open_opportunity:
        return owner, "open_opportunity"
    return owner, "account_owner" if standing is not None and standing.owner is not None else "lead_owner"


def _newest(state: AlertState, fits: Callable[[Holding], bool]) -> tuple[str, Holding] | None:
    """The open handoff that fits and was reported last."""
    found = [(each.at, name) for name, each in state.holdings.items() if each.rep is not None and fits(each)]
    return (max(found)[1], state.holdings[max(found)[1]]) if found else None
