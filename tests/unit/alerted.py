"""Scorer and router together on the memory engine, with a definition that alerts owners, and short ways to say what
happens at a company."""

from __future__ import annotations

from typing import Any

from baton_schemas.alerts import AccountAlert, EngagementSpiked
from baton_schemas.configuration import MANIFEST_KEY, ConfigItem, ConfigManifest, ManifestEntry
from baton_schemas.crm import AccountFacts, AccountStanding
from baton_schemas.envelope import from_record
from baton_schemas.feedback import OutcomeReported
from baton_schemas.routing import LeadRouted
from services.router.processors import RouterProcessor
from services.runtime.clock import ManualClock
from services.runtime.config_set import digest_of, set_id_of
from services.runtime.memory import Faults, MemoryEngine
from services.runtime.processor import Processor
from services.scorer.processors import ScorerProcessor
from tests.signing import SIGNERS, signed
from tests.unit.router.story import DOCUMENTS
from tests.unit.scorer.world import DEFINITION, KEYS, NOW, World, account_of, key_of

ACME = "acme.example"
CUSTOMER = AccountStanding(owner="ann", customer_since=NOW - 90 * 86_400_000)


def alerting(rule: str) -> str:
    """The small definition with these alerts, signed."""
    return signed(DEFINITION + f"alerts: {rule}\n")


BOTH = alerting("{account_points: 40, within_days: 7, cool_down_days: 14, grades: [A1, B1, C1, D1]}")
POINTS = alerting("{account_points: 40, within_days: 7, cool_down_days: 14}")
GRADES = alerting("{grades: [A1, B1, C1, D1], cool_down_days: 14}")


class Company(World):
    """One company, acme.example, and whoever sells to it."""

    def __init__(
        self,
        definition: str = POINTS,
        *,
        partitions: int = 4,
        seed: int = 0,
        max_batch: int = 50,
        faults: Faults | None = None,
    ) -> None:
        self.clock = ManualClock(NOW)
        processors: list[Processor] = [ScorerProcessor(KEYS), RouterProcessor()]
        self.engine = MemoryEngine(
            processors, clock=self.clock, partitions=partitions, seed=seed, max_batch=max_batch, faults=faults
        )
        self._serial = 0
        self.configure(definition)

    def configure(self, definition: str) -> None:
        """Applies a whole set with this definition."""
        entries = []
        for kind, text in {"definition": definition, "signers": SIGNERS, **DOCUMENTS}.items():
            item = ConfigItem.model_validate({"kind": kind, "name": kind, "digest": digest_of(text), "text": text})
            self.engine.publish("baton.config", item.key.encode(), item.to_json())
            entries.append(ManifestEntry(kind=item.kind, name=item.name, digest=item.digest))
        manifest = ConfigManifest(set_id=set_id_of(entries), entries=entries, applied_at=self.clock.now())
        self.engine.publish("baton.config", MANIFEST_KEY.encode(), manifest.to_json())

    def stands(self, standing: AccountStanding, domain: str = ACME) -> None:
        """The CRM says how the company stands."""
        key = account_of(domain)
        self.tell("crm.facts", key, AccountFacts(account=key, standing=standing, at=self.clock.now()))
        self.run()

    def hire(self, *names: str, domain: str | None = ACME, **traits: Any) -> None:
        """People whom we know by address, of a company or of none."""
        for name in names:
            of: dict[str, Any] = {} if domain is None else {"company_domain": domain}
            self.traits(person(name), **of, country="DE", first_name=name.title(), **traits)
        self.run()

    def does(self, name: str, action: str = "demo_requested", *, id: str | None = None, at: int | None = None) -> None:
        """Somebody does something, and all hear of it."""
        url = {"url": "/pricing"} if action == "page_viewed" else {}
        self.act(person(name), action, id=id, at=at, **url)
        self.run()

    def report(self, routed: LeadRouted, kind: str, **fields: Any) -> None:
        """The CRM reports an outcome."""
        data = {"lead": routed.lead, "handoff": routed.handoff, "kind": kind, "rep": routed.rep, **fields}
        outcome = OutcomeReported.model_validate({**data, "at": self.clock.now()})
        self.tell("feedback.events", routed.lead, outcome)
        self.run()

    def wait(self, milliseconds: int) -> None:
        self.engine.advance(milliseconds)

    def routed(self) -> list[LeadRouted]:
        return [each for each in self.records("leads.routed") if isinstance(each, LeadRouted)]

    def alerts(self) -> list[AccountAlert]:
        """Every alert once; a repeat must have the same bytes."""
        seen: dict[str, bytes] = {}
        for record in self.engine.records("accounts.alerts"):
            event, value = from_record(record.headers, record.value), record.value or b""
            assert seen.setdefault(event.id, value) == value, "one id, two contents"
            assert record.key == AccountAlert.model_validate_json(value).lead.encode()
        return [AccountAlert.model_validate_json(value) for value in seen.values()]

    def spikes(self) -> list[EngagementSpiked]:
        return [each for each in self.records("accounts.spikes") if isinstance(each, EngagementSpiked)]

    def counted(self, result: str) -> float:
        """How many spikes came to this."""
        found = self.engine.observed.items()
        return sum(v for (name, labels), v in found if name == "baton_account_alerts_total" and labels[1] == result)


def person(name: str) -> dict[str, str]:
    """Somebody known by a private address, so that nothing but a trait says where he works."""
    return {"email": f"{name}@example.com"}


def lead(name: str) -> str:
    return key_of(person(name))
