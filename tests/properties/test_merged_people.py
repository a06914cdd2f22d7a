"""Scorer and router together, on one log: identities with handoffs are linked, moved and unlinked while reps work.

Whatever the order in which topics are read, and wherever it crashes: who is one for the scorer has one open handoff at
the router, a stop of the person reaches it under whatever identity it was opened, and both know who belongs to whom.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from baton_schemas.configuration import MANIFEST_KEY, ConfigItem, ConfigManifest, ManifestEntry
from baton_schemas.crm import AccountFacts, AccountStanding, PersonFacts
from baton_schemas.feedback import OutcomeReported
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadRouted
from services.router.handoff import ACTIVE, LeadState
from services.router.packing import Packing
from services.router.processors import RouterProcessor
from services.runtime.config_set import digest_of, set_id_of
from services.runtime.memory import Faults, MemoryEngine
from tests.signing import SIGNERS
from tests.unit.router.story import DOCUMENTS
from tests.unit.scorer.world import HOUR, NOW, SIGNED, World, account_of, email, key_of

USERS = [{"user_id": f"u{n}"} for n in range(4)]
MAILS = [email(f"m{n}") for n in range(3)]


class Company(World):
    """A scorer and a router on one memory engine."""

    def __init__(self, *, seed: int = 0, crash: float = 0.0) -> None:
        super().__init__("", seed=seed)
        self.router = RouterProcessor()
        self.engine = MemoryEngine(
            [self.processor, self.router],
            clock=self.clock,
            partitions=3,
            seed=seed,
            faults=Faults(crash, most=1000),
            max_batch=5,
        )
        entries = []
        for kind, name, text in (
            ("definition", "small", SIGNED),
            ("signers", "signers", SIGNERS),
            *((kind, kind, DOCUMENTS[kind]) for kind in DOCUMENTS),
        ):
            item = ConfigItem(kind=kind, name=name, digest=digest_of(text), text=text)  # type: ignore[arg-type]
            self.engine.publish("baton.config", item.key.encode(), item.to_json())
            entries.append(ManifestEntry(kind=item.kind, name=item.name, digest=item.digest))
        manifest = ConfigManifest(set_id=set_id_of(entries), entries=entries, applied_at=NOW)
        self.engine.publish("baton.config", MANIFEST_KEY.encode(), manifest.to_json())

    def warm(self, who: dict[str, str], name: str = "ada", **traits: Any) -> None:
        """Enough to qualify."""
        self.traits(who, seniority="vp", employees=200, country="DE", email=f"{name}@example.com", **traits)
        self.act(who, "demo_requested")
        self.act(who, "page_viewed", url="https://x.example/pricing")

    def lead(self, key: str) -> LeadState:
        packed = self.engine.state("router").get(b"l:" + key.encode())
        return LeadState() if packed is None else Packing(LeadState).unpack(packed)

    def open_of(self, key: str) -> list[str]:
        return [handoff.id for handoff in self.lead(key).handoffs.values() if handoff.stage in ACTIVE]

    def report(self, key: str, handoff: str, kind: str) -> None:
        owner = self.lead(key).handoffs[handoff].owner
        rep = None if owner is None else owner.rep
        data = {"lead": key, "handoff": handoff, "kind": kind, "rep": rep, "at": self.clock.now()}
        self.tell("feedback.events", key, OutcomeReported.model_validate(data))

    def root(self, key: str) -> str:
        one = self.person(key)
        return key if one is None or one.root is None else self.root(one.root)

    def reasons(self, handoff: str) -> list[str]:
        told = [each for each in self.records("leads.routed") if isinstance(each, LeadWithdrawn)]
        return [each.reason for each in told if each.handoff == handoff]


USER, ADA = key_of(USERS[0]), key_of(email("ada"))


def merged(seed: int, **traits: Any) -> tuple[Company, str]:
    """A user with a handoff turns out to be Ada, of whom nothing else is known."""
    company = Company(seed=seed)
    company.warm(USERS[0], **traits)
    company.run()
    (handoff,) = company.open_of(USER)
    company.report(USER, handoff, "accepted")
    company.engine.advance(HOUR)
    company.act({**USERS[0], **email("ada")}, "joined")
    company.run()
    assert company.person(USER) is not None
    assert company.root(USER) == ADA
    return company, handoff


@pytest.mark.parametrize("seed", range(6))
def test_a_known_visitors_accepted_handoff_stays_with_its_rep(seed: int) -> None:
    company, handoff = merged(seed)
    assert company.open_of(USER) == [handoff]
    assert company.open_of(ADA) == []
    assert company.reasons(handoff) == []


@pytest.mark.parametrize("seed", range(4))
def test_who_opts_out_under_one_name_is_left_alone_under_all(seed: int) -> None:
    company, handoff = merged(seed)
    company.act(email("ada"), "unsubscribed")
    company.run()
    assert company.reasons(handoff) == ["unsubscribed"]


def test_the_crms_word_on_the_person_reaches_the_other_identity() -> None:
    company, handoff = merged(0)
    company.tell("crm.facts", ADA, PersonFacts(person=ADA, disqualified="left_company", at=company.clock.now()))
    company.run()
    assert company.open_of(USER) == []
    assert len(company.reasons(handoff)) == 1


@pytest.mark.parametrize("kind", ["opportunity", "touched"])
def test_found_to_be_a_customer_it_is_withdrawn_unless_it_is_an_opportunity(kind: str) -> None:
    company, handoff = merged(1, company_domain="acme.example")
    company.report(USER, handoff, kind)
    company.run()
    acme = account_of("acme.example")
    facts = AccountFacts(account=acme, standing=AccountStanding(customer_since=NOW), at=company.clock.now())
    company.tell("crm.facts", acme, facts)
    company.run()
    assert company.reasons(handoff) == ([] if kind == "opportunity" else ["customer"])
    company.act(email("ada"), "unsubscribed")
    company.run()
    assert company.reasons(handoff) == (["unsubscribed"] if kind == "opportunity" else ["customer"])


@pytest.mark.parametrize("seed", range(4))
def test_an_erasure_reaches_it(seed: int) -> None:
    company, handoff = merged(seed)
    company.engine.advance(HOUR)
    company.erase(ADA)
    company.act(email("ada"), "joined")
    company.run()
    assert company.reasons(handoff) == ["erased"]
    assert [each.reason for each in company.withdrawn() if each.lead == USER] == ["merged", "erased"]


@pytest.mark.parametrize("seed", range(4))
def test_unlinked_it_goes_on_under_its_own_name(seed: int) -> None:
    company, handoff = merged(seed)
    company.engine.advance(HOUR)
    company.unlink(USERS[0])
    company.run()
    assert company.open_of(USER) == [handoff]
    assert company.lead(USER).merge is not None
    assert company.lead(USER).merge.into is None  # type: ignore[union-attr]
    company.warm(email("ada"))
    company.run()
    assert len(company.open_of(ADA)) == 1, "Ada is somebody else"


def test_unlinked_and_nothing_on_its_own_it_is_withdrawn() -> None:
    company, handoff = merged(0)
    company.engine.advance(200 * 24 * HOUR)
    company.unlink(USERS[0])
    company.run()
    assert company.reasons(handoff) == ["unmerged"]


class Chance:
    """What happens to a company, by a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.company = Company(seed=seed, crash=0.01)
        self.stopped: set[str] = set()

    def act(self) -> None:
        random, company = self.random, self.company
        what = random.choices(["warm", "link", "alias", "unlink", "report", "stop", "wait"], [8, 5, 2, 2, 8, 1, 4])[0]
        user, mail = random.choice(USERS), random.choice(MAILS)
        if what == "warm":
            company.warm(random.choice([user, mail]), mail["email"].partition("@")[0])
        elif what == "link":
            company.act({**user, **mail}, "joined")
        elif what == "alias":
            one, other = random.sample(random.choice([USERS, MAILS]), 2)
            company.alias(one, other)
        elif what == "unlink":
            company.unlink(random.choice([user, mail]))
        elif what == "report":
            routed = [each for each in company.records("leads.routed") if isinstance(each, LeadRouted)]
            if routed:
                last = random.choice(routed[-6:])
                if last.handoff in company.lead(last.lead).handoffs:
                    kinds = ["touched", "accepted", "accepted", "opportunity", "lost", "rejected", "reopened"]
                    company.report(last.lead, last.handoff, random.choice(kinds))
        elif what == "stop":
            company.act(mail, "unsubscribed")
        elif what == "wait":
            company.engine.advance(random.choice([HOUR, 30 * HOUR, 20 * 24 * HOUR]))
        if random.random() < 0.6:
            company.run()


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_who_is_one_for_the_scorer_is_one_for_the_router(first: int) -> None:
    merges = 0
    for seed in range(first, first + 20):
        chance = Chance(seed)
        for _ in range(50):
            chance.act()
        company = chance.company
        company.run()
        assert company.dead("leads.qualified") == []
        opened: dict[str, list[str]] = {}
        for key in company.people():
            opened.setdefault(company.root(key), []).extend(company.open_of(key))
            merge, one = company.lead(key).merge, company.person(key)
            if one is not None and one.handoffs:
                assert (None if merge is None else merge.into) == one.root
        for root, handoffs in opened.items():
            assert len(handoffs) <= 1
            assert not handoffs or company.judgement(root).stop is None
        merges += sum(
            isinstance(each, LeadWithdrawn) and each.stays is not None for each in company.records("leads.routed")
        )
    assert merges > 5
