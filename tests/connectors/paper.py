"""A CRM on paper: the kit's `Crm` in memory, with people who work in it and ways to go wrong that a test asks for."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence

from services.connectors.crm import Changes, Finding
from services.connectors.deal import Card, Deal, Party, Person, Remark
from services.connectors.errors import Conflict

US = "user-baton"
CLOSES_AS = "cancelled"
FIRST, SECOND = "ann", "ben"
PEOPLE = (Person("e-ann", FIRST, ("u-ann",)), Person("e-ben", SECOND, ("u-ben",)), Person("e-boss", "", ("u-boss",)))


class PaperCrm:
    """`before(method, argument)` is called, and awaited, before each request; what it raises is the answer. `after` the
    same, once the request is carried out: an answer that gets lost."""

    closes_as = CLOSES_AS

    def __init__(self) -> None:
        self.deals: dict[str, Deal] = {}
        self.cards: dict[str, Card] = {}
        self.parties: list[Party] = []
        self.calls: list[str] = []
        self.before: Callable[[str, object], object] = lambda _method, _argument: None
        self.after: Callable[[str, object], object] = lambda _method, _argument: None
        self._numbers = itertools.count(1)
        self._last = 0

    # what the kit does

    async def open(self) -> None:
        await self._request("open", None)

    async def close(self) -> None:
        self.calls.append("close")

    async def ping(self) -> None:
        await self._request("ping", None)

    async def own_user(self) -> str:
        return US

    async def people(self) -> Sequence[Person]:
        await self._request("people", None)
        return PEOPLE

    async def find(self, references: Sequence[str]) -> Sequence[Deal]:
        await self._request("find", references)
        return [deal for deal in self.deals.values() if deal.reference in references]

    async def get(self, ids: Sequence[str]) -> Sequence[Deal]:
        await self._request("get", ids)
        return [self.deals[each] for each in ids if each in self.deals]

    async def create(self, cards: Sequence[Card]) -> Sequence[Deal]:
        await self._request("create", cards)
        made = []
        for card in cards:
            deal = Deal(
                f"d{next(self._numbers)}", card.reference, "", "lead", self._now(), card.owner, US, party=card.domain
            )
            self.cards[deal.id] = card
            made.append(self._write(deal))
        await self._answer("create", cards)
        return made

    async def change(self, deal: Deal, *, owner: str | None = None, close: bool = False) -> Deal:
        await self._request("change", deal)
        there = self.deals[deal.id]
        if there.revision != deal.revision:
            raise Conflict("conflict")
        there = there._replace(owner=owner or there.owner, stage=CLOSES_AS if close else there.stage, by=US)
        there = self._write(there)
        await self._answer("change", deal)
        return there

    async def remark(self, id: str, text: str) -> None:
        await self._request("remark", text)
        self._remark(id, text, US)
        await self._answer("remark", text)

    async def changes(self, position: str, overlap_s: float) -> Changes:
        await self._request("changes", position)
        since = int(position or 0) - round(overlap_s * 1000)
        found = [deal for deal in self.deals.values() if self._changed(deal) >= since]
        newest = max([int(position or 0), *(self._changed(deal) for deal in found)])
        answer = Changes(found, [party for party in self.parties if party.at >= since], f"{newest:020}")
        await self._answer("changes", position)
        return answer

    async def check(self) -> Sequence[Finding]:
        return [Finding("paper", True)]

    # what people do

    def act(self, id: str, by: str = "u-ann", **fields: object) -> None:
        """Somebody writes to a record."""
        self._write(self.deals[id]._replace(by=by, **fields))  # type: ignore[arg-type]

    def note(self, id: str, text: str, by: str = "u-ann") -> None:
        """Somebody writes a note."""
        self._remark(id, text, by)

    def delete(self, id: str) -> None:
        """Somebody deletes a record."""
        del self.deals[id]

    def of(self, reference: str) -> list[Deal]:
        """The records of a handoff."""
        return [deal for deal in self.deals.values() if deal.reference == reference]

    def open_ones(self, reference: str) -> list[Deal]:
        """Those of them that nobody has closed."""
        return [deal for deal in self.of(reference) if deal.stage not in ("cancelled", "lost", "won")]

    async def _request(self, method: str, argument: object) -> None:
        self.calls.append(method)
        await _said(self.before(method, argument))

    async def _answer(self, method: str, argument: object) -> None:
        await _said(self.after(method, argument))

    def _write(self, deal: Deal) -> Deal:
        deal = deal._replace(at=self._now(), revision=f"r{next(self._numbers)}")
        self.deals[deal.id] = deal
        return deal

    def _remark(self, id: str, text: str, by: str) -> None:
        remark = Remark(f"n{next(self._numbers)}", text, by, self._now())
        self.deals[id] = self.deals[id]._replace(remarks=(*self.deals[id].remarks, remark))

    def _changed(self, deal: Deal) -> int:
        return max(deal.at, *(remark.at for remark in deal.remarks), 0)

    def _now(self) -> int:
        """The wall, never the same twice."""
        self._last = max(self._last + 1, time.time_ns() // 1_000_000)
        return self._last


async def _said(answer: object) -> None:
    if asyncio.iscoroutine(answer):
        await answer


class PaperHands:
    """People, for the contract."""

    first, second, taken = FIRST, SECOND, "opportunity"

    def __init__(self, crm: PaperCrm) -> None:
        self._crm = crm

    async def take_on(self, id: str) -> None:
        self._crm.act(id, stage="opportunity")

    async def give(self, id: str, code: str) -> None:
        self._crm.act(id, owner=f"e-{code}")

    async def note(self, id: str, text: str) -> None:
        self._crm.note(id, text)

    async def delete(self, id: str) -> None:
        self._crm.delete(id)
