"""What reps do in the simulated CRM happens in a real one: every path a lead can take, and who may see and do what."""

from __future__ import annotations

import pytest

from services.simulator.tryton.company import CONNECTOR_RIGHTS
from services.simulator.tryton.reps import OPPORTUNITY
from services.simulator.tryton.rpc import Fault
from tests.crm.office import Office

pytestmark = [pytest.mark.crm, pytest.mark.asyncio, pytest.mark.timeout(600)]  # the first run makes the database


async def test_a_lead_is_qualified_converted_and_won(office: Office) -> None:
    connector, anna = await office.connector(), await office.rep("rep-101")
    lead = await office.opportunity(connector, "rep-101")
    assert await anna.state(lead) == "lead"
    await anna.qualify(lead)
    assert await anna.state(lead) == "opportunity"
    await anna.win(lead)
    assert await anna.state(lead) == "won"
    seen = await connector.read(OPPORTUNITY, lead, "state", "amount")
    assert (seen["state"], seen["amount"]) == ("won", 1000)


async def test_a_lead_is_lost_with_a_reason_and_opened_again(office: Office) -> None:
    connector, bernd = await office.connector(), await office.rep("rep-102")
    lead = await office.opportunity(connector, "rep-102")
    await bernd.lose(lead, "no budget")
    seen = await connector.read(OPPORTUNITY, lead, "state", "lost_reason")
    assert (seen["state"], seen["lost_reason"]) == ("lost", "no budget")
    await bernd.reopen(lead)
    assert await bernd.state(lead) == "lead"


async def test_a_lead_is_cancelled(office: Office) -> None:
    connector, clara = await office.connector(), await office.rep("rep-103")
    lead = await office.opportunity(connector, "rep-103")
    await clara.cancel(lead)
    assert (await connector.read(OPPORTUNITY, lead, "state"))["state"] == "cancelled"


async def test_a_lead_changes_hands_and_is_let_go(office: Office) -> None:
    connector, anna, manager = await office.connector(), await office.rep("rep-101"), await office.rep("mgr-10")
    lead = await office.opportunity(connector, "rep-101")
    await anna.hand_to(lead, "rep-102")
    seen = await connector.read(OPPORTUNITY, lead, "employee.party.code", "write_uid")
    assert seen["employee."]["party."]["code"] == "rep-102"
    assert seen["write_uid"] == anna.session.user
    await manager.let_go(lead)
    assert (await connector.read(OPPORTUNITY, lead, "employee"))["employee"] is None


async def test_a_note_names_its_author_and_the_connector_reads_it(office: Office) -> None:
    connector, anna = await office.connector(), await office.rep("rep-101")
    lead = await office.opportunity(connector, "rep-101")
    note = await anna.note(lead, "called, wants a demo")
    assert await connector.search("ir.note", ["resource", "=", f"{OPPORTUNITY},{lead}"]) == [note]
    seen = await connector.read("ir.note", note, "message", "create_uid")
    assert (seen["message"], seen["create_uid"]) == ("called, wants a demo", anna.session.user)


async def test_the_connector_may_do_what_it_needs_and_no_more(office: Office) -> None:
    connector, anna = await office.connector(), await office.rep("rep-101")
    lead = await office.opportunity(connector, "rep-101")
    await anna.cancel(lead)
    assert "d" not in "".join(CONNECTOR_RIGHTS.values())
    for model, method, *arguments in (
        (OPPORTUNITY, "delete", [lead]),
        ("party.party", "delete", [1]),
        ("res.user", "write", [connector.user], {"name": "somebody else"}),
        ("company.employee", "create", [{}]),
        ("sale.sale", "search", [], 0, None, None),
    ):
        with pytest.raises(Fault) as refused:
            await connector.call(str(model), str(method), *arguments)
        assert refused.value.kind == "UserError", (model, method)
