"""A real Tryton for every test that means the CRM: one server for all, and servers of a test's own to ill-treat."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest
import pytest_asyncio

from services.simulator.tryton.company import Person, Staff
from services.simulator.tryton.server import TrytonServer
from services.simulator.tryton.settings import ServerSettings
from services.simulator.tryton.template import Templates
from tests.crm.office import Office

STAFF = Staff(
    reps=(Person("rep-101", "Anna"), Person("rep-102", "Bernd"), Person("rep-103", "Clara")),
    managers=(Person("mgr-10", "Dora"),),
)


class ServerFactory(Protocol):
    """Makes a started server that one test may kill, freeze and start again."""

    def __call__(self, settings: ServerSettings | None = None) -> TrytonServer: ...


@pytest.fixture(scope="session")
def company_database() -> Path:
    """A company of three reps and a manager that has sold nothing yet."""
    return Templates().of(STAFF)


@pytest.fixture(scope="session")
def tryton(company_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """The session's server. All tests share it: never stop it, and look only at what the test itself made."""
    with TrytonServer(tmp_path_factory.mktemp("tryton"), template=company_database) as server:
        yield server


@pytest.fixture
def own_tryton(company_database: Path, tmp_path: Path) -> Iterator[ServerFactory]:
    """A factory of servers of the test's own; all are gone when the test ends."""
    numbers = itertools.count()
    with ExitStack() as servers:

        def make(settings: ServerSettings | None = None) -> TrytonServer:
            directory = tmp_path / f"tryton-{next(numbers)}"
            return servers.enter_context(TrytonServer(directory, template=company_database, settings=settings))

        yield make


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Connections to any server, closed when the test ends."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def office(http: aiohttp.ClientSession, tryton: TrytonServer) -> Office:
    """Whoever a test needs, on the shared server."""
    return Office(http, tryton)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Says before the first test what takes so long, the first time."""
    wants_tryton = any("company_database" in getattr(item, "fixturenames", ()) for item in session.items)
    if wants_tryton and not session.config.option.collectonly:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and (notice := Templates().notice(STAFF)):
            reporter.write_line(notice)
