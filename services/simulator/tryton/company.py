"""The company in the simulated CRM: its people with a user each, what they may do, and how it sells.

Everything goes over the API, as an administrator at the screen would do it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from baton_schemas.documents.teams import Teams
from services.simulator.tryton.rpc import Session

ADMIN = "admin"
CONNECTOR = "baton"
COMPANY_CODE = "our-company"
"""The company's own party; its people's parties carry their ids."""

CONNECTOR_RIGHTS: Mapping[str, str] = {
    "sale.opportunity": "rwc",
    "party.party": "rwc",
    "ir.note": "rc",
}
"""What the connector may do: read, write, create; never delete. A party's addresses, contact mechanisms and identifiers
follow the party, notes follow what they are attached to as well, employees and users may be read by everybody."""

_SALES_GROUPS = ("Sale Opportunity", "Sales")
_MANAGER_GROUPS = (*_SALES_GROUPS, "Sales Administrator")
_CONNECTOR_GROUP = "Lead Connector"


class Person(NamedTuple):
    """Somebody who works here. `id` is what the CRM calls them: their login, and the code of their party."""

    id: str
    name: str


class Staff(NamedTuple):
    """Who works in sales."""

    reps: tuple[Person, ...]
    managers: tuple[Person, ...] = ()


def staff_of(teams: Teams) -> Staff:
    """The people of Baton's own documents, by the ids that those give them. A manager who sells too is a rep."""
    reps = {rep.id: Person(rep.id, rep.name or rep.id) for team in teams.teams for rep in team.reps}
    managers = {team.manager: Person(team.manager, team.manager) for team in teams.teams if team.manager not in reps}
    return Staff(tuple(reps.values()), tuple(managers.values()))


def password(login: str) -> str:
    """The password of a simulated user. It guards nothing: the server listens on this machine alone."""
    return f"{login}-guards-nothing"


async def found(admin: Session, staff: Staff) -> None:
    """Founds the company in a database in which nobody has done anything yet."""
    company = await _company(admin)
    admin.context["company"] = company
    await admin.write("res.user", admin.user, companies=[["add", [company]]], company=company)
    await _selling(admin)
    for people, groups in ((staff.reps, _SALES_GROUPS), (staff.managers, _MANAGER_GROUPS)):
        await _employ(admin, company, people, await _groups(admin, groups))
    await _connector(admin, company)


async def _company(admin: Session) -> int:
    currency = {"name": "Euro", "symbol": "€", "code": "EUR", "numeric_code": "978"}
    [euro] = await admin.create("currency.currency", currency)
    [party] = await admin.create("party.party", {"name": "Our Company", "code": COMPANY_CODE})
    [company] = await admin.create("company.company", {"party": party, "currency": euro, "timezone": "UTC"})
    return company


async def _selling(admin: Session) -> None:
    """Nothing is shipped or invoiced by itself, so a sale needs no products, warehouses, accounts or taxes."""
    values = {"sale_invoice_method": "manual", "sale_shipment_method": "manual"}
    await admin.write("sale.configuration", 1, **values)


async def _employ(admin: Session, company: int, people: Sequence[Person], groups: Sequence[int]) -> None:
    """Party, employee and user of each."""
    parties = await admin.create("party.party", *({"name": person.name, "code": person.id} for person in people))
    employees = await admin.create("company.employee", *({"party": party, "company": company} for party in parties))
    for person, employee in zip(people, employees, strict=True):
        work = {"employees": [["add", [employee]]], "employee": employee}
        await _user(admin, company, person, groups, work)


async def _connector(admin: Session, company: int) -> None:
    """A group of its own that says what it may do: to be in one of Tryton's groups would be to be allowed more."""
    rows = [
        {"model": model, **{f"perm_{name}": name[0] in may for name in ("read", "write", "create", "delete")}}
        for model, may in CONNECTOR_RIGHTS.items()
    ]
    [group] = await admin.create("res.group", {"name": _CONNECTOR_GROUP, "model_access": [["create", rows]]})
    await _user(admin, company, Person(CONNECTOR, "Baton"), [group], {})


async def _user(
    admin: Session, company: int, person: Person, groups: Sequence[int], work: Mapping[str, object]
) -> None:
    values = {
        "name": person.name,
        "login": person.id,
        "password": password(person.id),
        "groups": [["add", list(groups)]],
        "companies": [["add", [company]]],
        "company": company,
        **work,
    }
    await admin.create("res.user", values)


async def _groups(admin: Session, names: Sequence[str]) -> list[int]:
    return await admin.search("res.group", ["name", "in", list(names)])
