"""Tryton as the kit's `Crm`: a handoff is an opportunity whose reference is its id; notes are its remarks.

Companies are parties whose code is their domain, people without one parties whose code is their address: codes are
unique in Tryton, so none is made twice. A party that is there already under any code is found by the person's address.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.connectors.crm import Changes, Finding
from services.connectors.deal import Card, Deal, Person
from services.connectors.errors import Failing, Overtaken
from services.connectors.http import Http
from services.connectors.tryton import checks, parties
from services.connectors.tryton.position import Position
from services.connectors.tryton.reading import FIELDS, OPPORTUNITY, Revision, deals_of
from services.connectors.tryton.rpc import Rpc
from services.connectors.tryton.settings import TrytonSettings
from services.connectors.tryton.values import microseconds, wire_time
from services.runtime.errors import UserError

PAGE = 500
OLDEST_FIRST = [["last_modified_at", "ASC"], ["id", "ASC"]]
_LEAD = "lead"


class Tryton:
    """See `services.connectors.crm.Crm`."""

    closes_as = "cancelled"

    def __init__(self, settings: TrytonSettings) -> None:
        self._settings = settings
        self._http = Http(settings)
        password = _password(settings.password_file)
        self.rpc = Rpc(self._http, str(settings.url), settings.database, settings.user, password)

    async def open(self) -> None:
        await self._http.__aenter__()
        await self.ping()

    async def close(self) -> None:
        await self.rpc.logout()
        await self._http.__aexit__(None, None, None)

    async def ping(self) -> None:
        await self.rpc.login()
        company = self._settings.company
        if company is None:
            found = await self.rpc.search_read("company.company", [], ["id"], limit=1)
            company = int(found[0]["id"]) if found else None
        self.rpc.context["company"] = company

    async def own_user(self) -> str:
        return str(self.rpc.user)

    async def people(self) -> Sequence[Person]:
        everybody: dict[str, Any] = {"active_test": False}  # who left is still the owner of something
        employees = await self.rpc.search_read("company.employee", [], ["party.code", "active"], **everybody)
        users = await self.rpc.search_read("res.user", [], ["employees"], **everybody)
        logins: dict[int, list[str]] = {}
        for user in users:
            for employee in user.get("employees") or ():
                logins.setdefault(employee, []).append(str(user["id"]))
        return [
            Person(
                str(each["id"]), str((each.get("party.") or {}).get("code") or ""), tuple(logins.get(each["id"], ()))
            )
            for each in employees
        ]

    async def find(self, references: Sequence[str]) -> Sequence[Deal]:
        return await self._deals([["reference", "in", list(references)]])

    async def get(self, ids: Sequence[str]) -> Sequence[Deal]:
        return await self._deals([["id", "in", [int(each) for each in ids]]])

    async def create(self, cards: Sequence[Card]) -> Sequence[Deal]:
        contacts = await parties.contacts(self.rpc, cards)
        values = [_values(card, contact) for card, contact in zip(cards, contacts, strict=True)]
        ids = await self.rpc.call(OPPORTUNITY, "create", values)
        user = str(self.rpc.user)
        return [
            Deal(str(made), card.reference, "", _LEAD, at=0, owner=card.owner, by=user)
            for made, card in zip(ids, cards, strict=True)
        ]

    async def change(self, deal: Deal, *, owner: str | None = None, close: bool = False) -> Deal:
        read = Revision.parse(deal.revision)
        unchanged = {"_timestamp": {f"{OPPORTUNITY},{deal.id}": read.timestamp}}
        if owner is not None:
            await self.rpc.call(OPPORTUNITY, "write", [int(deal.id)], {"employee": int(owner)}, **unchanged)
        if close:
            await self.rpc.call(OPPORTUNITY, "cancel", [int(deal.id)], **unchanged)
        meanwhile = await self._written_since(deal.id, read)
        if meanwhile is not None:
            if owner is not None and meanwhile.owner != owner:
                await self._give_back(meanwhile)
            raise Overtaken(meanwhile)
        return deal._replace(owner=owner or deal.owner, stage=self.closes_as if close else deal.stage)

    async def _give_back(self, deal: Deal) -> None:
        with contextlib.suppress(Failing):  # what is lost is nobody else's any more, and can't be
            owner = None if deal.owner is None else int(deal.owner)
            await self.rpc.call(OPPORTUNITY, "write", [int(deal.id)], {"employee": owner})

    async def _written_since(self, id: str, read: Revision) -> Deal | None:
        """The record as others left it between our reading and our writing. Tryton compares time stamps before it
        waits for its turn to write, and after a first try not at all: only the record's history tells."""
        found = await self.rpc.call(OPPORTUNITY, "history_revisions", [int(id)])
        later = sorted({at for each in found if (at := microseconds(each[0])) > read.at})
        before = None
        for at in later[:-1] if len(later) > 1 else ():
            then = await self.rpc.call(OPPORTUNITY, "read", [int(id)], FIELDS, _datetime=wire_time(at))
            [before_us] = deals_of(then, self._http.skew_ms)
            if before_us.by == str(self.rpc.user):
                break
            before = before_us
        return before

    async def remark(self, id: str, text: str) -> None:
        await self.rpc.call("ir.note", "create", [{"resource": f"{OPPORTUNITY},{id}", "message": text}])

    async def changes(self, position: str, overlap_s: float) -> Changes:
        at = Position.parse(position)
        window = at.window(round(overlap_s * 1_000_000))
        others = [*window, ["OR", *_not_by(self.rpc.user)]]
        if at.phase == "p":
            rows = await self.rpc.search_read(
                parties.PARTY, others, ["last_modified_at"], order=OLDEST_FIRST, limit=PAGE
            )
            after = at.read(_last(rows), full=len(rows) >= PAGE)
            stands = await parties.standings(self.rpc, sorted(row["id"] for row in rows), self._http.skew_ms)
            return Changes([], stands, str(after), after.phase == "p")
        rows = await self.rpc.search_read(OPPORTUNITY, others, FIELDS, order=OLDEST_FIRST, limit=PAGE)
        after = at.read(_last(rows), full=len(rows) >= PAGE)
        if at.after is None:
            rows += await self._noted(at, overlap_s, {row["id"] for row in rows})
        deals = deals_of(rows, self._http.skew_ms)
        notes = (each.at for deal in deals for each in deal.remarks if each.by != str(self.rpc.user))
        after = after.heard(min((max(notes, default=0) + self._http.skew_ms) * 1000, _now_there(self._http.skew_ms)))
        touched = sorted({int(deal.party) for deal in deals if deal.party})
        return Changes(deals, await parties.standings(self.rpc, touched, self._http.skew_ms), str(after), more=True)

    async def _noted(self, at: Position, overlap_s: float, known: set[int]) -> list[dict[str, Any]]:
        """Opportunities on which somebody wrote a note: that does not change them."""
        since = wire_time(max(0, at.since - round(overlap_s * 1_000_000)))
        noted = [["notes", "where", [["create_date", ">=", since], ["create_uid", "!=", self.rpc.user]]]]
        rows = await self.rpc.search_read(OPPORTUNITY, noted, FIELDS)
        return [row for row in rows if row["id"] not in known]

    async def check(self) -> Sequence[Finding]:
        return await checks.check(self.rpc, self._settings)

    async def _deals(self, domain: list[Any]) -> Sequence[Deal]:
        return deals_of(await self.rpc.search_read(OPPORTUNITY, domain, FIELDS), self._http.skew_ms)


def _values(card: Card, contact: parties.Contact) -> dict[str, Any]:
    """An opportunity as it is made; a lead of nobody has no employee."""
    return {
        "reference": card.reference,
        "employee": None if card.owner is None else int(card.owner),
        "party": contact.party,
        "contact": contact.mechanism,
        "description": card.title,
        "comment": card.story,
        "conversion_probability": card.probability if card.probability is not None else 0.5,
    }


def _not_by(user: int) -> list[Any]:
    """Written last by somebody else than `user`; what was never written, made by somebody else."""
    return [["write_uid", "!=", user], [["write_uid", "=", None], ["create_uid", "!=", user]]]


def _last(rows: Sequence[dict[str, Any]]) -> tuple[int, int] | None:
    return (microseconds(rows[-1]["last_modified_at"]), rows[-1]["id"]) if rows else None


def _now_there(skew_ms: int) -> int:
    return time.time_ns() // 1000 + skew_ms * 1000


def _password(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise UserError(f"password_file: {path}: {error.strerror}", fix="name a readable file") from error
