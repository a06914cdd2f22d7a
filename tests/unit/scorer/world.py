"""A small world for the scorer's tests: a signed definition, the memory engine, and short ways to say what happens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from baton_schemas.catalogue import CONTRACTS
from baton_schemas.configuration import MANIFEST_KEY, ConfigItem, ConfigManifest, ErasureRequested, ManifestEntry
from baton_schemas.contract import Contract, parse_time
from baton_schemas.engagement import EngagementRecorded
from baton_schemas.envelope import envelop, to_headers
from baton_schemas.leads import LeadQualified, LeadScored, LeadWithdrawn
from services.runtime.agreement import check_signed
from services.runtime.clock import ManualClock
from services.runtime.config_set import digest_of, set_id_of
from services.runtime.memory import MemoryEngine
from services.runtime.processor import Context, Globals
from services.runtime.record import LogRecord
from services.scorer import person
from services.scorer.definition import Rules, compile_rules, read
from services.scorer.identity import Keyring
from services.scorer.person import Person
from services.scorer.processors import ScorerProcessor
from services.scorer.profile import pack as pack_profile
from services.scorer.qualification import Judgement
from services.scorer.scope import together
from services.scorer.turn import profiles_of
from tests.signing import LISTED, SIGNERS, signed

NOW = parse_time("2026-03-02T09:30:00Z")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
KEYS = Keyring(b"a secret of the tests", "k1")
SITE = "/site"

DEFINITION = """
name: small
version: 1
fit:
  - {id: boss, label: Decides, points: 20, when: {trait: seniority, in: [vp, director]}}
  - {id: size, label: Right size, points: 10, when: {trait: employees, gte: 50, lte: 5000}}
engagement:
  - {id: view, label: Read a page, action: page_viewed, points: 1, half_life_days: 7, cap: 8}
  - {id: pricing, label: Saw prices, action: page_viewed, when: {field: url, contains: /pricing}, points: 6,
     half_life_days: 14, cap: 18}
  - {id: click, label: Clicked, action: email_clicked, points: 2.5, half_life_days: 3}
  - {id: demo, label: Asked for a demo, action: demo_requested, points: 30, half_life_days: 30, cap: 45}
  - {id: careers, label: Wants a job, action: careers_viewed, points: -9, half_life_days: 10, cap: -18}
  - {id: steady, label: Is a member, action: joined, points: 4, cap: 8}
required:
  - {label: Intent, any_of: [demo, pricing], within_days: 30}
disqualifiers:
  - {reason: unsubscribed, label: Opted out, action: unsubscribed}
  - {reason: competitor, label: Is a competitor, when: {trait: company_domain, equals: rival.example}}
thresholds: {enter: 50, exit: 35}
grades:
  fit: {A: 25, B: 15, C: 5}
  engagement: {1: 40, 2: 25, 3: 10}
tiers:
  - {name: hot, grades: [A1, B1]}
  - {name: cool}
contact: [email]
notes: [message, pains]
"""


SIGNED = signed(DEFINITION)
RULES: Rules = compile_rules(read(SIGNED, "test"), None, check_signed(read(SIGNED, "test"), LISTED))

RICH = signed(
    DEFINITION.replace("name: small", "name: rich")
    .replace("action: page_viewed, points: 1,", "action: page_viewed, points: 1, first_time: 3, group: web,")
    .replace("/pricing}, points: 6,", "/pricing}, points: 6, group: web,")
    .replace("points: 2.5, half_life_days: 3}", "points: 2.5, half_life_days: 3, at_most: {times: 2, per: day}}")
    .replace("points: -9,", "points: -9, at_most: {times: 1, per: week},")
    .replace(
        "required:",
        """sequences:
  - id: then_demo
    label: Saw prices, then asked for a demo
    steps: [{action: page_viewed, when: {field: url, contains: /pricing}}, {action: demo_requested}]
    within_days: 7
    points: 12
    half_life_days: 20
    group: web
  - {id: back_to_jobs, label: Went for a job, steps: [{action: email_clicked}, {action: careers_viewed}],
     within_days: 2, points: -6, half_life_days: 30}
absences:
  - {id: quiet, label: No visit for 6 days, action: page_viewed, for_days: 6, points: -7}
  - {id: gone, label: Nothing for 20 days, action: [page_viewed, email_clicked, demo_requested],
     for_days: 20, points: -20}
personas:
  - {name: boss, label: Decides alone, when: {trait: seniority, equals: director}}
  - {name: user, label: Uses it, when: {trait: seniority, exists: true}}
groups:
  - {id: web, label: the web, cap: 19}
required:""",
    )
)
RICH_RULES: Rules = compile_rules(read(RICH, "test"), None, check_signed(read(RICH, "test"), LISTED))

BIG = signed(
    RICH.partition("signatures:")[0].replace(
        "name: rich\nversion: 1", "name: big\nversion: 1\napplies_to: {trait: employees, gt: 5000}"
    )
)
"""For big companies, beside SIGNED for everybody else."""
BOTH = together(
    [compile_rules(read(text, "test"), None, check_signed(read(text, "test"), LISTED)) for text in (BIG, SIGNED)]
)

CAMPAIGNS = """
campaigns:
  - {campaign: "spring*", owner: Lena}
  - {campaign: "*", owner: Tom}
"""


class World:
    """A scorer on the memory engine. What is published gets an id of its own unless one is given."""

    def __init__(self, definition: str = SIGNED, *, partitions: int = 4, seed: int = 0, max_batch: int = 50) -> None:
        self.clock = ManualClock(NOW)
        self.processor = ScorerProcessor(KEYS)
        self.engine = MemoryEngine(
            [self.processor], clock=self.clock, partitions=partitions, seed=seed, max_batch=max_batch
        )
        self._serial = 0
        if definition:
            self.apply(definition)

    def apply(self, *texts: str, name: str = "small", signers: str = SIGNERS) -> None:
        """Publishes a configuration as `baton apply` would."""
        named = [("definition", name + "x" * index, text) for index, text in enumerate(texts)]
        entries = []
        for kind, each, text in [*named, ("signers", "signers", signers), ("campaigns", "campaigns", CAMPAIGNS)]:
            item = ConfigItem.model_validate({"kind": kind, "name": each, "digest": digest_of(text), "text": text})
            self.engine.publish("baton.config", item.key.encode(), item.to_json())
            entries.append(ManifestEntry(kind=item.kind, name=item.name, digest=item.digest))
        manifest = ConfigManifest(set_id=set_id_of(entries), entries=entries, applied_at=NOW)
        self.engine.publish("baton.config", MANIFEST_KEY.encode(), manifest.to_json())

    def publish(
        self,
        kind: str,
        data: Mapping[str, Any],
        *,
        id: str | None = None,
        at: int | None = None,
        key: str | None = None,
        topic: str = "engagement.events",
    ) -> None:
        """Publishes an event of a type (`engagement.recorded`), at a time (default: now), under a key or none."""
        self._serial += 1
        value = _json(data)
        headers = to_headers(
            id=id or f"e{self._serial}",
            source=SITE,
            type=f"baton.{kind}.v1",
            time=self.clock.now() if at is None else at,
        )
        self.engine.publish(topic, None if key is None else key.encode(), value, headers)

    def act(
        self, who: Mapping[str, str], action: str, *, id: str | None = None, at: int | None = None, **more: Any
    ) -> None:
        """Somebody does something."""
        self.publish("engagement.recorded", {"person": who, "action": action, **more}, id=id, at=at)

    def traits(self, who: Mapping[str, str], *, at: int | None = None, id: str | None = None, **traits: Any) -> None:
        """Somebody says who it is."""
        self.publish("person.identified", {"person": who, "traits": traits}, at=at, id=id)

    def alias(self, who: Mapping[str, str], previous: Mapping[str, str], *, at: int | None = None) -> None:
        """Two identifiers are one person."""
        self.publish("person.aliased", {"person": who, "previous": previous}, at=at)

    def unlink(self, previous: Mapping[str, str], *, at: int | None = None) -> None:
        """A link is undone."""
        self.publish("person.unlinked", {"previous": previous}, at=at)

    def tell(self, topic: str, key: str, data: Contract) -> None:
        """Publishes a contract under a key."""
        self._serial += 1
        headers, value = envelop(data, id=f"c{self._serial}", source="/crm", time=self.clock.now())
        self.engine.publish(topic, key.encode(), value, headers)

    def erase(self, key: str) -> None:
        """Asks to forget a person."""
        data = ErasureRequested(person=key, at=self.clock.now())
        self.engine.publish("privacy.erasures", key.encode(), data.to_json())

    def run(self) -> None:
        """Works until idle."""
        self.engine.run_until_idle()

    def records(self, topic: str) -> list[Contract]:
        """Everything that was said on a topic; tombstones left out."""
        return [contract(record) for record in self.engine.records(topic) if record.value is not None]

    def scored(self, key: str) -> list[LeadScored]:
        """A lead's scores, in order."""
        return [each for each in self.records("leads.scored") if isinstance(each, LeadScored) and each.lead == key]

    def qualified(self, key: str | None = None) -> list[LeadQualified]:
        """Qualifications, in order."""
        found = [each for each in self.records("leads.qualified") if isinstance(each, LeadQualified)]
        return [each for each in found if key is None or each.lead == key]

    def withdrawn(self) -> list[LeadWithdrawn]:
        """Withdrawals, in order."""
        return [each for each in self.records("leads.qualified") if isinstance(each, LeadWithdrawn)]

    def dead(self, topic: str = "engagement.events") -> list[dict[str, str]]:
        """The headers of dead letters, as text."""
        return [
            {name: value.decode(errors="replace") for name, value in record.headers}
            for record in self.engine.records(f"{topic}.dead")
        ]

    def person(self, key: str) -> Person | None:
        """What is kept under a key."""
        packed = self.engine.state("scorer").get(person.PREFIX + key.encode())
        return None if packed is None else person.unpack(packed)

    def judgement(self, key: str, now: int | None = None) -> Judgement:
        """A root, read now."""
        one = self.person(key)
        assert one is not None
        assert one.root is None
        return together([RULES]).judge(profiles_of(one), self.clock.now() if now is None else now)

    def roots(self) -> dict[str, tuple[str, int, int]]:
        """Grade, fit and engagement of every root, read now."""
        found = {}
        for key in self.people():
            one = self.person(key)
            if one is not None and one.root is None:
                judgement = self.judgement(key)
                found[key] = (judgement.grade, judgement.fit, judgement.engagement)
        return found

    def profiles(self) -> dict[str, bytes]:
        """The bytes of every identity's own profile."""
        return {key: pack_profile(one.profile) for key in self.people() if (one := self.person(key)) is not None}

    def people(self) -> Iterable[str]:
        """All person keys that have state, sorted."""
        return sorted(key[2:].decode() for key in self.engine.state("scorer") if key.startswith(person.PREFIX))


def configured(*texts: str) -> Context:
    """A context of one partition with signed definitions in force, the small one if none is given."""
    items = [ConfigItem(kind="signers", name="signers", digest=digest_of(SIGNERS), text=SIGNERS)]
    for number, text in enumerate(texts or (SIGNED,)):
        name = f"definition-{number}"
        items.append(ConfigItem(kind="definition", name=name, digest=digest_of(text), text=text))
    entries = [ManifestEntry(kind=item.kind, name=item.name, digest=item.digest) for item in items]
    manifest = ConfigManifest(set_id=set_id_of(entries), entries=entries, applied_at=NOW)
    table = {item.key.encode(): item.to_json() for item in items} | {MANIFEST_KEY.encode(): manifest.to_json()}
    return Context(0, 1, Globals({"baton.config": table}, {"baton.config": 2}))


def contract(record: LogRecord) -> Contract:
    """The data of a record that Baton sent, by its type."""
    kind = dict(record.headers)["ce_type"].decode()
    return CONTRACTS[kind].model_validate_json(record.value or b"")


def email(name: str) -> dict[str, str]:
    """A person known by e-mail."""
    return {"email": f"{name}@example.com"}


def key_of(who: Mapping[str, str]) -> str:
    """The key of the strongest identifier."""
    return KEYS.owned(EngagementRecorded.model_validate({"person": who, "action": "x"})).owner.key


def account_of(name: str) -> str:
    """The key of an account."""
    return KEYS.account(name)


def short(data: bytes) -> str:
    """A few letters that stand for bytes."""
    return sha256(data).hexdigest()[:12]


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data).encode()
