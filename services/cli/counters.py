"""The counters beneath the life: a fold over what is on the topics, repeats counted once. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from baton_schemas.catalogue import DEAD_SUFFIX
from baton_schemas.contract import Contract
from baton_schemas.feedback import ChangeNotice, OutcomeReported
from baton_schemas.leads import LeadQualified, LeadWithdrawn
from baton_schemas.routing import LeadRouted, LeadUnrouted, SlaEvent

COUNTED = (
    "engagement.events", "leads.qualified", "leads.routed", "leads.unrouted", "sla.events", "feedback.events",
    "leads.recycled", "scoring.notices",
)  # fmt: skip


@dataclass(slots=True)
class Counters:
    """How far the system is. Sets hold handoffs."""

    events: int = 0
    dead_letters: int = 0
    qualified: set[str] = field(default_factory=set)
    routed: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    unrouted: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    in_time: set[str] = field(default_factory=set)
    breached: set[str] = field(default_factory=set)
    reassigned: set[tuple[str, int]] = field(default_factory=set)
    won: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)
    models: dict[str, int] = field(default_factory=dict)

    def take(self, topic: str, data: Contract | None) -> None:
        """One record of `topic` (catalogue name), with the contract in it unless it is an engagement event."""
        if topic.endswith(DEAD_SUFFIX):
            self.dead_letters += 1
        elif topic == "engagement.events":
            self.events += 1
        elif isinstance(data, LeadQualified):
            self.qualified.add(data.handoff)
        elif isinstance(data, LeadRouted):
            self._routed(data)
        elif isinstance(data, LeadUnrouted):
            (self.waiting if data.waiting else self.unrouted).add(data.handoff)
        elif isinstance(data, LeadWithdrawn) and data.ends:
            self.withdrawn.add(data.handoff)
            self.waiting.discard(data.handoff)
        elif isinstance(data, SlaEvent):
            self._step(data)
        elif isinstance(data, OutcomeReported):
            self._outcome(data)
        elif isinstance(data, ChangeNotice):
            self.models[data.definition] = max(data.version, self.models.get(data.definition, 0))

    def shown(self) -> list[tuple[str, int]]:
        """Names and numbers in the order in which they are shown."""
        return [
            ("events", self.events),
            ("qualified", len(self.qualified)),
            ("routed", len(self.routed)),
            ("waiting", len(self.waiting)),
            ("unrouted", len(self.unrouted)),
            ("in time", len(self.in_time)),
            ("breached", len(self.breached)),
            ("reassigned", len(self.reassigned)),
            ("won", len(self.won)),
            ("lost", len(self.lost)),
            ("rejected", len(self.rejected)),
            ("withdrawn", len(self.withdrawn)),
            ("dead letters", self.dead_letters),
            ("model", max(self.models.values(), default=0)),
        ]

    def _routed(self, data: LeadRouted) -> None:
        self.routed.add(data.handoff)
        self.waiting.discard(data.handoff)
        if data.change == "reassigned":
            self.reassigned.add((data.handoff, data.version))

    def _step(self, data: SlaEvent) -> None:
        if data.clock != "first_touch":
            return
        if data.step == "met" and data.handoff not in self.breached:
            self.in_time.add(data.handoff)
        elif data.step == "breached":
            self.breached.add(data.handoff)

    def _outcome(self, data: OutcomeReported) -> None:
        kinds = {"won": self.won, "lost": self.lost, "rejected": self.rejected}
        if data.kind in kinds:
            kinds[data.kind].add(data.handoff)
