"""Tryton as the kit's `Crm`: a handoff is an opportunity whose reference is its id; notes are its remarks.

Companies are parties whose code is their domain, people without one parties whose code is their address: codes are
unique in Tryton, so none is made twice. A party that is there already under any code is found by the person's address.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.connectors.crm import Changes, Finding
from services.connectors.deal import Card, Deal, Person
from services.connectors.http import Http
from services.connectors.tryton import checks, parties
from services.connectors.tryton.reading import FIELDS, OPPORTUNITY, deals_of, remarks_of
from services.connectors.tryton.rpc import Rpc
from services.connectors.tryton.settings import TrytonSettings
from services.connectors.tryton.values import microseconds, wire_time
from services.runtime.errors import UserError

PAGE = 500
OLDEST_FIRST = [["last_modified_at", "ASC"], ["id", "ASC"]]
_LEAD = "lead"


class Tryton:
    """See `services.connectors.crm.Crm`."""

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
        employees = await self.rpc.search_read("company.employee", [], ["party.code"])
        users = await self.rpc.search_read("res.user", [], ["employees"])
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
        unchanged = {"_timestamp": {f"{OPPORTUNITY},{deal.id}": deal.revision}}
        if owner is not None:
            await self.rpc.call(OPPORTUNITY, "write", [int(deal.id)], {"employee": int(owner)}, **unchanged)
            deal = deal._replace(owner=owner)
        if close:
            await self.rpc.call(OPPORTUNITY, "cancel", [int(deal.id)], **unchanged)
            deal = deal._replace(stage="cancelled")
        return deal

    async def remark(self, id: str, text: str) -> None:
        await self.rpc.call("ir.note", "create", [{"resource": f"{OPPORTUNITY},{id}", "message": text}])

    async def changes(self, position: str, overlap_s: float) -> Changes:
        start = int(position or 0)
        since = wire_time(max(0, start - round(overlap_s * 1_000_000)))
        us = self.rpc.user
        others = [["last_modified_at", ">=", since], ["OR", *_not_by(us)]]
        rows = await self.rpc.search_read(OPPORTUNITY, others, FIELDS, order=OLDEST_FIRST, limit=PAGE)
        changed = await self.rpc.search_read(
            parties.PARTY, others, ["last_modified_at"], order=OLDEST_FIRST, limit=PAGE
        )
        noted = [["notes", "where", [["create_date", ">=", since], ["create_uid", "!=", us]]]]
        there = {row["id"] for row in rows}
        noted_rows = await self.rpc.search_read(OPPORTUNITY, noted, FIELDS)
        deals = await self._with_remarks([*rows, *(row for row in noted_rows if row["id"] not in there)])
        touched = {int(deal.party) for deal in deals if deal.party} | {row["id"] for row in changed}
        stands = await parties.standings(self.rpc, sorted(touched), self._http.skew_ms) if touched else []
        full = [_end(found) for found in (rows, changed) if len(found) >= PAGE]
        last_note = max((each.at for deal in deals for each in deal.remarks if each.by != str(us)), default=0)
        reached = min(full) if full else max(start, _end(rows), _end(changed), (last_note + self._http.skew_ms) * 1000)
        return Changes(deals, stands, f"{reached:020}", bool(full) and reached > start)

    async def check(self) -> Sequence[Finding]:
        return await checks.check(self.rpc, self._settings)

    async def _deals(self, domain: list[Any]) -> Sequence[Deal]:
        return await self._with_remarks(await self.rpc.search_read(OPPORTUNITY, domain, FIELDS))

    async def _with_remarks(self, rows: list[dict[str, Any]]) -> list[Deal]:
        if not rows:
            return []
        on_these = [["resource", "in", [f"{OPPORTUNITY},{row['id']}" for row in rows]]]
        notes = await self.rpc.search_read("ir.note", on_these, ["resource", "message", "create_uid", "create_date"])
        return deals_of(rows, remarks_of(notes, self._http.skew_ms), self._http.skew_ms)


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


def _end(rows: Sequence[dict[str, Any]]) -> int:
    return max((microseconds(row["last_modified_at"]) for row in rows), default=0)


def _password(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise UserError(f"password_file: {path}: {error.strerror}", fix="name a readable file") from error
