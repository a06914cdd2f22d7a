"""The company's CRM: on paper, on the story's clock, with a memory of who did what; and the connector that serves it.

The connector is the real one (desk, delivery, watch, book) on the memory engine's log instead of Kafka. It can be
killed at any request; what it had not committed it reads again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random
from typing import TypeVar, cast

from prometheus_client import CollectorRegistry

from services.connectors.calls import Door
from services.connectors.crm import Changes
from services.connectors.deal import Deal, Party, Person, Stand
from services.connectors.desk import Desk
from services.connectors.facts import Keys
from services.connectors.kit import Kit
from services.connectors.together import Together
from services.connectors.watch import Watch
from services.connectors.words import Words
from services.runtime.effects import Send
from services.runtime.kafka.log_client import LogClient
from services.runtime.memory import MemoryEngine
from services.runtime.metrics import Metrics
from services.runtime.record import LogRecord
from tests.connectors.paper import CLOSES_AS, US, PaperCrm
from tests.connectors.running import config
from tests.month.company import MANAGERS, REPS
from tests.unit.connectors.deals import mapping

ORDERS = ("leads.routed", "sla.events", "accounts.alerts")
DIALLER = "u-dialler"
SECRET = b"a secret of the tests"
PEOPLE = (
    *(Person(f"e-{rep}", rep, (f"u-{rep}",)) for rep in REPS),
    *(Person(f"e-{boss}", "", (f"u-{boss}",)) for boss in MANAGERS.values()),
)
MAPPING = mapping(automated_users=[DIALLER])
K = TypeVar("K")
V = TypeVar("V")


class Killed(Exception):
    """The connector's process ends here."""


class MonthCrm(PaperCrm):
    """Remembers every taking: a write of ours that takes a record from somebody who had taken it on, or whom not we
    had given it to."""

    def __init__(self, engine: MemoryEngine) -> None:
        super().__init__()
        self.taken: list[str] = []
        self.forbidden: set[str] = set()
        self._engine = engine
        self._given: dict[str, str | None] = {}
        self._last = 0

    async def people(self) -> Sequence[Person]:
        return PEOPLE

    async def change(self, deal: Deal, *, owner: str | None = None, close: bool = False) -> Deal:
        there = self.deals[deal.id]
        given = self._given.get(deal.id, self.cards[deal.id].owner)
        if owner is not None and there.owner is not None and (there.stage != "lead" or there.owner != given):
            self.taken.append(f"{there.reference}: from {there.owner} to {owner}")
        done = await super().change(deal, owner=owner, close=close)
        if owner is not None:
            self._given[deal.id] = owner
        return done

    async def changes(self, position: str, overlap_s: float) -> Changes:
        found = await super().changes(position, overlap_s)
        touched = {deal.party for deal in found.deals if deal.party} | self.forbidden
        return found._replace(parties=[self._party(domain) for domain in sorted(touched)])

    def _party(self, domain: str) -> Party:
        deals = [deal for deal in self.deals.values() if deal.party == domain]
        emails = sorted({email for deal in deals if (email := self.cards[deal.id].email)})
        stands = tuple(Stand(deal.stage, deal.owner, deal.at, deal.reference) for deal in deals)
        labels = ("Do not contact",) if domain in self.forbidden else ()
        return Party(domain, tuple(emails), (domain,), labels, stands, self._engine.clock.now())

    def _now(self) -> int:
        self._last = max(self._last + 1, self._engine.clock.wall())
        return self._last


class Connector:
    """The connector's process: `work` delivers what lies on the topics, `look` tells what people did."""

    def __init__(self, engine: MemoryEngine, crm: MonthCrm, random: Random, *, kill: float) -> None:
        self.kills = 0
        self._engine = engine
        self._crm = crm
        self._random = random
        self._kill = kill
        self._read = {(topic, part): 0 for topic in ORDERS for part in range(engine.log.partitions)}
        self._desks: list[Desk] = []
        self._failed: list[BaseException] = []
        self._ended: Callable[[], None] = lambda: None
        crm.before = crm.after = self._maybe_die

    async def work(self) -> None:
        """Carries out the orders that nobody has carried out yet."""
        while any(self._lag()):
            try:
                await self._deliver()
            except Killed:
                await self._die()

    async def look(self) -> None:
        """One look at the CRM."""
        while True:
            try:
                await self._open()
                await self._watch.look(self._desks)
                return
            except Killed:
                await self._die()

    async def _deliver(self) -> None:
        await self._open()
        lag = list(self._lag())
        self._random.shuffle(lag)
        for topic, part in lag:
            start = self._read[topic, part]
            records = self._engine.log.read(topic, part, start, self._random.randint(1, 20))
            await self._carry_out(self._desks[part], records)
            self._read[topic, part] = start + len(records)

    async def _carry_out(self, desk: Desk, records: Sequence[LogRecord]) -> None:
        every, left = asyncio.Event(), len(records)

        def done() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                every.set()

        self._ended = every.set
        for record in records:
            desk.take(record, done)
        await every.wait()
        if self._failed:
            raise self._failed[0]

    def _fail(self, error: BaseException) -> None:
        self._failed.append(error)
        self._ended()

    async def _open(self) -> None:
        if self._desks:
            return
        client, settings = (
            cast(LogClient, _Client(self._engine)),
            config(name="paper", mapping=MAPPING, sweep_s=3600.0),
        )
        metrics = Metrics(CollectorRegistry(), rooms=("connector",))
        words = Words(MAPPING, PEOPLE, US, closes_as=CLOSES_AS)
        kit = Kit(
            settings, self._crm, client, words, self._engine.clock, metrics,
            Door(self._crm.ping, settings, metrics), _nothing,
        )  # fmt: skip
        kit.find, kit.get, kit.create = _Alone(kit._find), _Alone(kit._get), _Alone(self._crm.create)
        desks = [Desk(kit, part, self._fail) for part in range(self._engine.log.partitions)]
        for desk in desks:
            await desk.open()
        self._watch = Watch(kit, lambda: self._desks, Keys(SECRET, "k1"), self._engine.log.partitions)
        self._desks = desks

    async def _die(self) -> None:
        self.kills += 1
        for desk in self._desks:
            await desk.close()
        self._desks, self._failed = [], []

    async def restart(self) -> None:
        """A new process: among other things it looks for what was deleted."""
        await self._die()

    def _lag(self) -> list[tuple[str, int]]:
        return [(topic, part) for (topic, part), at in self._read.items() if at < self._engine.log.end(topic, part)]

    def _maybe_die(self, _method: str, _argument: object) -> None:
        if self._random.random() < self._kill:
            raise Killed


class _Client:
    """The part of `LogClient` that a connector uses, on the memory engine's log."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine

    async def read(self, topic: str, partitions: Sequence[int]) -> AsyncIterator[LogRecord]:
        for partition in partitions:
            for record in self._engine.log.read(topic, partition, 0, 1_000_000):
                yield record

    async def write(self, record: Send, partition: int | None = None) -> None:
        self._engine.publish(record.topic, record.key, record.value, record.headers, partition=partition)

    send = write


class _Alone(Together[K, V]):
    """Asks at once: in memory nobody gains from waiting for others."""

    async def __call__(self, question: K) -> V:
        [answer] = await self._ask([question])
        return answer


async def _nothing() -> None: ...


def records_of(crm: MonthCrm) -> list[Deal]:
    """Every record that bears a handoff's id."""
    return [deal for deal in crm.deals.values() if deal.reference]
