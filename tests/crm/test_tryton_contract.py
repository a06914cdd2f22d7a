"""Tryton passes the contract of the connector kit, against a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.connectors.contract import CrmContract
from services.connectors.tryton.crm import Tryton
from services.simulator.tryton.server import TrytonServer
from tests.crm.connecting import settings_for
from tests.crm.office import Office

pytestmark = pytest.mark.crm


class Hands:
    """Two reps at their screens."""

    first, second, taken = "rep-101", "rep-102", "opportunity"

    def __init__(self, office: Office) -> None:
        self._office = office

    async def take_on(self, id: str) -> None:
        await (await self._office.rep(self.first)).qualify(int(id))

    async def give(self, id: str, code: str) -> None:
        await (await self._office.rep(self.first)).hand_to(int(id), code)

    async def note(self, id: str, text: str) -> None:
        await (await self._office.rep(self.first)).note(int(id), text)

    async def delete(self, id: str) -> None:
        rep = await self._office.rep(self.first)
        await rep.cancel(int(id))
        await rep.session.call("sale.opportunity", "delete", [int(id)])


class TestTryton(CrmContract):
    @pytest_asyncio.fixture
    async def crm(self, tryton: TrytonServer, tmp_path: Path) -> AsyncIterator[Tryton]:
        found = Tryton(settings_for(tryton.url, tryton.database, tmp_path))
        await found.open()
        yield found
        await found.close()

    @pytest.fixture
    def hands(self, office: Office) -> Hands:
        return Hands(office)
