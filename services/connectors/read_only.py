"""A CRM that is only looked at: in shadow nothing that Baton decides may reach it, whatever the code above tries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from services.connectors.crm import Changes, Crm, Finding
from services.connectors.deal import Card, Deal, Person


class WriteInShadowError(Exception):
    """A bug of ours: something asked for a write. It ends the connector; no request has left."""


class ReadOnly:
    """A `Crm` that passes on what reads and refuses what writes."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self.closes_as = crm.closes_as

    async def open(self) -> None:
        await self._crm.open()

    async def close(self) -> None:
        await self._crm.close()

    async def ping(self) -> None:
        await self._crm.ping()

    async def own_user(self) -> str:
        return await self._crm.own_user()

    async def people(self) -> Sequence[Person]:
        return await self._crm.people()

    async def find(self, references: Sequence[str]) -> Sequence[Deal]:
        return await self._crm.find(references)

    async def get(self, ids: Sequence[str]) -> Sequence[Deal]:
        return await self._crm.get(ids)

    async def create(self, cards: Sequence[Card]) -> Sequence[Deal]:  # noqa: ARG002
        _refuse("create")

    async def change(self, deal: Deal, *, owner: str | None = None, close: bool = False) -> Deal:  # noqa: ARG002
        _refuse("change")

    async def remark(self, id: str, text: str) -> None:  # noqa: ARG002
        _refuse("remark")

    async def changes(self, position: str, overlap_s: float) -> Changes:
        return await self._crm.changes(position, overlap_s)

    async def check(self) -> Sequence[Finding]:
        return [each for each in await self._crm.check() if not each.to_write]


def _refuse(what: str) -> NoReturn:
    raise WriteInShadowError(f"{what}: nothing is written to the CRM in shadow")
