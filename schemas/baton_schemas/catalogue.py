"""Every topic, declared once: name, key, cleanup, retention, size limit and the contracts it carries.

`baton topics apply` creates exactly these (and a `.dead` topic for each input); nothing is auto-created.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from baton_schemas import (
    accounts,
    alerts,
    backfill,
    configuration,
    connectors,
    crm,
    engagement,
    feedback,
    identity,
    leads,
    routing,
)
from baton_schemas.contract import Contract

DAY_MS = 86_400_000
MIB = 1 << 20
DEAD_SUFFIX = ".dead"
SHADOW_SUFFIX = ".shadow"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `partitions` None means the shared number (a setting); retention None means for ever.

    `outside`: the company writes it, whatever installations of Baton read it. `shadow_only`: there is none unless Baton
    runs in shadow, beside the CRM. `bulk`: its readers take it in only while their other inputs are less than a second
    behind, and no timer waits for it.
    """

    name: str
    key: str
    records: tuple[type[Contract], ...]
    cleanup: Literal["delete", "compact"] = "delete"
    retention_ms: int | None = 90 * DAY_MS
    partitions: int | None = None
    max_message_bytes: int = MIB
    internal: bool = False
    outside: bool = False
    shadow_only: bool = False
    bulk: bool = False

    @property
    def dead(self) -> str:
        """Where records of this topic go that can't be used."""
        return self.name + DEAD_SUFFIX


def _compacted(
    name: str,
    key: str,
    *records: type[Contract],
    partitions: int | None = None,
    internal: bool = False,
    outside: bool = False,
) -> Topic:
    return Topic(name, key, records, "compact", None, partitions, internal=internal, outside=outside)


_ALL = (
    Topic(
        "engagement.events",
        "person",
        (
            engagement.EngagementRecorded,
            engagement.PersonIdentified,
            engagement.AccountIdentified,
            engagement.PersonAliased,
            engagement.PersonUnlinked,
            engagement.PersonDisqualified,
        ),
        max_message_bytes=3 * MIB,
        outside=True,
    ),
    Topic(
        "engagement.bulk",
        "person",
        (
            backfill.DayBackfilled,
            engagement.PersonIdentified,
            engagement.AccountIdentified,
            engagement.PersonAliased,
            engagement.PersonUnlinked,
            engagement.PersonDisqualified,
        ),
        outside=True,
        bulk=True,
    ),
    Topic(
        "engagement.linked",
        "person",
        (
            identity.IdentityLinked,
            identity.LedgerPublished,
            identity.IdentityStopped,
            identity.LedgerRecounted,
            feedback.LeadRecycled,
            engagement.EngagementRecorded,
            engagement.PersonIdentified,
            engagement.AccountIdentified,
            engagement.PersonAliased,
            engagement.PersonUnlinked,
            engagement.PersonDisqualified,
        ),
        retention_ms=7 * DAY_MS,
        internal=True,
    ),
    Topic(
        "accounts.members",
        "account",
        (accounts.MemberChanged, alerts.MemberEngaged),
        retention_ms=7 * DAY_MS,
        internal=True,
    ),
    Topic(
        "accounts.signals",
        "person",
        (accounts.AccountSignal, alerts.AccountSpiked),
        retention_ms=7 * DAY_MS,
        internal=True,
    ),
    Topic("accounts.spikes", "account or lead", (alerts.EngagementSpiked,), retention_ms=7 * DAY_MS, internal=True),
    Topic("accounts.alerts", "lead", (alerts.AccountAlert,)),
    _compacted("leads.scored", "lead", leads.LeadScored),
    Topic("leads.qualified", "lead", (leads.LeadQualified, leads.LeadWithdrawn, leads.LeadUnmerged)),
    Topic(
        "routing.requests",
        "team or account",
        (routing.AssignRequest, routing.ReleaseRequest, routing.PressureRequest, routing.HandoffHeld),
        retention_ms=7 * DAY_MS,
        internal=True,
    ),
    Topic(
        "routing.replies",
        "lead",
        (routing.RoutingReply, routing.PressureReply, routing.MergeRequest, routing.MergeVerdict),
        retention_ms=7 * DAY_MS,
        internal=True,
    ),
    Topic("leads.routed", "lead", (routing.LeadRouted, leads.LeadWithdrawn, routing.LeadHandedOver)),
    Topic("leads.unrouted", "lead", (routing.LeadUnrouted,)),
    Topic("sla.events", "lead", (routing.SlaEvent,)),
    Topic("feedback.events", "lead", (feedback.OutcomeReported, feedback.InsightReported), max_message_bytes=3 * MIB),
    _compacted("crm.facts", "account or person", crm.AccountFacts, crm.PersonFacts),
    Topic("crm.actual", "person", (crm.DealFacts,), shadow_only=True),
    _compacted(
        "connectors.links",
        "connector and handoff",
        connectors.ConnectorLink,
        connectors.ConnectorCursor,
        connectors.ConnectorFact,
        connectors.ConnectorWaiting,
        connectors.ConnectorEndpoint,
        connectors.ConnectorFile,
        internal=True,
    ),
    Topic("leads.recycled", "lead", (feedback.LeadRecycled,)),
    Topic("feedback.insights", "lead", (feedback.InsightReported,)),
    Topic("notifications", "recipient", (feedback.Notification,), retention_ms=30 * DAY_MS),
    Topic("feedback.labels", "definition", (feedback.OutcomeLabelled,), retention_ms=365 * DAY_MS, internal=True),
    _compacted("scoring.models", "definition", feedback.ModelPublished, partitions=1),
    Topic("scoring.notices", "definition", (feedback.ChangeNotice,)),
    _compacted(
        "baton.config",
        "kind/name",
        configuration.ConfigItem,
        configuration.ConfigManifest,
        configuration.DefinitionProposed,
        configuration.DefinitionRecorded,
        configuration.DefinitionComing,
        partitions=1,
    ),
    _compacted("baton.skips", "position", configuration.SkipRequested, partitions=1),
    _compacted("privacy.erasures", "person", configuration.ErasureRequested, partitions=1, outside=True),
)

TOPICS: dict[str, Topic] = {topic.name: topic for topic in _ALL}

OUTSIDE = frozenset(topic.name for topic in _ALL if topic.outside)
"""What an installation in shadow reads under its own name: what people do, and whom to forget. All else it writes
itself, its CRM side included, so it shares nothing with an installation beside it."""

CONTRACTS: dict[str, type[Contract]] = {model.TYPE: model for topic in _ALL for model in topic.records}
"""Every contract by its CloudEvents type."""


def dead_topic(topic: Topic) -> Topic:
    """The dead-letter topic of an input: same key, room for the original bytes plus the reason."""
    return Topic(
        topic.dead,
        topic.key,
        (),
        retention_ms=topic.retention_ms or 90 * DAY_MS,
        max_message_bytes=topic.max_message_bytes + MIB,
        shadow_only=topic.shadow_only,
    )
