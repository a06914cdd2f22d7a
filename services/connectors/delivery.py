"""One order carried out: look at the record, hear what people did, decide, write, note it down.

Any step may be the last one before a crash, and all of it is done again then. So a record is searched for before it is
made, a write is conditional on what was read, a note is not made twice, and our own note of it comes last.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from baton_schemas.connectors import ConnectorLink
from baton_schemas.routing import LeadRouted
from services.connectors.book import Book
from services.connectors.card import card
from services.connectors.deal import Deal
from services.connectors.errors import Overtaken
from services.connectors.kit import Kit
from services.connectors.orders import Action, Change, Create, Nothing, Order, adopted, carried_out, decide, is_old

Look = Callable[[ConnectorLink, Deal | None], Awaitable[ConnectorLink]]


class Delivery(NamedTuple):
    """Carries out orders for the handoffs in `book`; `look` tells what people did with a record, `made` is
    told of each that was made."""

    kit: Kit
    book: Book
    look: Look
    made: Callable[[str], None]

    async def carry_out(self, order: Order, handoff: str) -> None:
        """Raises CrmError; then nothing is noted, and it may be called again."""
        kit, link = self.kit, self.book.find_or_new(order.lead, handoff)
        if is_old(order, link):
            self._count(order, Nothing("old_version"))
            return
        deal = await self._find(link)
        if deal is not None and link.seen is None:
            link = adopted(order, link, deal, kit.words)
        link = await self.look(link, deal)
        action = decide(order, link, deal, kit.words)
        try:
            result = await self._write(action, order, deal)
        except Overtaken as error:
            await self.look(link, error.deal)
            raise
        await self.book.keep(carried_out(order, link, action, result, kit.words, now=kit.clock.now()))
        self._count(order, action)

    async def _find(self, link: ConnectorLink) -> Deal | None:
        """The handoff's record: by the id that we know, for people may change its reference; else by reference."""
        if link.record is not None:
            return await self.kit.get(link.record)
        found = await self.kit.find(link.handoff)
        return found[0] if found else None

    async def _write(self, action: Action, order: Order, deal: Deal | None) -> Deal | None:
        kit = self.kit
        if isinstance(action, Create) and isinstance(order, LeadRouted):
            await kit.confirm()
            deal = await kit.create(card(order, action.owner, kit.settings.mapping.title))
            self.made(order.handoff)
            return deal
        if isinstance(action, Change) and deal is not None:
            result = deal
            if action.owner is not None or action.close:
                result = await kit.crm.change(deal, owner=action.owner, close=action.close)
            if action.remark is not None:
                await kit.crm.remark(deal.id, action.remark)
            return result
        return deal

    def _count(self, order: Order, action: Action) -> None:
        kit = self.kit
        what = action.why if isinstance(action, Nothing) else type(action).__name__.casefold()
        kit.metrics.add("baton_crm_orders_total", 1, kit.settings.name, what)
        if isinstance(order, LeadRouted) and isinstance(action, Create):
            kit.metrics.add("baton_crm_visible_seconds", (kit.clock.now() - order.at) / 1000, kit.settings.name)
