"""A Tryton that says no in every way it can: each is named and waited out or buried, and other leads go on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.connectors.tryton.crm import Tryton
from services.connectors.worker import Connector
from services.runtime.dead_letters import read as read_letter
from services.runtime.embedded.broker import Broker
from services.runtime.errors import UserError
from services.simulator.tryton.rpc import Session
from services.simulator.tryton.server import TrytonServer
from tests.connectors.running import Baton, baton, running, settings_for, until
from tests.crm.connecting import settings_for as tryton_for
from tests.crm.office import Office
from tests.crm.proxy import Fault, Proxy

pytestmark = [pytest.mark.kafka, pytest.mark.crm, pytest.mark.asyncio]
CREATE, SEARCH = "model.sale.opportunity.create", "model.sale.opportunity.search_read"
HURRY: dict[str, Any] = {
    "poll_s": 0.2,
    "timeout_s": 1.0,
    "longest_pause_s": 0.3,
    "give_up_after_s": 3600.0,
    "sweep_s": 0.5,
}


@pytest_asyncio.fixture
async def side(kafka: Broker, unique: Callable[[str], str]) -> AsyncIterator[Baton]:
    assert kafka.bootstrap is not None
    async with baton(settings_for(kafka.bootstrap, unique(""))) as found:
        yield found


@pytest_asyncio.fixture
async def proxy(tryton: TrytonServer) -> AsyncIterator[Proxy]:
    async with Proxy(tryton.url) as found:
        yield found


class Desk:
    """Baton on one side, the CRM's people on the other, the connector between them."""

    def __init__(self, side: Baton, proxy: Proxy, office: Office, folder: Path, database: str) -> None:
        self.side, self.proxy, self.office = side, proxy, office
        self._folder, self._database = folder, database
        self._manager: Session | None = None
        self.number = time.time_ns() % 10**12 * 100

    @asynccontextmanager
    async def connected(self, **changes: Any) -> AsyncIterator[Connector]:
        config = tryton_for(self.proxy.url, self._database, self._folder, **{**HURRY, **changes})
        fields = {name: getattr(config, name) for name in type(config).model_fields}
        async with running(self.side.settings, Tryton(config), **fields) as connector:
            yield connector

    async def route(self, rep: str = "rep-101", **fields: Any) -> str:
        """A new lead; its handoff."""
        self.number += 1
        return (await self.side.route(self.number, rep, **fields)).handoff

    async def records(self, handoff: str) -> list[int]:
        """The opportunities of a handoff, asked for directly."""
        if self._manager is None:
            self._manager = await self.office.login("mgr-10")
        return await self._manager.search("sale.opportunity", ["reference", "=", handoff])

    async def there(self, handoff: str) -> int:
        """Its one opportunity, as soon as there is one."""
        await until(lambda: self._any(handoff), "an opportunity")
        [only] = await self.records(handoff)
        return only

    async def _any(self, handoff: str) -> bool:
        return bool(await self.records(handoff))

    async def heard(self, kind: str) -> bool:
        return kind in await self.side.kinds(self.number)


@pytest.fixture
def desk(side: Baton, proxy: Proxy, office: Office, tmp_path: Path, tryton: TrytonServer) -> Desk:
    return Desk(side, proxy, office, tmp_path, tryton.database)


async def test_the_whole_way_there_and_back(desk: Desk) -> None:
    async with desk.connected():
        opportunity = await desk.there(await desk.route())
        rep = await desk.office.rep("rep-101")
        await rep.note(opportunity, "called, wants an offer")
        await rep.note(opportunity, "pain: leads wait for days")
        await rep.qualify(opportunity)
        await until(lambda: desk.heard("accepted"))
        await rep.win(opportunity)
        await until(lambda: desk.heard("won"))
    kinds = await desk.side.kinds(desk.number)
    assert kinds[:2] == ["touched", "accepted"]
    assert kinds[-1] == "won"
    assert "InsightReported" in [type(each).__name__ for each in await desk.side.told()]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(status=401), "unauthorized"),
        (Fault(status=403), "forbidden"),
        (Fault(status=409), "conflict"),
        (Fault(status=429, headers={"Retry-After": "1"}), "too_many_requests"),
        (Fault(status=500), "server_error"),
        (Fault(status=503), "away"),
        (Fault(cut=True), "unreachable"),
        (Fault(hang=True), "timeout"),
    ],
    ids=["401", "403", "409", "429", "500", "503", "half-finished", "hang"],
)
async def test_whatever_a_create_runs_into_there_is_one_record_in_the_end(desk: Desk, fault: Fault, code: str) -> None:
    failing = 3  # a 401 is answered with a new log-in, and on a busy machine that may run out of time itself

    def rule(method: str, _number: int) -> Fault | None:
        nonlocal failing
        if method == CREATE and failing:
            failing -= 1
            return fault
        return None

    async with desk.connected() as connector:
        await until(lambda: bool(connector.desks()))
        desk.proxy.rule = rule
        handoff = await desk.route()
        await desk.there(handoff)
        await until(lambda: connector.metrics.value("baton_crm_failures_total", "tryton", code) >= 1, code)
        after = await desk.route()
        await desk.there(after)
    assert [len(await desk.records(each)) for each in (handoff, after)] == [1, 1]
    assert await desk.side.records("leads.routed.dead") == []


async def test_a_record_that_is_refused_for_ever_is_buried_and_the_others_are_not(desk: Desk) -> None:
    bad = f"h{desk.number + 1:024x}"

    def rule(method: str, number: int) -> Fault | None:
        return Fault(status=500) if method == CREATE and bad.encode() in desk.proxy.bodies[number - 1] else None

    async with desk.connected(give_up_after_s=1.0) as connector:
        await until(lambda: bool(connector.desks()))
        desk.proxy.rule = rule
        assert await desk.route() == bad
        for _ in range(20):
            await desk.there(await desk.route())
        await until(lambda: _next_and_letters(desk), "a dead letter")
    assert await desk.records(bad) == []
    [letter] = await desk.side.records("leads.routed.dead")
    assert read_letter(letter).code == "server_error"


async def _next_and_letters(desk: Desk) -> bool:
    """Others are served all the while: only then is a record at fault, and not the CRM."""
    await desk.there(await desk.route())
    return bool(await desk.side.records("leads.routed.dead"))


@pytest.mark.parametrize("act", ["takes_it_on", "gives_it_away", "loses_it", "loses_it_slowly"])
async def test_what_a_person_did_in_the_moment_of_our_write_stays(desk: Desk, act: str) -> None:
    """Tryton makes all its checks before it waits for its turn to write, so what was written in between is not seen.
    Here a person's write comes first, and then ours takes effect as it does after that wait."""
    slowly = act == "loses_it_slowly"
    async with desk.connected(poll_s=0.2 if slowly else 3600.0, sweep_s=0.5 if slowly else 3600.0) as connector:
        opportunity = await desk.there(await desk.route())
        await until(lambda: connector.metrics.value("baton_crm_orders_total", "tryton", "create") == 1)
        rep = await desk.office.rep("rep-101")
        pending = [True]

        async def person_and_we() -> None:
            match act:
                case "takes_it_on":
                    await rep.qualify(opportunity)
                case "gives_it_away":
                    await rep.hand_to(opportunity, "rep-103")
                case _:
                    await rep.lose(opportunity, None if slowly else "no budget")
            employee = json.loads(desk.proxy.bodies[-1])["params"][1]["employee"]
            await asyncio.to_thread(
                _written, desk.office.server, opportunity, employee, int(await connector.crm.own_user())
            )

        def rule(method: str, _number: int) -> Fault | None:
            if method == "model.sale.opportunity.write" and pending:
                pending.clear()
                return Fault(before=person_and_we, rewrite=_done)
            return None

        desk.proxy.rule = rule
        await desk.side.route(desk.number, "rep-102", 2, change="reassigned", previous_rep="rep-101")
        if slowly:
            await until(lambda: connector.metrics.value("baton_crm_unmapped", "tryton") == 1)
            await rep.session.write("sale.opportunity", opportunity, lost_reason="no budget")
        told = {"takes_it_on": "accepted", "gives_it_away": "passed_on"}.get(act, "rejected")
        await until(lambda: desk.heard(told))
        await until(lambda: any(link.version == 2 for each in connector.desks() for link in each.book), "carried out")
        assert await desk.side.kinds(desk.number) == [told]
        now = await rep.session.read("sale.opportunity", opportunity, "employee.party.code")
    if told != "rejected":  # Tryton gives nobody else what is lost, not back to its owner either
        assert now["employee."]["party."]["code"] == ("rep-103" if act == "gives_it_away" else "rep-101")


def _written(server: TrytonServer, opportunity: int, employee: int, us: int) -> None:
    """Our write as it is after all checks: the row, and the row of its history."""
    with contextlib.closing(sqlite3.connect(server.data, timeout=30)) as database, database:
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
        change = "UPDATE sale_opportunity SET employee = ?, write_uid = ?, write_date = ? WHERE id = ?"
        assert database.execute(change, (employee, us, now, opportunity)).rowcount == 1
        names = ", ".join(f'"{row[1]}"' for row in database.execute("PRAGMA table_info(sale_opportunity)"))
        kept = f"INSERT INTO sale_opportunity__history ({names}) SELECT {names} FROM sale_opportunity WHERE id = ?"  # noqa: S608
        database.execute(kept, (opportunity,))


def _done(body: bytes) -> bytes:
    """Instead of the write, which took effect already, a call that changes nothing."""
    call = json.loads(body)
    assert call["params"][-1].pop("_timestamp"), "a write is conditional"
    return json.dumps(
        call | {"method": "model.res.user.get_preferences", "params": [True, call["params"][-1]]}
    ).encode()


async def test_a_rep_without_employee_gets_a_record_of_nobody_and_is_reported(desk: Desk) -> None:
    async with desk.connected() as connector:
        opportunity = await desk.there(await desk.route("rep-999"))
        await until(lambda: connector.metrics.value("baton_crm_unmapped", "tryton") == 1)
        session = await desk.office.login("mgr-10")
        assert (await session.read("sale.opportunity", opportunity, "employee"))["employee"] is None
        await (await desk.office.rep("mgr-10")).hand_to(opportunity, "rep-102")
        await until(lambda: desk.heard("owner_changed"), "a person mends it")


async def test_a_deleted_record_is_a_rejection(desk: Desk) -> None:
    async with desk.connected():
        opportunity = await desk.there(await desk.route())
        rep = await desk.office.rep("rep-101")
        await rep.cancel(opportunity)
        await rep.session.call("sale.opportunity", "delete", [opportunity])
        await until(lambda: desk.heard("rejected"))


async def test_won_before_anybody_accepted_is_a_whole_life(desk: Desk) -> None:
    async with desk.connected(poll_s=1.0):
        opportunity = await desk.there(await desk.route())
        rep = await desk.office.rep("rep-101")
        await rep.qualify(opportunity)
        await rep.win(opportunity)
        await until(lambda: desk.heard("won"))


async def test_times_are_ours_although_the_crm_s_clock_is_an_hour_ahead(desk: Desk) -> None:
    desk.proxy.ahead_s = 3600
    async with desk.connected() as connector:
        opportunity = await desk.there(await desk.route())
        [deal] = await connector.crm.get([str(opportunity)])
        assert 3_590_000 < time.time() * 1000 - deal.at < 3_660_000, "an hour less than it says"


async def test_a_wrong_password_is_said_at_once_with_what_to_do(desk: Desk, tmp_path: Path) -> None:
    config = tryton_for(desk.proxy.url, desk.office.server.database, tmp_path, **HURRY)
    (tmp_path / "tryton-password").write_text("wrong")
    with pytest.raises(UserError, match="check user and password"):
        await Connector(desk.side.settings, config, Tryton(config)).run(asyncio.Event())


async def test_awkward_names_arrive_as_text_and_long_notes_come_back_cut(desk: Desk) -> None:
    async with desk.connected():
        opportunity = await desk.there(await desk.route())
        rep = await desk.office.rep("rep-101")
        await rep.note(opportunity, "called: " + "<script>alert(1)</script>" * 400)
        await until(lambda: desk.heard("touched"))
    [touch] = [each for each in await desk.side.told() if getattr(each, "kind", "") == "touched"]
    assert len(getattr(touch, "note", "") or "") == 4000
