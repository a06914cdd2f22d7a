"""Builds what feedback lives on: a signed agreement, handoffs, answers of sales; and runs them on the memory engine."""

from __future__ import annotations

from typing import Any

import yaml

from baton_schemas.catalogue import CONTRACTS
from baton_schemas.configuration import MANIFEST_KEY, ConfigItem, ConfigKind, ConfigManifest, ManifestEntry
from baton_schemas.contract import Contract
from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.reasons import Reasons
from baton_schemas.documents.signing import content_digest
from baton_schemas.envelope import envelop, from_record
from baton_schemas.feedback import OutcomeKind, OutcomeReported
from baton_schemas.leads import Contact, Dossier, LeadQualified, LedgerLine, Versions
from baton_schemas.routing import Clock, Decision, LeadRouted
from services.feedback.processors import FeedbackProcessor
from services.runtime.clock import ManualClock
from services.runtime.config_set import digest_of, set_id_of
from services.runtime.documents import parse
from services.runtime.memory import Faults, MemoryEngine
from services.runtime.record import LogRecord
from tests.signing import SIGNERS, signed

NOW = 1_772_443_800_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
LEAD = "k1.00000000000000000000000000000001"

REASONS: dict[str, Any] = {
    "reasons": [
        {
            "code": "not_now",
            "label": "Not now",
            "applies_to": ["rejected", "lost"],
            "fault": "timing",
            "learning": "bad",
            "recycle": True,
            "cool_down_days": 90,
            "nurture": "Case studies",
        },
        {"code": "not_a_fit", "label": "No fit", "applies_to": ["rejected"], "fault": "fit", "learning": "bad"},
        {"code": "bad_data", "label": "Bad data", "applies_to": ["rejected"], "fault": "data", "learning": "none"},
        {"code": "price", "label": "Price", "applies_to": ["lost"], "fault": "competition", "learning": "good"},
    ]
}


def definition(
    points: dict[str, float] | None = None, *, cool_downs: dict[str, int] | None = None, **learning: Any
) -> LeadDefinition:
    """A definition over criteria with `points`, signed by both teams."""
    document: dict[str, Any] = {
        "name": "b2b",
        "version": 1,
        "fit": [
            {"id": name, "label": f"Has {name}", "points": given, "when": {"trait": name, "exists": True}}
            for name, given in (points or {"director": 10, "pricing": 8, "student": -10}).items()
        ],
        "engagement": [{"id": "visit", "label": "Visits", "action": "page_viewed", "points": 1}],
        "thresholds": {"enter": 20, "exit": 10},
        "grades": {"fit": {"A": 30, "B": 20, "C": 10}, "engagement": {"1": 30, "2": 20, "3": 10}},
        "tiers": [{"name": "hot", "grades": ["A1"]}],
        "points_to_double_odds": 10,
        "learning": learning,
        "cool_downs": cool_downs or {},
    }
    return parse(LeadDefinition, signed(yaml_of(LeadDefinition.model_validate(document))), "definition")


def yaml_of(document: LeadDefinition | Reasons) -> str:
    """A document as people write it."""
    text: str = yaml.safe_dump(document.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=False)
    return text


def reasons() -> Reasons:
    """The small catalogue of these tests."""
    return Reasons.model_validate(REASONS)


class Story:
    """A memory engine with feedback on it, and short words for what happens in a company."""

    def __init__(
        self,
        agreed: LeadDefinition | None = None,
        *,
        seed: int = 0,
        faults: Faults | None = None,
        configured: bool = True,
        max_batch: int = 100,
    ) -> None:
        self.definition = agreed or definition()
        self.clock = ManualClock(NOW)
        self.engine = MemoryEngine(
            [FeedbackProcessor()], clock=self.clock, partitions=2, seed=seed, faults=faults, max_batch=max_batch
        )
        self._ids = 0
        if configured:
            self.configure(self.definition)

    def configure(self, agreed: LeadDefinition, why: str | None = None) -> None:
        """Applies a configuration set, with the reasons `why` in place of the usual ones."""
        self.definition = agreed
        entries = []
        texts: list[tuple[ConfigKind, str, str]] = [
            ("definition", agreed.name, yaml_of(agreed)),
            ("reasons", "reasons", why or yaml_of(reasons())),
            ("signers", "signers", SIGNERS),
        ]
        for kind, name, text in texts:
            item = ConfigItem(kind=kind, name=name, digest=digest_of(text), text=text)
            entries.append(ManifestEntry(kind=kind, name=name, digest=item.digest))
            self.engine.publish("baton.config", item.key.encode(), item.to_json())
        manifest = ConfigManifest(set_id=set_id_of(entries), entries=entries, applied_at=NOW)
        self.engine.publish("baton.config", MANIFEST_KEY.encode(), manifest.to_json())

    def route(self, handoff: str, criteria: tuple[str, ...] = ("director", "visit"), lead: str = LEAD) -> None:
        """The router gives a lead to a rep."""
        self.send("leads.routed", lead, routed(self.definition, handoff, criteria, lead))

    def answer(self, handoff: str, kind: OutcomeKind, reason: str | None = None, lead: str = LEAD, **more: Any) -> None:
        """Sales answers in the CRM, now unless `at` says otherwise; `event_id` repeats an answer."""
        event_id = more.pop("event_id", None)
        more.setdefault("at", self.clock.now())
        data = OutcomeReported(lead=lead, handoff=handoff, kind=kind, reason=reason, **more)
        self.send("feedback.events", lead, data, event_id=event_id)

    def send(self, topic: str, key: str, data: Contract, event_id: str | None = None) -> None:
        """Publishes a record and lets everything settle. Each record comes a second after the one before."""
        self._ids += 1
        headers, value = envelop(data, id=event_id or f"e{self._ids}", source="/crm", time=self.clock.now())
        self.engine.publish(topic, key.encode(), value, headers)
        self.engine.run_until_idle()
        self.engine.advance(1000)

    def told(self, topic: str) -> list[Any]:
        """What was published on a topic, each record once: repeats have equal ids and equal bytes (L2)."""
        found: dict[str, Any] = {}
        for record in self.engine.records(topic):
            event = from_record(record.headers, record.value)
            data = CONTRACTS[event.type].model_validate_json(event.data or b"")
            assert found.setdefault(event.id, data) == data, f"{topic}: two records, one id"
        return list(found.values())

    def dead(self, topic: str = "feedback.events") -> list[tuple[str, str]]:
        """Code and field of every dead letter of a topic."""
        return [
            (header(record, "baton-dead-code"), header(record, "baton-dead-field")) for record in self.letters(topic)
        ]

    def letters(self, topic: str = "feedback.events") -> list[LogRecord]:
        """The dead letters of a topic."""
        return self.engine.records(f"{topic}.dead")


def header(record: LogRecord, name: str) -> str:
    """A header's text."""
    return next(value.decode() for found, value in record.headers if found == name)


def routed(agreed: LeadDefinition, handoff: str, criteria: tuple[str, ...], lead: str = LEAD) -> LeadRouted:
    """A routed lead that met `criteria`."""
    points = agreed.criteria
    ledger = [
        LedgerLine(criterion=name, kind="fit", label=name, points=points.get(name, 0), count=1) for name in criteria
    ]
    versions = Versions(
        definition=agreed.name, definition_version=1, definition_digest=content_digest(agreed), model_version=0
    )
    qualified = LeadQualified(
        lead=lead,
        handoff=handoff,
        qualification=1,
        contact=Contact(email="someone@example.com"),
        grade="A1",
        tier="hot",
        fit=20,
        engagement=5,
        score=25,
        dossier=Dossier(ledger=ledger),
        signatures=[],
        versions=versions,
        at=NOW,
        event_at=NOW,
        cause="c",
    )
    return LeadRouted(
        lead=lead,
        handoff=handoff,
        version=1,
        change="assigned",
        rep="rep1",
        team="t",
        pool="p",
        clock=Clock(policy="p", calendar="c", started_at=NOW, due_at=NOW + HOUR),
        decision=Decision(reason="turn", config_set="s"),
        qualified=qualified,
        at=NOW,
        cause="c",
    )
