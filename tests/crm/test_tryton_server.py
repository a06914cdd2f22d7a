"""The simulated CRM's server: what it answered survives every end of it, and no end leaves anything behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import psutil
import pytest

from services.runtime.errors import UserError
from services.simulator.tryton.company import ADMIN
from services.simulator.tryton.reps import OPPORTUNITY
from services.simulator.tryton.rpc import Refused, Session
from services.simulator.tryton.server import TrytonServer
from services.simulator.tryton.settings import ServerSettings
from tests.crm.conftest import ServerFactory
from tests.crm.office import Office

pytestmark = [pytest.mark.crm, pytest.mark.timeout(600)]  # the first run makes the database


async def refusal(session: Session) -> int:
    """The status with which the session's next refused call is answered."""
    while True:
        try:
            await session.search(OPPORTUNITY)
        except Refused as refused:
            return refused.status
        await asyncio.sleep(0.05)


@pytest.mark.asyncio
async def test_wrong_passwords_are_refused_then_not_even_heard(office: Office) -> None:
    statuses = []
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            await office.login("a-stranger", "knock knock")
        statuses.append(refused.value.status)
    assert statuses == [HTTPStatus.UNAUTHORIZED, HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS]
    assert (await office.connector()).user  # nobody else is held up


@pytest.mark.asyncio
async def test_a_session_ends_with_its_time(office: Office, own_tryton: ServerFactory) -> None:
    brief = Office(office.http, own_tryton(ServerSettings(session_max_age_s=3)))
    connector = await brief.connector()  # which has used the session once
    assert await refusal(connector) == HTTPStatus.UNAUTHORIZED


@pytest.mark.asyncio
async def test_a_session_ends_with_a_new_password(office: Office, own_tryton: ServerFactory) -> None:
    own = Office(office.http, own_tryton())
    connector, admin = await own.connector(), await own.login(ADMIN)
    await admin.write("res.user", connector.user, password="another-one")
    assert await refusal(connector) == HTTPStatus.UNAUTHORIZED


@pytest.mark.asyncio
async def test_what_was_answered_survives_restart_and_kill(office: Office, own_tryton: ServerFactory) -> None:
    server = own_tryton()
    own, url = Office(office.http, server), server.url
    connector = await own.connector()
    lead = await own.opportunity(connector, "rep-101")
    await asyncio.to_thread(server.restart)
    assert server.url == url
    await (await own.rep("rep-101")).qualify(lead)
    process = psutil.Process(server.pid)
    process.kill()  # a crash that nobody here knows of
    await asyncio.to_thread(process.wait)
    await asyncio.to_thread(server.start)
    assert server.url == url
    seen = await connector.read(OPPORTUNITY, lead, "state")  # the session of before, too
    assert seen["state"] == "opportunity"


@pytest.mark.asyncio
async def test_a_frozen_server_answers_when_it_thaws(office: Office, own_tryton: ServerFactory) -> None:
    server = own_tryton()
    connector = await Office(office.http, server).connector()
    with server.frozen():
        asked = asyncio.create_task(connector.search(OPPORTUNITY))
        done, _ = await asyncio.wait({asked}, timeout=0.5)
        assert not done
    assert await asked == []


_STARTS_AND_WAITS = """
import sys, time
from pathlib import Path
from services.simulator.tryton.server import TrytonServer
server = TrytonServer(Path(sys.argv[1]), template=Path(sys.argv[2]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


def test_no_server_outlives_the_process_that_started_it(company_database: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _STARTS_AND_WAITS, str(tmp_path), str(company_database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    server.wait(10)


def test_a_port_that_is_taken_is_no_riddle(company_database: Path, tmp_path: Path, tryton: TrytonServer) -> None:
    taken = int(tryton.url.rpartition(":")[2])
    server = TrytonServer(tmp_path, template=company_database, settings=ServerSettings(port=taken))
    with pytest.raises(UserError, match=f"port {taken} of 127.0.0.1 is taken"):
        server.start()


def test_another_object_finds_port_and_data_again(company_database: Path, tmp_path: Path) -> None:
    with TrytonServer(tmp_path, template=company_database) as first:
        url = first.url
    with TrytonServer(tmp_path) as second:
        assert second.url == url


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    (tmp_path / "no-database").write_text("this is none")
    with pytest.raises(UserError, match=r"Tryton did not start: .*file is not a database"):
        TrytonServer(tmp_path, template=tmp_path / "no-database").start()
