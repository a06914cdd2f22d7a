"""What `baton connector check` looks at in Tryton: modules, rights, stages, people, labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.connectors.crm import Finding
from services.connectors.errors import CrmError
from services.connectors.settings import ConnectorSettings
from services.connectors.tryton.reading import OPPORTUNITY
from services.connectors.tryton.rpc import Rpc

# read first, then what it takes to write
NEEDED: Mapping[str, tuple[str, ...]] = {
    OPPORTUNITY: ("read", "write", "create"),
    "party.party": ("read", "write", "create"),
    "party.contact_mechanism": ("read", "create"),
    "company.employee": ("read",),
    "res.user": ("read",),
    "ir.note": ("read", "create"),
}


async def check(rpc: Rpc, settings: ConnectorSettings) -> list[Finding]:
    """Everything, as far as it can be looked at; the first thing that is missing may hide others."""
    try:
        await rpc.login()
    except CrmError as error:
        return [Finding("log-in", False, f"{error}: check url, database, user and password_file")]
    findings = [Finding("log-in", True)]
    for look in (_company, _rights, _stages, _labels):
        try:
            findings += await look(rpc, settings)
        except CrmError as error:
            findings.append(Finding(look.__name__.strip("_"), False, f"{error}: is sale_opportunity installed?"))
    return findings


async def _company(rpc: Rpc, _: ConnectorSettings) -> list[Finding]:
    there = rpc.context.get("company") or await rpc.search_read("company.company", [], ["id"], limit=1)
    return [Finding("company", bool(there), "" if there else "the user sees no company: give it one in Tryton")]


async def _rights(rpc: Rpc, _: ConnectorSettings) -> list[Finding]:
    access: dict[str, dict[str, Any]] = await rpc.call("ir.model.access", "get_access", list(NEEDED))
    findings = []
    for model, needed in NEEDED.items():
        for what, rights in (("rights to read", needed[:1]), ("rights to write", needed[1:])):
            lacking = [right for right in rights if not access.get(model, {}).get(right)]
            fix = f"give the user's group {' and '.join(lacking)} access to {model}" if lacking else ""
            if rights:
                findings.append(Finding(f"{what} {model}", not lacking, fix, to_write=rights != ("read",)))
    return findings


async def _stages(rpc: Rpc, settings: ConnectorSettings) -> list[Finding]:
    said = await rpc.call(OPPORTUNITY, "fields_get", ["state"])
    known = {str(value) for value, _ in said["state"]["selection"]}
    mapped = {each.stage for each in settings.mapping.stages}
    missing, strange = sorted(known - mapped), sorted(mapped - known)
    return [
        Finding("stages mapped", not missing, f"add {', '.join(missing)} to mapping.stages" if missing else ""),
        Finding("stages known", not strange, f"Tryton has no {', '.join(strange)}: remove it" if strange else ""),
    ]


async def _labels(rpc: Rpc, settings: ConnectorSettings) -> list[Finding]:
    standing = settings.mapping.standing
    wanted = {*standing.do_not_contact, *standing.disqualified, *standing.consents}
    known = {row["name"] for row in await rpc.search_read("party.category", [], ["name"])}
    missing = sorted(wanted - known)
    return [Finding("categories", not missing, f"Tryton has no party category {', '.join(missing)}" if missing else "")]
