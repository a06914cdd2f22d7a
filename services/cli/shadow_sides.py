"""The two sides of a comparison in shadow: what Baton decided of each lead, and what the CRM's people did. Pure.

Both are read from topics alone, in any order; what is sent twice counts once, and whom we were asked to forget is left
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from baton_schemas.configuration import ErasureRequested
from baton_schemas.crm import DealFacts
from baton_schemas.identity import IdentityLinked
from baton_schemas.leads import LeadQualified, LeadScored, LeadWithdrawn
from baton_schemas.routing import LeadRouted, LeadUnrouted
from services.cli.story import contract_of
from services.runtime.record import LogRecord
from services.shadow.lead import key_of

TOPICS = (
    "privacy.erasures", "engagement.linked", "leads.scored", "leads.qualified", "leads.routed", "leads.unrouted",
    "crm.actual",
)  # fmt: skip
_MOST_HOPS = 8


@dataclass(slots=True)
class Decided:
    """One handoff as Baton decided it. `routed` is the first rep's: later ones follow from nobody having been told."""

    qualified: LeadQualified
    routed: LeadRouted | None = None
    unrouted: LeadUnrouted | None = None
    withdrawn: LeadWithdrawn | None = None


@dataclass(slots=True)
class Sides:
    """Takes the records of TOPICS. `team_of` says which team a rep is in."""

    team_of: Mapping[str, str] = field(default_factory=dict)
    scored: dict[str, LeadScored] = field(default_factory=dict)
    deals: dict[str, DealFacts] = field(default_factory=dict)
    _qualified: dict[str, LeadQualified] = field(default_factory=dict)
    _routed: dict[str, LeadRouted] = field(default_factory=dict)
    _unrouted: dict[str, LeadUnrouted] = field(default_factory=dict)
    _withdrawn: dict[str, LeadWithdrawn] = field(default_factory=dict)
    _links: dict[str, IdentityLinked] = field(default_factory=dict)
    _erased: dict[str, int] = field(default_factory=dict)

    def take(self, record: LogRecord) -> None:
        """One record; one that holds nothing known says nothing."""
        match contract_of(record):
            case DealFacts() as deal:
                known = self.deals.get(key_of(deal))
                if known is None or deal.at >= known.at:
                    self.deals[key_of(deal)] = deal
            case LeadScored() as data:
                self.scored[data.lead] = data
            case IdentityLinked() as data:
                link = self._links.get(data.person)
                if link is None or (data.at, data.cause) >= (link.at, link.cause):
                    self._links[data.person] = data
            case ErasureRequested() as data:
                self._erased[data.person] = max(data.at, self._erased.get(data.person, data.at))
            case LeadQualified() | LeadRouted() | LeadUnrouted() | LeadWithdrawn() as data:
                self._decision(data)
            case _:
                pass

    def _decision(self, data: LeadQualified | LeadRouted | LeadUnrouted | LeadWithdrawn) -> None:
        match data:
            case LeadQualified():
                self._qualified.setdefault(data.handoff, data)
            case LeadRouted():
                first = self._routed.get(data.handoff)
                if first is None or data.version < first.version:
                    self._routed[data.handoff] = data
            case LeadUnrouted():
                latest = self._unrouted.get(data.handoff)
                if latest is None or (data.version, data.at) >= (latest.version, latest.at):
                    self._unrouted[data.handoff] = data
            case LeadWithdrawn():
                self._withdrawn.setdefault(data.handoff, data)

    def lead_of(self, person: str) -> str:
        """The lead that a person of the CRM is: itself, or what it was linked to."""
        for _ in range(_MOST_HOPS):
            link = self._links.get(person)
            if link is None or link.root is None or link.root == person:
                break
            person = link.root
        return person

    def decided(self) -> dict[str, list[Decided]]:
        """Handoffs by lead, in the order in which they qualified."""
        by_lead: dict[str, list[Decided]] = {}
        for handoff, qualified in self._qualified.items():
            if not self._forgotten(qualified.lead, qualified.at):
                one = Decided(
                    qualified, self._routed.get(handoff), self._unrouted.get(handoff), self._withdrawn.get(handoff)
                )
                by_lead.setdefault(qualified.lead, []).append(one)
        for several in by_lead.values():
            several.sort(key=lambda one: (one.qualified.at, one.qualified.handoff))
        return by_lead

    def worked(self) -> dict[str, list[DealFacts]]:
        """Deals by lead."""
        by_lead: dict[str, list[DealFacts]] = {}
        for deal in self.deals.values():
            lead = self.lead_of(deal.person)
            if not (self._forgotten(lead, deal.created_at) or self._forgotten(deal.person, deal.created_at)):
                by_lead.setdefault(lead, []).append(deal)
        return by_lead

    def _forgotten(self, person: str, at: int) -> bool:
        return at <= self._erased.get(person, at - 1)
