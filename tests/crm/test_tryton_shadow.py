"""In shadow, a real Tryton is only read: what reps do there is compared with what Baton would have done."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from baton_schemas.catalogue import TOPICS
from baton_schemas.configuration import ConfigItem
from baton_schemas.keys import person_key
from services.cli.shadow import compared
from services.connectors.tryton.crm import Tryton
from services.runtime.embedded.broker import Broker
from services.simulator.tryton.reps import OPPORTUNITY
from services.simulator.tryton.server import TrytonServer
from tests.connectors.running import Baton, baton, running, settings_for, until
from tests.crm.connecting import settings_for as tryton_for
from tests.crm.office import Office
from tests.crm.proxy import Proxy
from tests.unit.connectors.deals import routed

pytestmark = [pytest.mark.kafka, pytest.mark.crm, pytest.mark.asyncio]
READS = {"search_read", "search", "read", "fields_get", "get_access", "login", "logout"}
HOUR = 3_600_000


@pytest_asyncio.fixture
async def side(kafka: Broker, unique: Callable[[str], str]) -> AsyncIterator[Baton]:
    assert kafka.bootstrap is not None
    async with baton(settings_for(kafka.bootstrap, unique(""), shadow=True), *TOPICS) as found:
        yield found


async def decide(side: Baton, email: str, rep: str) -> str:
    """Baton would have given this person to a rep; the handoff."""
    now = time.time_ns() // 1_000_000
    lead = person_key(b"a secret of the tests", "k1", "email", email)
    handoff, known = f"h{now:024x}", routed()
    qualified = known.qualified.model_copy(update={"lead": lead, "handoff": handoff, "at": now})
    clock = known.clock.model_copy(update={"started_at": now, "due_at": now + HOUR})
    changes = {"lead": lead, "handoff": handoff, "rep": rep, "team": "dach", "qualified": qualified, "clock": clock}
    await side.send("leads.qualified", lead, qualified)
    await side.send("leads.routed", lead, known.model_copy(update=changes))
    return handoff


async def worked_on(office: Office, email: str, rep: str) -> int:
    """People make a lead of their own for this person."""
    manager = await office.login("mgr-10")
    [employee] = await manager.search("company.employee", ["party.code", "=", rep])
    address: dict[str, Any] = {"type": "email", "value": email}
    party = {"name": "Own find", "addresses": [["create", [{}]]], "contact_mechanisms": [["create", [address]]]}
    [customer] = await manager.create("party.party", party)
    [contact] = await manager.search("party.contact_mechanism", ["party", "=", customer])
    [made] = await manager.create(OPPORTUNITY, {"party": customer, "employee": employee, "contact": contact})
    return made


async def test_nothing_is_written_and_the_real_owner_is_named(
    side: Baton, office: Office, tryton: TrytonServer, tmp_path: Path
) -> None:
    email = f"ada-{time.time_ns()}@own-find.example"
    async with Proxy(tryton.url) as proxy:
        config = tryton_for(proxy.url, tryton.database, tmp_path)
        fields = {name: getattr(config, name) for name in type(config).model_fields}
        async with running(side.settings, Tryton(config), **fields) as connector:
            await until(lambda: bool(connector.desks()), "it works")
            handoff = await decide(side, email, "rep-101")
            deal = await worked_on(office, email, "rep-102")
            rep = await office.rep("rep-102")
            await rep.note(deal, "called, wants an offer")
            await rep.qualify(deal)

            async def shown() -> bool:
                entries, _, _ = await compared(side.settings, 0)
                mine = [each for each in entries if each.decided and each.decided.qualified.handoff == handoff]
                return any(each.deal is not None and each.deal.stage == "accepted" for each in mine)

            await side.send("baton.config", "teams/none", ConfigItem(kind="teams", name="none", digest="0", text=""))
            await until(shown, "the report knows what was done")
        methods = [method.rpartition(".")[2] for method in proxy.requests]
    assert set(methods) <= READS, "no request of ours writes"
    assert methods.count("search_read") > 3
    entries, _, _ = await compared(side.settings, 0)
    (entry,) = [each for each in entries if each.decided and each.decided.qualified.handoff == handoff]
    assert (entry.standing, entry.touch) == ("both", "in_time")
    assert entry.deal is not None
    assert (entry.deal.deal, entry.deal.owner) == (str(deal), "rep-102")
    (owner,) = [each.text for each in entry.differences if each.kind == "owner"]
    assert "Baton gives it to rep-101 of dach" in owner
    assert "the CRM had rep-102" in owner
    assert await side.records("feedback.events") == [], "a connector in shadow speaks of deals, not of handoffs"
