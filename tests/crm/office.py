"""What a test of the CRM begins with: the connector's user, reps at work, an opportunity on somebody's desk."""

from __future__ import annotations

import itertools

import aiohttp

from services.simulator.tryton.company import CONNECTOR, password
from services.simulator.tryton.reps import OPPORTUNITY, RepAtWork
from services.simulator.tryton.rpc import Session, login
from services.simulator.tryton.server import TrytonServer

_NUMBERS = itertools.count(1)


class Office:
    """Acts on one server over the wire, as whoever a test needs."""

    def __init__(self, http: aiohttp.ClientSession, server: TrytonServer) -> None:
        self.http = http
        self.server = server

    async def login(self, name: str, secret: str | None = None) -> Session:
        """A session of this user."""
        return await login(self.http, self.server.url, self.server.database, name, secret or password(name))

    async def connector(self) -> Session:
        """The connector's user."""
        return await self.login(CONNECTOR)

    async def rep(self, rep: str) -> RepAtWork:
        """A rep or manager at work."""
        return await RepAtWork.login(self.http, self.server, rep)

    async def opportunity(self, connector: Session, rep: str) -> int:
        """A lead on this rep's desk, with a customer who has an address as any party made on the screen has."""
        number = next(_NUMBERS)
        [employee] = await connector.search("company.employee", ["party.code", "=", rep])
        party = {"name": "Customer", "code": f"customer-{number}", "addresses": [["create", [{}]]]}
        [customer] = await connector.create("party.party", party)
        lead = {"reference": f"lead-{number}", "party": customer, "employee": employee}
        [opportunity] = await connector.create(OPPORTUNITY, lead)
        return opportunity
