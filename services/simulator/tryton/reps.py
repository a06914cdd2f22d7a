"""Reps at their screens: what they do with an opportunity ends up in the CRM under their own name."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

import aiohttp

from services.simulator.tryton import company
from services.simulator.tryton.rpc import Session, login
from services.simulator.tryton.server import TrytonServer

OPPORTUNITY = "sale.opportunity"


class RepAtWork:
    """One rep (or manager), logged in. Ids are those of opportunities; each method is what one or a few clicks do.

    Raises `Fault` where the screen would show an error, `Refused` where it would ask for the password again.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @classmethod
    async def login(cls, http: aiohttp.ClientSession, server: TrytonServer, rep: str) -> Self:
        """The rep with this id begins to work."""
        return cls(await login(http, server.url, server.database, rep, company.password(rep)))

    @property
    def session(self) -> Session:
        """For what reps rarely do."""
        return self._session

    async def state(self, opportunity: int) -> str:
        """lead, opportunity, converted, won, lost or cancelled."""
        return str((await self._session.read(OPPORTUNITY, opportunity, "state"))["state"])

    async def note(self, opportunity: int, text: str) -> int:
        """Writes a note on it: a call was made, a mail was sent. Gives the note's id."""
        [note] = await self._session.create("ir.note", {"resource": f"{OPPORTUNITY},{opportunity}", "message": text})
        return note

    async def qualify(self, opportunity: int) -> None:
        """Lead to opportunity; it needs a party and an employee."""
        await self._session.press(OPPORTUNITY, "opportunity", opportunity)

    async def convert(self, opportunity: int) -> int:
        """Opportunity to sale; gives the sale's id."""
        await self._session.press(OPPORTUNITY, "convert", opportunity)
        [sale] = await self._session.search("sale.sale", ["origin", "=", f"{OPPORTUNITY},{opportunity}"])
        return sale

    async def win(self, opportunity: int, amount: Decimal = Decimal(1000)) -> None:
        """Opportunity to sale, sale to order: when the customer confirms, the opportunity is won."""
        address = await self._address(opportunity)
        sale = await self.convert(opportunity)
        line = {"type": "line", "quantity": 1.0, "unit_price": amount, "description": "as agreed"}
        addresses = {"invoice_address": address, "shipment_address": address}
        await self._session.write("sale.sale", sale, **addresses, lines=[["create", [line]]])
        await self._session.press("sale.sale", "quote", sale)
        await self._session.press("sale.sale", "confirm", sale)

    async def lose(self, opportunity: int, reason: str | None) -> None:
        """Lost, and why. The screen asks for the reason once it is lost, so that is a second step; None: forgotten."""
        await self._session.press(OPPORTUNITY, "lost", opportunity)
        if reason is not None:
            await self._session.write(OPPORTUNITY, opportunity, lost_reason=reason)

    async def cancel(self, opportunity: int) -> None:
        """Not a lead at all."""
        await self._session.press(OPPORTUNITY, "cancel", opportunity)

    async def reopen(self, opportunity: int) -> None:
        """Back to lead, from opportunity, lost or cancelled."""
        await self._session.press(OPPORTUNITY, "lead", opportunity)

    async def hand_to(self, opportunity: int, rep: str) -> None:
        """Gives it to a colleague."""
        [employee] = await self._session.search("company.employee", ["party.code", "=", rep])
        await self._session.write(OPPORTUNITY, opportunity, employee=employee)

    async def let_go(self, opportunity: int) -> None:
        """Nobody's any more; only a lead can be that."""
        await self._session.write(OPPORTUNITY, opportunity, employee=None)

    async def _address(self, opportunity: int) -> int:
        """The customer's address, which an order needs; an empty one is enough."""
        party = (await self._session.read(OPPORTUNITY, opportunity, "party"))["party"]
        found = await self._session.search("party.address", ["party", "=", party], limit=1)
        return found[0] if found else (await self._session.create("party.address", {"party": party}))[0]
