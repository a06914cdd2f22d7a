"""The work of one partition of leads: what Baton decided goes into the CRM, in order for each lead.

A lead whose record the CRM refuses holds up its own later records and nobody else's. What people did meanwhile is heard
all the same: a look at the CRM (`observe`) waits for no failing delivery, only for the one request that is under way.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple
from weakref import WeakValueDictionary

import structlog
from pydantic import ValidationError

from baton_schemas.connectors import ConnectorLink
from baton_schemas.contract import Contract
from baton_schemas.envelope import EnvelopeError, from_record
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadRouted, SlaEvent
from services.connectors.book import Book
from services.connectors.deal import Deal
from services.connectors.delivery import Delivery
from services.connectors.errors import CrmError, Refused
from services.connectors.kit import Kit
from services.connectors.observation import observe
from services.connectors.orders import Order, wanted
from services.runtime import log_events
from services.runtime.dead_letters import render
from services.runtime.effects import DeadLetter
from services.runtime.errors import Permanent
from services.runtime.record import LogRecord

_RECENT_MS = 600_000
log = structlog.get_logger(__name__)
CONTRACTS: dict[str, type[LeadRouted | LeadWithdrawn | SlaEvent]] = {
    model.TYPE: model for model in (LeadRouted, LeadWithdrawn, SlaEvent)
}


class Job(NamedTuple):
    """A record of Baton's topics, and whom to tell when it is done."""

    record: LogRecord
    done: Callable[[], None]


class Desk:
    """A `subscription.Share`. `fail` is told what ends the connector."""

    def __init__(self, kit: Kit, partition: int, fail: Callable[[BaseException], None]) -> None:
        self.book = Book(kit.client, kit.settings.name, partition, kit.clock)
        self.partition = partition
        self._kit = kit
        self._fail = fail
        self._jobs: dict[str, deque[Job]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
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
        lead = (record.key or b"").decode(errors="replace")
        self._jobs.setdefault(lead, deque()).append(Job(record, done))
        if lead not in self._tasks:
            self._tasks[lead] = asyncio.create_task(self._work_off(lead))

    async def close(self) -> None:
        """Ends what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def observe(self, reference: str, deal: Deal | None) -> None:
        """Tells what people did with a record since it was last looked at."""
        async with self._lock(reference):
            link = self.book.find(reference)
            if link is not None:
                await self.look(link, deal)

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

    async def _work_off(self, lead: str) -> None:
        line = self._jobs[lead]
        try:
            while line:
                await self._do(line[0].record)
                line.popleft().done()
            del self._jobs[lead], self._tasks[lead]
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  what is neither the CRM's failure nor the record's ends the connector
            self._fail(error)

    async def _do(self, record: LogRecord) -> None:
        try:
            order = read(record)
            if order is None or not wanted(order):
                return
            await self._kit.calls(lambda: self._deliver(order))
        except Permanent as error:
            await self._bury(record, error.code, error.field, error.fix)
        except Refused as error:
            await self._bury(record, error.code, error.field, error.fix)
        except CrmError as error:
            fix = "see what the CRM says to this record; then baton dead-letters replay"
            await self._bury(record, error.code, "", fix)

    async def _deliver(self, order: Order) -> None:
        async with self._kit.at_once, self._lock(order.handoff):
            await Delivery(self._kit, self.book, self.look, self.note_made).carry_out(order)

    async def _bury(self, record: LogRecord, code: str, field: str, fix: str) -> None:
        kit = self._kit
        letter = DeadLetter(record, code, field, fix)
        limit = kit.dead_limit(record.topic)
        await kit.client.write(
            render(letter, topic=record.topic, processor=f"connector-{kit.settings.name}", limit=limit)
        )
        kit.metrics.add("baton_crm_given_up_total", 1, kit.settings.name, code)
        log.warning(log_events.GIVEN_UP, connector=kit.settings.name, topic=record.topic, code=code, field=field)

    def _lock(self, handoff: str) -> asyncio.Lock:
        """One for each handoff; it lives while somebody wants it."""
        lock = self._locks.get(handoff)
        if lock is None:
            lock = self._locks[handoff] = asyncio.Lock()
        return lock


def read(record: LogRecord) -> Order | None:
    """What a record asks for; None for a type that concerns no CRM. Raises Permanent when it can't be read."""
    try:
        event = from_record(record.headers, record.value)
        model = CONTRACTS.get(event.type)
        data: Contract | None = None if model is None else model.model_validate_json(event.data or b"")
    except EnvelopeError as error:
        raise Permanent("not_cloudevent", field=error.field, fix=error.fix) from None
    except ValidationError as error:
        field = str(error.errors(include_input=False, include_url=False)[0]["loc"][:1])
        raise Permanent("invalid_field", field=field, fix="see the JSON Schema of the type") from None
    return data  # type: ignore[return-value]


__all__: Sequence[str] = ("CONTRACTS", "Desk", "Job", "read")
