"""Tells the month of a seed: everybody acts, everything crashes now and then, and at the end all is quiet."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from random import Random

from baton_schemas.crm import PersonFacts
from baton_schemas.envelope import envelop
from services.cli.services import processors
from services.router.handoff import ACTIVE, LeadState
from services.router.packing import Packing
from services.runtime.clock import ManualClock
from services.runtime.memory import Faults, MemoryEngine
from services.runtime.settings import load
from tests.month.company import DAY, DAYS, HOUR, MINUTE, MONDAY, Plan, apply, documents
from tests.month.crm import SECRET, Connector, MonthCrm
from tests.month.people import Public, erase, key_of, publish
from tests.month.sales import Sales

_GAPS = (5 * MINUTE, 20 * MINUTE, HOUR, HOUR, 2 * HOUR, 5 * HOUR)


class Month:
    """`tell` lives through it; what became of it is on the log and in the CRM."""

    def __init__(self, seed: int, *, crash: float = 0.003, kill: float = 0.002) -> None:
        self.random = Random(seed)
        self.clock = ManualClock(MONDAY)
        settings = load(person_key_secret=SECRET.decode())
        self.faults = Faults(crash, most=200)
        self.engine = MemoryEngine(
            processors(settings), clock=self.clock, partitions=2, seed=seed, faults=self.faults, max_batch=20
        )
        self.crm = MonthCrm(self.engine)
        self.connector = Connector(self.engine, self.crm, Random(f"{seed}/kill"), kill=kill)
        self.sales = Sales(self.crm, self.random)
        self.public = Public(self.random)
        self.doubled: list[str] = []
        """Humans with two open handoffs, as it was seen whenever all was quiet."""
        self._pressure = self.random.random() < 0.3
        self._published = 0
        self._configure()

    def tell(self) -> Month:
        """Thirty days, and two quiet ones in which everything gets home."""
        with asyncio.Runner() as runner:
            while self.clock.now() < MONDAY + DAYS * DAY:
                self._something()
                self._pass(self.random.choice(_GAPS))
                if self.random.random() < 0.8:
                    runner.run(self._synchronise())
            for _ in range(8):
                runner.run(self._synchronise(afresh=True))
                self._pass(6 * HOUR)
            runner.run(self._synchronise(afresh=True))
            self.engine.run_until_idle()
        return self

    def _something(self) -> None:
        random = self.random
        self.sales.hour()
        what = random.choices(["plan", "forget", "forbid", "erase", "down", "nothing"], [4, 1, 1, 0.5, 4, 90])[0]
        if what == "plan":
            self._configure()
        elif what == "forget":
            facts = PersonFacts(
                person=key_of(random.choice(self.public.emails)), do_not_contact=True, at=self.clock.now()
            )
            headers, value = envelop(facts, id=f"consent-{self.clock.now()}", source="/consent", time=facts.at)
            self.engine.publish("crm.facts", facts.person.encode(), value, headers)
        elif what == "forbid":
            self.crm.forbidden ^= {f"firm{random.randrange(9)}.example"}
        elif what == "erase":
            email = random.choice(self.public.emails)
            erase(self.engine, email)
            self.public.same = [pair for pair in self.public.same if email not in pair]  # that is forgotten, too
        elif what == "down":
            self._let_by(random.choice([HOUR, 5 * HOUR, 30 * HOUR]))

    def _configure(self) -> None:
        apply(self.engine, documents(Plan.drawn(self.random), pressure=self._pressure), self.clock.now())

    def _pass(self, milliseconds: int) -> None:
        """Time goes by; what people do in it is published when they do it."""
        end = self.clock.now() + milliseconds
        for at in self._until(end):
            self.engine.advance(max(0, at - self.clock.now()))
        self.engine.advance(end - self.clock.now())

    def _let_by(self, milliseconds: int) -> None:
        """Time goes by while none of Baton's services is there."""
        end = self.clock.now() + milliseconds
        for at in self._until(end):
            self.clock.advance(max(0, at - self.clock.now()))
        self.clock.advance(end - self.clock.now())

    def _until(self, end: int) -> Iterator[int]:
        acts = self.public.acts
        while self._published < len(acts) and acts[self._published].at <= end:
            act = acts[self._published]
            yield act.at
            for _ in range(2 if self.random.random() < 0.05 else 1):
                publish(self.engine, act, f"e{self._published}")
            self._published += 1

    async def _synchronise(self, *, afresh: bool = False) -> None:
        """The connector does its part."""
        if afresh or self.random.random() < 0.03:
            await self.connector.restart()
        await self.connector.work()
        if afresh or self.random.random() < 0.8:
            await self.connector.look()
        self.engine.run_until_idle()
        if afresh or self.random.random() < 0.1:
            self.doubled += self._two_open()

    def _two_open(self) -> Iterator[str]:
        now = self.clock.now()
        human = {key_of(second): key_of(first) for at, first, second in self.public.same if at <= now}
        open_ones: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for key, packed in self.engine.state("router").items():
            if key.startswith(b"l:"):
                lead = key[2:].decode()
                for handoff in Packing(LeadState).unpack(packed).handoffs.values():
                    if handoff.stage in ACTIVE:
                        open_ones[human.get(lead, lead), handoff.definition].append(handoff.id)
        for (lead, _), handoffs in open_ones.items():
            if len(handoffs) > 1:
                yield f"{lead}: open {', '.join(handoffs)}"
