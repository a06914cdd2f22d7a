"""Looks at the CRM every few seconds: what people did with our records, what it knows of companies and people.

The position moves on only after everything before it was told. Each look begins a little before it, because a CRM may
show a write later than the time it bears; what was told is known from the links, so reading twice tells nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence

import structlog

from baton_schemas.envelope import envelop
from services.connectors import facts as known
from services.connectors.crm import Changes
from services.connectors.deal import Deal, Party
from services.connectors.desk import Desk
from services.connectors.errors import Conflict
from services.connectors.facts import Fact, Keys
from services.connectors.kit import Kit
from services.connectors.observation import CLOSED
from services.runtime import log_events
from services.runtime.effects import Send
from services.runtime.partitioner import partition_of

log = structlog.get_logger(__name__)
_PEOPLE_EVERY_S = 60.0
_GET_AT_ONCE = 200
_UNCLAIMED_MS = 60_000


class Watch:
    """Polls for the desks that this process has; `desks` gives those that are open, `keys` is None where no facts are
    wanted."""

    def __init__(self, kit: Kit, desks: Callable[[], Collection[Desk]], keys: Keys | None, shared: int) -> None:
        self._kit = kit
        self._desks = desks
        self._keys = keys
        self._partition_of: Callable[[bytes], int] = lambda key: partition_of(key, shared)
        self._people_at = -_PEOPLE_EVERY_S
        self._swept_at = time.monotonic()
        self._first = True
        self._settle_s = 2 * kit.settings.timeout_s
        self._unclaimed: dict[str, tuple[Deal, float]] = {}
        self._window: str | None = None
        self._page = ""
        self.looked_at: float | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            began = time.monotonic()
            desks = self._desks()
            more = await self.look(desks) if desks else False
            self.looked_at = time.monotonic()
            if not more:
                await asyncio.sleep(max(0.0, self._kit.settings.poll_s - (time.monotonic() - began)))

    async def look(self, desks: Collection[Desk]) -> bool:
        """One look; True when there is more to read at once."""
        kit = self._kit
        await self.know_people()
        if time.monotonic() - self._swept_at > kit.settings.sweep_s or self._first:
            await self._sweep(desks)
        start = min(desk.book.position for desk in desks)
        if self._window != start:  # a new window, or a partition came that is not as far
            self._window, self._page = start, start
        position, overlap = self._page, kit.settings.overlap_s if start else 0.0
        asked_at = time.monotonic()
        found = await kit.calls(lambda: kit.crm.changes(position, overlap), give_up=False)
        await self.heard(found, desks, asked_at)
        if self._keys is not None:
            await self._tell_facts(found.parties, desks, self._keys)
        self._page = found.position
        if not found.more:
            for desk in desks:
                await desk.book.move(found.position)
        kit.metrics.add("baton_crm_polls_total", 1, kit.settings.name)
        return found.more

    async def heard(self, found: Changes, desks: Collection[Desk], asked_at: float) -> None:
        """Tells what people did with our records. `asked_at` is when the CRM was asked (monotonic s)."""
        heard = {deal.id: (deal, asked_at) for deal in found.deals if deal.reference}
        heard = {**self._unclaimed, **heard}
        self._unclaimed = {}
        await asyncio.gather(*(self._hear(*each, desks) for each in heard.values()))
        await self._settle_duplicates(desks)

    async def _hear(self, deal: Deal, asked_at: float, desks: Collection[Desk]) -> None:
        for desk in desks:
            link = desk.book.find(deal.reference)
            if link is None:
                continue
            if link.record == deal.id:
                await desk.observe(deal.reference, deal, asked_at)
            return
        if time.time() * 1000 - deal.at < _UNCLAIMED_MS:  # we may be making it at this moment
            self._unclaimed[deal.id] = (deal, asked_at)

    async def _settle_duplicates(self, desks: Collection[Desk]) -> None:
        """Looks at records that were made a while ago: a request that we took for lost may have been carried out late,
        and then there are two. What nobody worked on goes."""
        kit = self._kit
        made = {
            handoff: record for desk in desks for handoff, record in desk.made_before(time.monotonic() - self._settle_s)
        }
        references = list(made)
        for start in range(0, len(references), _GET_AT_ONCE):
            some = references[start : start + _GET_AT_ONCE]
            found = await kit.calls(lambda some=some: kit.crm.find(some), give_up=False)  # type: ignore[misc]
            for deal in found:
                untouched = deal.stage == kit.words.offered and kit.words.is_own(deal.by)
                if deal.id != made[deal.reference] and untouched:
                    await kit.calls(lambda deal=deal: self._drop(deal, made[deal.reference]), give_up=False)  # type: ignore[misc]

    async def _drop(self, deal: Deal, stays: str) -> None:
        kit = self._kit
        log.warning(log_events.DUPLICATE, connector=kit.settings.name, handoff=deal.reference, record=deal.id)
        try:
            await kit.crm.change(deal, close=True)
        except Conflict:  # somebody works on it: a person has to look
            return
        await kit.crm.remark(deal.id, f"Baton: this record was made twice; the work goes on in {stays}.")

    async def know_people(self) -> None:
        """Asks now and then who is in sales."""
        if time.monotonic() - self._people_at < _PEOPLE_EVERY_S:
            return
        self._kit.words.know(await self._kit.calls(self._kit.crm.people, give_up=False))
        self._people_at = time.monotonic()

    async def _sweep(self, desks: Collection[Desk]) -> None:
        """Looks for records that somebody deleted, and anew at what had no word in the mapping."""
        kit, words = self._kit, self._kit.words
        wanted: dict[str, tuple[Desk, str]] = {}
        for desk in desks:
            await desk.book.forget_old(words)
            for link in desk.book:
                ended = link.seen is None or words.means(link.seen.stage, accepted=True) in CLOSED
                if link.record is not None and (not ended or link.unmapped):
                    wanted[link.record] = (desk, link.handoff)
        ids = list(wanted)
        for start in range(0, len(ids), _GET_AT_ONCE):
            some = ids[start : start + _GET_AT_ONCE]
            asked_at = time.monotonic()
            there = {deal.id: deal for deal in await kit.calls(lambda some=some: kit.crm.get(some), give_up=False)}  # type: ignore[misc]
            for record in some:
                desk, handoff = wanted[record]
                found = desk.book.find(handoff)
                if found is not None and found.record == record and (record not in there or found.unmapped):
                    await desk.observe(handoff, there.get(record), asked_at)
        unmapped = sum(bool(link.unmapped) for desk in desks for link in desk.book)
        kit.metrics.set("baton_crm_unmapped", unmapped, kit.settings.name)
        self._swept_at = time.monotonic()
        self._first = False

    async def _tell_facts(self, parties: Sequence[Party], desks: Collection[Desk], keys: Keys) -> None:
        kit = self._kit
        by_partition = {desk.partition: desk for desk in desks}
        source = f"/connectors/{kit.settings.name}"
        for party in parties:
            if self._ahead(party, desks):
                continue
            for fact in known.facts(party, kit.words, keys, source=kit.settings.name, baton=kit.clock.scale.at):
                key = known.key_of(fact)
                desk = by_partition.get(self._partition_of(key.encode()))
                if desk is not None:
                    await self._tell_fact(fact, key, desk, source)

    def _ahead(self, party: Party, desks: Collection[Desk]) -> bool:
        """Whether a deal of ours has gone on since we looked: that it was won is told before that the company is a
        customer, or its own handoff would be taken for one to a customer. The deal's change brings the party again."""
        for deal in party.deals:
            links = (desk.book.find(deal.reference) for desk in desks if deal.reference)
            link = next((each for each in links if each is not None), None)
            if link is not None and link.seen is not None and link.seen.stage != deal.stage:
                return True
        return False

    async def _tell_fact(self, fact: Fact, key: str, desk: Desk, source: str) -> None:
        digest, before = known.digest(fact), desk.book.told_fact(key)
        if digest == before or (before is None and known.says_nothing(fact)):
            return
        headers, value = envelop(fact, id=f"{key}-{digest}-{fact.at}", source=source, time=fact.at)
        await self._kit.client.write(Send("crm.facts", key.encode(), value, headers))
        await desk.book.note_fact(key, digest)
        self._kit.metrics.add("baton_crm_facts_total", 1, self._kit.settings.name)
