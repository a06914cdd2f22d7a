"""Between the lead's side and the team's side of the router, and what comes out: a rep, with the reasons."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from baton_schemas.contract import Contract, Count, Name, Part, Text, Time
from baton_schemas.leads import LeadQualified


class AssignRequest(Contract):
    """The lead's side asks the team (the record's key) for a rep, for one version of one handoff."""

    TYPE: ClassVar[str] = "baton.routing.assign.v1"

    handoff: Name
    version: Count
    lead: Name
    team: Name
    pool: Name
    territory: Name
    tier: Name
    preferred: Name | None = Field(default=None, description="existing owner, asked first (H2)")
    excluded: list[Name] = Field(default=[], description="reps who had it already: never assigned back (H1)")
    charged: Name | None = Field(
        default=None, description="a person gave it to this rep: charge the turn, do not choose"
    )
    at: Time


class ReleaseRequest(Contract):
    """Gives back what a version of a handoff holds at the team: capacity, and the turn when `refund`."""

    TYPE: ClassVar[str] = "baton.routing.release.v1"

    handoff: Name
    version: Count
    lead: Name
    team: Name
    refund: bool
    reason: Name
    at: Time


class PassedOver(Part):
    """A rep who was looked at and not chosen, and why."""

    rep: Name
    reason: Name
    detail: Text | None = None


class RoutingReply(Contract):
    """The team's answer. `rep` None with status waiting or refused: nobody could take it, for the reasons listed."""

    TYPE: ClassVar[str] = "baton.routing.reply.v1"

    handoff: Name
    version: Count
    lead: Name
    team: Name
    pool: Name
    status: Literal["assigned", "waiting", "refused"]
    rep: Name | None = None
    reason: Name
    passed_over: list[PassedOver] = []
    turn: dict[str, float] = Field(default={}, description="each rep's place in the rotation when this was decided")
    at: Time


class PressureRequest(Contract):
    """The lead's side asks the account (the record's key) for a place under the contact-pressure limit, for one version
    of a handoff. `take`: may it be opened now? `count`: a person opened it, it counts whatever the limit says.
    `give_back`: it holds, or waits for, its place no more."""

    TYPE: ClassVar[str] = "baton.pressure.request.v1"

    account: Name
    handoff: Name
    version: Count
    lead: Name
    kind: Literal["take", "count", "give_back"]
    territory: Name
    tier: Name
    at: Time


class PressureReply(Contract):
    """The account's answer. `waiting`: too many of its people were given to sales lately; `granted` comes by itself.
    `refused`: so many wait that no more are kept; ask again later. `until` is when it may go on at the earliest."""

    TYPE: ClassVar[str] = "baton.pressure.reply.v1"

    account: Name
    handoff: Name
    version: Count
    lead: Name
    status: Literal["granted", "waiting", "refused"]
    until: Time | None = None
    at: Time


class HandoffHeld(Contract):
    """The lead's side says who has an open handoff (`rep` None: nobody any more), to the account (the record's key; the
    lead where no company is known): an alert on the account belongs on it. The highest version counts."""

    TYPE: ClassVar[str] = "baton.routing.held.v1"

    account: Name
    lead: Name
    handoff: Name
    version: Count
    rep: Name | None = None
    handoff_version: Count
    at: Time


class MergeRequest(Contract):
    """The side of a lead that was merged into another says how one of its handoffs stands, to the side of the one that
    it belongs to (`lead`, the record's key), which judges whose handoff stays. Sent anew, with version + 1, whenever
    `standing`, `accepted` or `rep` changes; the highest version counts. `left`: it belongs elsewhere now."""

    TYPE: ClassVar[str] = "baton.routing.merge.v1"

    lead: Name
    merged: Name
    handoff: Name
    version: Count
    definition: Name
    standing: Literal["open", "closed", "left"]
    accepted: bool = False
    opened_at: Time
    rep: Name | None = None
    at: Time


class MergeVerdict(Contract):
    """The answer to one version of a MergeRequest; to an older one it is void. `close`: two people are one, and
    `stays`, which `stays_with` has, is the handoff that is kept. `withdraw`: the person is no lead any more, for
    `reason`. `renew`: somebody else judges now, say again how it stands."""

    TYPE: ClassVar[str] = "baton.routing.merged.v1"

    lead: Name
    handoff: Name
    version: Count
    kind: Literal["close", "withdraw", "renew"]
    stays: Name | None = None
    stays_with: Name | None = None
    reason: Name | None = None
    at: Time


class TerritoryMatch(Part):
    """Which territory took the lead, and which less specific ones matched too."""

    territory: Name
    matched_on: list[Name]
    passed_over: list[Name] = []


class Clock(Part):
    """The first-touch clock of a handoff: it goes on through reassignments."""

    policy: Name
    calendar: Name
    started_at: Time
    warn_at: Time | None = None
    due_at: Time
    reassign_at: Time | None = None


class Decision(Part):
    """Why this rep and not that one, with the versions that judged."""

    reason: Name
    match: TerritoryMatch | None = None
    passed_over: list[PassedOver] = []
    turn: dict[str, float] = {}
    config_set: Name


SalesStage = Literal["qualify", "sell"]
"""Where sales works in two stages: a BDR qualifies, an AE sells. Absent: one stage, the same rep does both."""


class LeadRouted(Contract):
    """A rep has the lead. The highest version of a handoff counts; connectors refuse older ones."""

    TYPE: ClassVar[str] = "baton.lead.routed.v1"

    lead: Name
    handoff: Name
    version: Count
    change: Literal["assigned", "reassigned", "owner_changed", "passed_on", "merged"]
    rep: Name
    previous_rep: Name | None = None
    team: Name
    pool: Name
    clock: Clock
    decision: Decision
    qualified: LeadQualified
    stage: SalesStage | None = None
    at: Time
    cause: Name


class LeadHandedOver(Contract):
    """With two stages: sales has qualified the lead, so its `qualify` handoff is over, and the `sell` handoff `to` was
    opened in the same decision. Sent on leads.routed; no later version of the first follows."""

    TYPE: ClassVar[str] = "baton.lead.handedover.v1"

    lead: Name
    handoff: Name
    version: Count
    to: Name = Field(description="the handoff that goes on with the lead")
    rep: Name | None = Field(default=None, description="who qualified it")
    at: Time
    cause: Name


class LeadUnrouted(Contract):
    """Nobody could take the lead, and why; a person has to look. `waiting` ones are tried again by themselves."""

    TYPE: ClassVar[str] = "baton.lead.unrouted.v1"

    lead: Name
    handoff: Name
    version: Count
    reason: Name
    detail: Text
    waiting: bool
    tell: Name | None = Field(default=None, description="owner who is told instead of a new handoff (H2)")
    passed_over: list[PassedOver] = []
    config_set: Name
    at: Time
    cause: Name


ClockKind = Literal["first_touch", "disposition"]


class SlaEvent(Contract):
    """One step of one of a handoff's clocks. `first_touch`: until somebody touches the lead; it runs once.
    `disposition`: until whoever accepted the lead says more of it; it starts anew with every sign of life, so it may
    be met and started many times."""

    TYPE: ClassVar[str] = "baton.sla.step.v1"

    lead: Name
    handoff: Name
    version: Count
    step: Literal["started", "warned", "breached", "reassigned", "escalated", "met", "closed", "skipped"]
    rep: Name | None = None
    tier: Name
    territory: Name
    due_at: Time
    elapsed_s: float = Field(default=0, description="business seconds since the clock started")
    reason: Name | None = None
    clock: ClockKind = "first_touch"
    stage: SalesStage | None = None
    at: Time
    cause: Name
