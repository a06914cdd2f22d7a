"""Tells a story to a router on the memory engine and reads what became of it, from topics alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, TypeVar

from baton_schemas.configuration import MANIFEST_KEY, ConfigItem, ConfigManifest, ManifestEntry
from baton_schemas.contract import Contract, parse_time
from baton_schemas.crm import AccountStanding, PersonFacts
from baton_schemas.envelope import envelop, from_record
from baton_schemas.feedback import Notification, OutcomeReported
from baton_schemas.keys import handoff_id
from baton_schemas.leads import Contact, Dossier, LeadQualified, LeadUnmerged, LeadWithdrawn, Versions
from baton_schemas.routing import LeadRouted, LeadUnrouted, SlaEvent
from services.router.accounts import AccountState
from services.router.handoff import Handoff, LeadState
from services.router.packing import Packing
from services.router.processors import RouterProcessor
from services.router.team import TeamState
from services.runtime.clock import ManualClock
from services.runtime.config_set import digest_of, set_id_of
from services.runtime.memory import Faults, MemoryEngine
from services.runtime.processor import Processor
from services.runtime.record import LogRecord
from tests.signing import SIGNERS, signed

C = TypeVar("C", bound=Contract)

MONDAY_9 = parse_time("2026-03-02T09:00:00+01:00")
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DEFINITION = "b2b"

CALENDARS = """
calendars:
  - {name: berlin, time_zone: Europe/Berlin, hours: {mon-fri: ["09:00-17:00"]}, holidays: {country: DE}}
"""
SLA = """
policies:
  - name: standard
    tiers:
      hot: {first_touch_minutes: 20, warn_at: 0.5, reassign_after_minutes: 30, max_reassignments: 1}
      warm: {first_touch_minutes: 240, warn_at: 0.75, reassign_after_minutes: 120, max_reassignments: 1}
    otherwise: warm
"""
TERRITORIES = """
elsewhere: unrouted
territories:
  - {name: dach, countries: [DE, AT], team: dach, pool: inbound, policy: standard}
  - {name: big, countries: [DE], employees: {from: 1000}, team: big, pool: named, policy: standard}
"""
TEAMS = """
teams:
  - name: dach
    manager: boss
    calendar: berlin
    reps: [{id: ann, capacity: 3}, {id: ben, capacity: 3}, {id: cyn, capacity: 3}]
    pools: [{name: inbound, members: [{rep: ann}, {rep: ben}, {rep: cyn}]}]
  - name: big
    manager: chief
    calendar: berlin
    reps: [{id: pia, capacity: 2}]
    pools: [{name: named, members: [{rep: pia}]}]
"""
DOCUMENTS = {"calendars": CALENDARS, "sla": SLA, "territories": TERRITORIES, "teams": TEAMS}
AGREED = signed(
    """
name: b2b
version: 1
fit: []
engagement: [{id: demo, label: Asked for a demo, action: demo_requested, points: 30}]
thresholds: {enter: 20, exit: 10}
grades: {fit: {A: 30, B: 20, C: 10}, engagement: {1: 30, 2: 20, 3: 10}}
tiers: [{name: hot}]
"""
)


class Story:
    """A router, alone with its log. Time starts on a Monday at nine in Berlin."""

    def __init__(
        self,
        *,
        seed: int = 0,
        partitions: int = 2,
        faults: Faults | None = None,
        max_batch: int = 1000,
        start: int = MONDAY_9,
        beside: Sequence[Processor] = (),
        **documents: str,
    ) -> None:
        self.clock = ManualClock(start)
        self.router = RouterProcessor()
        self.engine = MemoryEngine(
            [self.router, *beside],
            clock=self.clock,
            partitions=partitions,
            seed=seed,
            faults=faults,
            max_batch=max_batch,
        )
        self._serial = 0
        self.configure(**documents)

    @property
    def now(self) -> int:
        return self.clock.now()

    def configure(self, **documents: str) -> None:
        """Applies the standard documents, with these in place of them."""
        texts = {"definition": AGREED, "signers": SIGNERS, **DOCUMENTS, **documents}
        entries = []
        for kind, text in texts.items():
            item = ConfigItem(kind=kind, name=kind, digest=digest_of(text), text=text)  # type: ignore[arg-type]
            self.engine.publish("baton.config", item.key.encode(), item.to_json())
            entries.append(ManifestEntry(kind=item.kind, name=item.name, digest=item.digest))
        manifest = ConfigManifest(set_id=set_id_of(entries), entries=entries, applied_at=self.now)
        self.engine.publish("baton.config", MANIFEST_KEY.encode(), manifest.to_json())

    def put(self, topic: str, key: str, data: Contract, *, id: str | None = None) -> None:
        """Publishes without working on it."""
        self._serial += 1
        headers, value = envelop(data, id=id or f"e{self._serial}", source="/test", time=self.now)
        self.engine.publish(topic, key.encode(), value, headers)

    def run(self) -> None:
        self.engine.run_until_idle()

    def wait(self, milliseconds: int) -> None:
        self.engine.advance(milliseconds)

    def qualify(
        self,
        lead: str,
        *,
        n: int = 1,
        tier: str = "hot",
        country: str | None = "DE",
        employees: int | None = None,
        owner: str | None = None,
        standing: AccountStanding | None = None,
        run: bool = True,
        at: int | None = None,
        company: str = "Muster",
        account: str | None = None,
        definition: str = DEFINITION,
    ) -> str:
        """A lead qualifies; answers with its handoff's id."""
        handoff = handoff_id(lead, definition, n)
        moment = self.now if at is None else at
        data = LeadQualified(
            lead=lead,
            handoff=handoff,
            qualification=n,
            contact=Contact(email=f"{lead}@example.com", company=company, country=country, employees=employees),
            account=account,
            standing=standing,
            owner=owner,
            grade="A1",
            tier=tier,
            fit=30,
            engagement=40,
            score=70,
            dossier=Dossier(ledger=[]),
            signatures=[],
            versions=Versions(definition=definition, definition_version=1, definition_digest="d", model_version=0),
            at=moment,
            event_at=moment,
            cause="/marketing#1",
        )
        self.put("leads.qualified", lead, data)
        if run:
            self.run()
        return handoff

    def withdraw(self, lead: str, handoff: str, reason: str = "opt_out") -> None:
        data = LeadWithdrawn(lead=lead, handoff=handoff, reason=reason, at=self.now, cause="/scorer#1")
        self.put("leads.qualified", lead, data)
        self.run()

    def merge(self, lead: str, handoff: str, into: str, *, run: bool = True) -> None:
        """The scorer found out that `lead`, for whom `handoff` was announced, is `into`."""
        data = LeadWithdrawn(
            lead=lead, handoff=handoff, reason="merged", merged_into=into, at=self.now, cause="/scorer#1"
        )
        self.put("leads.qualified", lead, data)
        if run:
            self.run()

    def unmerge(self, lead: str, handoff: str, *, run: bool = True) -> None:
        """It was a mistake: `lead` is a person of its own."""
        self.put("leads.qualified", lead, LeadUnmerged(lead=lead, handoff=handoff, at=self.now, cause="/scorer#2"))
        if run:
            self.run()

    def report(self, lead: str, handoff: str, kind: str, *, run: bool = True, **fields: Any) -> None:
        """The CRM reports an outcome."""
        data = OutcomeReported.model_validate(
            {"lead": lead, "handoff": handoff, "kind": kind, "at": self.now, **fields}
        )
        self.put("feedback.events", lead, data)
        if run:
            self.run()

    def person(self, lead: str, **facts: Any) -> None:
        self.put("crm.facts", lead, PersonFacts.model_validate({"person": lead, "at": self.now, **facts}))
        self.run()

    def told(self, topic: str, model: type[C], handoff: str | None = None) -> list[C]:
        """Everything of one type on a topic; repeats (equal id, equal bytes) once."""
        seen: dict[tuple[str, str], bytes] = {}
        found = []
        for record in self.engine.records(topic):
            event = from_record(record.headers, record.value)
            if event.type != model.TYPE:
                continue
            identity = (event.source, event.id)
            if identity in seen:
                assert seen[identity] == record.value, f"{topic}: one id, two contents"
            else:
                seen[identity] = record.value or b""
                found.append(model.model_validate_json(event.data or b""))
        return [data for data in found if handoff is None or getattr(data, "handoff", None) == handoff]

    def routed(self, handoff: str | None = None) -> list[LeadRouted]:
        return self.told("leads.routed", LeadRouted, handoff)

    def owner(self, handoff: str) -> str | None:
        """Who has the handoff, as a connector sees it: the highest version, unless it was withdrawn."""
        gone = self.told("leads.routed", LeadWithdrawn, handoff)
        routed = self.routed(handoff)
        return None if gone or not routed else max(routed, key=lambda r: r.version).rep

    def unrouted(self, handoff: str | None = None) -> list[LeadUnrouted]:
        return self.told("leads.unrouted", LeadUnrouted, handoff)

    def steps(self, handoff: str | None = None, clock: str = "first_touch") -> list[str]:
        """The steps of a clock; a skipped one as `skipped:<name>`."""
        events = [event for event in self.told("sla.events", SlaEvent, handoff) if event.clock == clock]
        return [f"skipped:{e.reason}" if e.step == "skipped" else e.step for e in events]

    def sla(self, handoff: str) -> list[SlaEvent]:
        return self.told("sla.events", SlaEvent, handoff)

    def notes(self, recipient: str) -> list[str]:
        """Subjects of what one person was told."""
        return [note.subject for note in self.told("notifications", Notification) if note.recipient == recipient]

    def dead(self, topic: str = "feedback.events") -> list[str]:
        """Codes of dead letters."""
        return [dict(record.headers)["baton-dead-code"].decode() for record in self.engine.records(f"{topic}.dead")]

    def lead(self, lead: str) -> LeadState:
        packed = self.engine.state("router").get(b"l:" + lead.encode())
        return LeadState() if packed is None else Packing(LeadState).unpack(packed)

    def handoffs(self) -> Iterator[tuple[str, Handoff]]:
        """Every handoff in the state, with its lead."""
        for key, packed in self.engine.state("router").items():
            if key.startswith(b"l:"):
                for handoff in Packing(LeadState).unpack(packed).handoffs.values():
                    yield key[2:].decode(), handoff

    def team(self, team: str) -> TeamState:
        packed = self.engine.state("router").get(b"t:" + team.encode())
        return TeamState() if packed is None else Packing(TeamState).unpack(packed)

    def account(self, account: str) -> AccountState:
        packed = self.engine.state("router").get(b"a:" + account.encode())
        return AccountState() if packed is None else Packing(AccountState).unpack(packed)

    def load(self, team: str = "dach") -> dict[str, int]:
        """How many handoffs each rep of a team holds, as the team counts."""
        claims = self.team(team).claims.values()
        return {rep: sum(claim.rep == rep for claim in claims) for rep in sorted({claim.rep for claim in claims})}

    def places(self, team: str = "dach", pool: str = "inbound") -> dict[str, int]:
        """Each rep's place in the rotation."""
        return {rep: seat.place for rep, seat in self.team(team).rotations[pool].seats.items()}

    def copy(self, topic: str, index: int) -> None:
        """Puts a record of a topic on it once more, as a sender that repeats itself does."""
        record: LogRecord = self.engine.records(topic)[index]
        self.engine.publish(topic, record.key, record.value, record.headers)
        self.run()


def shuffled(items: list[str], random: Random) -> list[str]:
    """A copy in an order that the seed decides."""
    return random.sample(items, len(items))
