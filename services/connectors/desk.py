"""The work of one partition of leads: what Baton decided goes into the CRM, in order for each lead.

A lead whose record the CRM refuses holds up its own later records and nobody else's. What people did meanwhile is heard
all the same: a look at the CRM (`observe`) waits for no failing delivery, only for the one request that is under way.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from weakref import WeakValueDictionary

import structlog

from baton_schemas.alerts import AccountAlert
from baton_schemas.connectors import ConnectorLink
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadHandedOver, LeadRouted, SlaEvent
from services.connectors.book import Book
from services.connectors.deal import Deal
from services.connectors.delivery import Delivery
from services.connectors.kit import Kit
from services.connectors.lines import Lines
from services.connectors.observation import observe
from services.connectors.orders import UNDELIVERABLE, Order, wanted
from services.connectors.reading import read as read_record
from services.runtime import log_events
from services.runtime.record import LogRecord

_RECENT_MS = 600_000
log = structlog.get_logger(__name__)
CONTRACTS: dict[str, type[Order]] = {
    model.TYPE: model for model in (LeadRouted, LeadWithdrawn, LeadHandedOver, SlaEvent, AccountAlert)
}


class Desk:
    """A `subscription.Share`. `fail` is told what ends the connector."""

    def __init__(self, kit: Kit, partition: int, fail: Callable[[BaseException], None]) -> None:
        self.book = Book(kit.client, kit.settings.name, partition, kit.clock)
        self.partition = partition
        self._kit = kit
        self._lines = Lines(kit.settings.name, self._carry_out, kit.client, kit.metrics, fail)
        self._made: deque[tuple[float, str]] = deque()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def open(self) -> None:
        """Knows again what it knew."""
        await self.book.open()
        recently = self._kit.clock.scale.at(self._kit.clock.wall() - _RECENT_MS)
        for link in self.book:
            if link.record is not None and link.at >= recently:
                self.note_made(link.handoff)

    def note_made(self, handoff: str) -> None:
        """A record was made just now, or shortly before the end of who was here before."""
        self._made.append((time.monotonic(), handoff))

    def made_before(self, moment: float) -> list[tuple[str, str]]:
        """Handoffs whose record was made before a moment (monotonic s), with the record; each is given out once."""
        found = []
        while self._made and self._made[0][0] < moment:
            link = self.book.find(self._made.popleft()[1])
            if link is not None and link.record is not None:
                found.append((link.handoff, link.record))
        return found

    def take(self, record: LogRecord, done: Callable[[], None]) -> None:
        """Puts a record into its lead's line."""
        self._lines.take(record, done)

    async def close(self) -> None:
        """Ends what is under way."""
        await self._lines.close()

    async def observe(self, reference: str, deal: Deal | None, asked_at: float) -> None:
        """Tells what people did with a record since it was last looked at. `asked_at` is when the CRM was asked for
        `deal` (monotonic s): what we wrote or heard since then is not in it, and would look as if people undid it; so
        the CRM is asked once more."""
        async with self._lock(reference):
            link = self.book.find(reference)
            if link is None:
                return
            if self.book.changed_at(reference) >= asked_at:
                deal = await self._again(link)
            await self.look(link, deal)

    async def _again(self, link: ConnectorLink) -> Deal | None:
        record = link.record
        return None if record is None else await self._kit.calls(lambda: self._kit.get(record), give_up=False)

    async def look(self, link: ConnectorLink, deal: Deal | None) -> ConnectorLink:
        """As `observe`, for who holds the lock; answers with the link afterwards."""
        kit = self._kit
        seen = observe(link, deal, kit.words, now=kit.clock.wall(), baton=kit.clock.scale.at)
        await self.book.keep(seen)
        for told in seen.told:
            kit.count_told(told)
        if seen.unmapped and seen.unmapped != link.unmapped:
            log.warning(log_events.UNMAPPED, connector=kit.settings.name, handoff=link.handoff, what=seen.unmapped)
        return self.book.find(link.handoff) or seen

    async def _carry_out(self, record: LogRecord) -> None:
        order = read(record)
        if order is None or not wanted(order):
            return
        handoff = order.handoff
        if handoff is None:
            self._kit.metrics.add("baton_crm_orders_total", 1, self._kit.settings.name, UNDELIVERABLE)
            return
        await self._kit.calls(lambda: self._deliver(order, handoff))

    async def _deliver(self, order: Order, handoff: str) -> None:
        async with self._kit.at_once, self._lock(handoff):
            await Delivery(self._kit, self.book, self.look, self.note_made).carry_out(order, handoff)

    def _lock(self, handoff: str) -> asyncio.Lock:
        """One for each handoff; it lives while somebody wants it."""
        lock = self._locks.get(handoff)
        if lock is None:
            lock = self._locks[handoff] = asyncio.Lock()
        return lock


def read(record: LogRecord) -> Order | None:
    """What a record asks for; None for a type that concerns no CRM. Raises Permanent when it can't be read."""
    found = read_record(record, CONTRACTS)
    return None if found is None else found.data  # type: ignore[return-value]
