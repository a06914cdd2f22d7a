"""A connector in shadow: hears what people do in the CRM and says so, and carries out nothing that Baton decides.

It is the connector's own desk and watch, with orders put aside, and with all deals looked at instead of those that bear
a handoff's id. Which handoff a deal answers is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog

from baton_schemas.crm import DealFacts
from baton_schemas.envelope import envelop, from_record
from services.connectors.actual import deal_facts, event_id, says_the_same
from services.connectors.crm import Changes
from services.connectors.deal import Deal, Party
from services.connectors.desk import Desk
from services.connectors.facts import Keys
from services.connectors.kit import Kit
from services.connectors.watch import Watch
from services.runtime import log_events
from services.runtime.effects import Send
from services.runtime.record import LogRecord

TOPIC = "crm.actual"
log = structlog.get_logger(__name__)


class ShadowDesk(Desk):
    """One partition of people: what was told of their deals."""

    def __init__(self, kit: Kit, partition: int, fail: Callable[[BaseException], None]) -> None:
        super().__init__(kit, partition, fail)
        self.told: dict[str, DealFacts] = {}

    async def open(self) -> None:
        """Knows again what was told."""
        await super().open()
        async for record in self._kit.client.read(TOPIC, [self.partition]):
            self._know(record)

    def take(self, record: LogRecord, done: Callable[[], None]) -> None:  # noqa: ARG002
        """Nobody is given anything in shadow."""
        done()

    async def tell(self, facts: DealFacts) -> None:
        """Writes what is new of a deal."""
        if says_the_same(facts, self.told.get(facts.deal)):
            return
        source = f"/connectors/{self._kit.settings.name}"
        headers, value = envelop(facts, id=event_id(facts), source=source, time=facts.at)
        await self._kit.client.write(Send(TOPIC, facts.person.encode(), value, headers))
        self.told[facts.deal] = facts
        self._kit.metrics.add("baton_crm_actual_total", 1, self._kit.settings.name, "told")

    def _know(self, record: LogRecord) -> None:
        event = from_record(record.headers, record.value)
        if event.type == DealFacts.TYPE:
            facts = DealFacts.model_validate_json(event.data or b"")
            if facts.source == self._kit.settings.name:
                self.told[facts.deal] = facts


class ShadowWatch(Watch):
    """Looks at all deals; `shadow_desks` are the desks of `desks`."""

    def __init__(self, kit: Kit, desks: Callable[[], Collection[Desk]], keys: Keys, shared: int) -> None:
        super().__init__(kit, desks, keys, shared)
        self._people = keys

    async def heard(self, found: Changes, desks: Collection[Desk], asked_at: float) -> None:  # noqa: ARG002
        """Tells what is new of each deal whose person is ours."""
        ours = {desk.partition: desk for desk in desks if isinstance(desk, ShadowDesk)}
        parties = {party.id: party for party in found.parties}
        for deal in found.deals:
            await self._look_at(deal, parties.get(deal.party or ""), ours)

    async def _look_at(self, deal: Deal, party: Party | None, ours: dict[int, ShadowDesk]) -> None:
        kit = self._kit
        before = next((desk.told[deal.id] for desk in ours.values() if deal.id in desk.told), None)
        facts = deal_facts(
            deal, party, before, kit.words, self._people, source=kit.settings.name, baton=kit.clock.scale.at
        )  # fmt: skip
        if not isinstance(facts, DealFacts):
            kit.metrics.add("baton_crm_actual_total", 1, kit.settings.name, facts)
            log.warning(log_events.UNMAPPED, connector=kit.settings.name, record=deal.id, what=facts)
            return
        desk = ours.get(self._partition_of(facts.person.encode()))
        if desk is not None:
            await desk.tell(facts)

    async def _sweep(self, desks: Collection[Desk]) -> None:
        """There are no records of ours to miss."""
