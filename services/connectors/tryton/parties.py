"""Companies and people in Tryton: found by address, domain or code before they are made; and how they stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from services.connectors.deal import Card, Party, Stand
from services.connectors.facts import FREE_MAIL
from services.connectors.tryton.reading import OPPORTUNITY
from services.connectors.tryton.rpc import Rpc
from services.connectors.tryton.values import microseconds

PARTY, MECHANISM = "party.party", "party.contact_mechanism"
_LONGEST_CODE = 128


class Contact(NamedTuple):
    """Whom an opportunity is about: the party, and the address by which the person is reached."""

    party: int | None
    mechanism: int | None


async def contacts(rpc: Rpc, cards: Sequence[Card]) -> list[Contact]:
    """A contact for each card, in its order; what is missing is made.

    A person is known by his address; a company by our code for it, or by a website or colleagues at its domain.
    """
    emails = {card.email for card in cards if card.email}
    known = await _addresses(rpc, emails)
    strangers = [card for card in cards if card.email is None or _key(card.email) not in known]
    parties = await _companies(rpc, strangers)
    missing = {code: card for card in strangers if (code := code_of(card)) and code not in parties}
    if missing:
        first = {code: _party(card, code) for code, card in missing.items()}
        parties |= dict(zip(first, await rpc.call(PARTY, "create", list(first.values())), strict=True))
    newcomers = {
        _key(card.email): (parties[code], card) for card in strangers if (code := code_of(card)) and card.email
    }
    if newcomers:
        values = [_mechanism(card, party) for party, card in newcomers.values()]
        made = await rpc.call(MECHANISM, "create", values)
        known |= {key: Contact(party, each) for (key, (party, _)), each in zip(newcomers.items(), made, strict=True)}
    return [_contact(card, known, parties) for card in cards]


def code_of(card: Card) -> str | None:
    """The code of the party that stands for a card: its company's domain or name, else the person's address."""
    domain = (card.domain or "").casefold().removeprefix("www.").strip(".")
    if not domain and card.email:
        own = card.email.rpartition("@")[2].casefold()
        domain = own if own not in FREE_MAIL else ""
    return (domain or card.company or card.email or card.name or "")[:_LONGEST_CODE].strip() or None


async def standings(rpc: Rpc, ids: Sequence[int], skew_ms: int) -> list[Party]:
    """How these parties stand: addresses, categories, deals."""
    if not ids:
        return []
    among = ["in", list(ids)]
    rows = await rpc.search_read(PARTY, [["id", *among]], ["categories", "last_modified_at"], active_test=False)
    names = {row["id"]: row["name"] for row in await rpc.search_read("party.category", [], ["name"])}
    mechanisms: dict[int, list[tuple[str, str]]] = defaultdict(list)
    wanted = [["party", *among], ["type", "in", ["email", "website"]]]
    for row in await rpc.search_read(MECHANISM, wanted, ["party", "type", "value"]):
        mechanisms[row["party"]].append((row["type"], row["value"] or ""))
    deals: dict[int, list[Stand]] = defaultdict(list)
    fields = ["party", "state", "employee", "last_modified_at", "reference"]
    order = [["last_modified_at", "ASC"], ["id", "ASC"]]
    for row in await rpc.search_read(OPPORTUNITY, [["party", *among]], fields, order=order):
        owner = None if row["employee"] is None else str(row["employee"])
        at = microseconds(row["last_modified_at"]) // 1000 - skew_ms
        deals[row["party"]].append(Stand(row["state"], owner, at, row["reference"] or ""))
    return [
        Party(
            id=str(row["id"]),
            emails=_of("email", mechanisms[row["id"]]),
            domains=tuple(_domain(url) for url in _of("website", mechanisms[row["id"]])),
            categories=tuple(names[each] for each in row["categories"] or () if each in names),
            deals=tuple(deals[row["id"]]),
            at=max(microseconds(row["last_modified_at"]) // 1000 - skew_ms, *(deal.at for deal in deals[row["id"]]), 0),
        )
        for row in rows
    ]


async def _addresses(rpc: Rpc, emails: Iterable[str]) -> dict[str | None, Contact]:
    """Who has these addresses, however they are spelled; the oldest where several have one."""
    wanted = [["value", "ilike", _exactly(email)] for email in sorted(emails)]
    if not wanted:
        return {}
    rows = await rpc.search_read(MECHANISM, [["type", "=", "email"], ["OR", *wanted]], ["party", "value"])
    return {_key(row["value"]): Contact(row["party"], row["id"]) for row in reversed(rows)}


async def _companies(rpc: Rpc, cards: Sequence[Card]) -> dict[str, int]:
    """The parties of companies that are there, by our code for them."""
    codes = sorted({code for card in cards if (code := code_of(card))})
    if not codes:
        return {}
    rows = await rpc.search_read(PARTY, [["code", "in", codes]], ["code", "replaced_by"], active_test=False)
    found = {row["code"]: row["replaced_by"] or row["id"] for row in rows}
    domains = [code for code in codes if code not in found and "." in code and "@" not in code and " " not in code]
    if domains:
        at = [[["type", "=", "website"], ["value", "ilike", f"%{_exactly(domain)}%"]] for domain in domains]
        at += [[["type", "=", "email"], ["value", "ilike", f"%@{_exactly(domain)}"]] for domain in domains]
        for row in reversed(await rpc.search_read(MECHANISM, [["OR", *at]], ["party", "type", "value"])):
            host = _domain(row["value"]) if row["type"] == "website" else row["value"].rpartition("@")[2]
            host = host.casefold().removeprefix("www.")
            if host in domains:
                found[host] = row["party"]
    return found


def _exactly(text: str) -> str:
    """A text for `ilike` in which every letter means itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _contact(card: Card, addresses: dict[str | None, Contact], by_code: dict[str, int]) -> Contact:
    known = addresses.get(_key(card.email)) if card.email else None
    if known is not None:
        return known
    code = code_of(card)
    return Contact(by_code.get(code) if code is not None else None, None)


def _party(card: Card, code: str) -> dict[str, Any]:
    country_unknown: list[Any] = [["create", [{}]]]  # a sale can't be quoted without any address
    values: dict[str, Any] = {"name": card.company or card.name or code, "code": code, "addresses": country_unknown}
    if card.domain:
        values["contact_mechanisms"] = [["create", [{"type": "website", "value": f"https://{card.domain}"}]]]
    return values


def _mechanism(card: Card, party: int) -> dict[str, Any]:
    name = ", ".join(part for part in (card.name, card.job_title) if part)
    comment = f"phone {card.phone}" if card.phone else None
    return {"party": party, "type": "email", "value": card.email, "name": name or None, "comment": comment}


def _key(email: str | None) -> str | None:
    return None if email is None else email.casefold()


def _of(type: str, mechanisms: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(value for kind, value in mechanisms if kind == type and value)


def _domain(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition(":")[0] if "://" in url else url.partition("/")[0]
