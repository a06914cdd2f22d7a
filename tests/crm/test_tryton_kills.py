"""A connector that is killed at any request, and a Tryton that is restarted: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest

from services.cli.home import environment
from services.runtime.embedded.broker import Broker
from services.runtime.settings import Settings
from services.simulator.tryton.server import TrytonServer
from tests.connectors.running import Baton, baton, settings_for, until
from tests.crm.conftest import ServerFactory
from tests.crm.connecting import settings_file
from tests.crm.office import Office
from tests.crm.proxy import Fault, Proxy

pytestmark = [pytest.mark.kafka, pytest.mark.crm, pytest.mark.fault, pytest.mark.asyncio, pytest.mark.timeout(1800)]
KILLS = int(os.environ.get("BATON_TEST_KILLS", "4"))
RESTARTS = int(os.environ.get("BATON_TEST_RESTARTS", "2"))
LEADS_A_ROUND = 6


class Process:
    """`baton connector tryton` as people run it."""

    def __init__(self, settings: Settings, file: Path) -> None:
        self._command = [sys.executable, "-m", "services.cli", "connector", "tryton", str(file)]
        own = {
            "BATON_TOPIC_PREFIX": settings.topic_prefix, "BATON_PERSON_KEY_SECRET": "a secret of the tests",
            "BATON_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
            "BATON_HEARTBEAT_MS": str(settings.heartbeat_ms), "BATON_DATA_DIR": str(file.parent),
        }  # fmt: skip
        self._environment = {**environment(settings), **own}
        self._log = file.parent / "connector.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Where it stands."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Holds it where it stands."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on, knowing nothing of the time that went by."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def ended(self) -> None:
        assert self._process is not None
        await self._process.wait()

    async def stop(self) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        await asyncio.wait_for(self._process.wait(), 30)


@asynccontextmanager
async def at_work(settings: Settings, file: Path) -> AsyncIterator[Process]:
    process = Process(settings, file)
    try:
        yield process
    finally:
        process.kill()
        await process.ended()


async def test_killed_at_any_request_it_makes_nothing_twice_and_loses_nothing(
    kafka: Broker, unique: Callable[[str], str], tryton: TrytonServer, office: Office, tmp_path: Path
) -> None:
    """Before a request goes out, while it is under way, after it was carried out and before its answer."""
    random = Random(20)
    assert kafka.bootstrap is not None
    async with (
        baton(settings_for(kafka.bootstrap, unique(""), session_timeout_ms=3000)) as side,
        Proxy(tryton.url) as proxy,
        at_work(side.settings, settings_file(proxy.url, tryton.database, tmp_path)) as process,
    ):
        handoffs: list[str] = []
        manager = await office.login("mgr-10")

        async def found() -> dict[str, list[int]]:
            rows = await manager.call(
                "sale.opportunity",
                "search_read",
                [["reference", "in", handoffs]],
                0,
                None,
                None,
                ["reference", "state"],
            )
            every: dict[str, list[int]] = {handoff: [] for handoff in handoffs}
            for row in rows:
                if row["state"] not in ("cancelled",):
                    every[row["reference"]].append(row["id"])
            return every

        for turn in range(KILLS + 1):
            last = turn == KILLS
            at = None if last else len(proxy.requests) + random.randint(1, 25)
            how = random.choice(("before", "after"))

            def rule(_method: str, number: int, at: int | None = at, how: str = how) -> Fault | None:
                if number != at:
                    return None
                return Fault(before=process.kill) if how == "before" else Fault(after=process.kill)

            proxy.rule = rule
            for _ in range(LEADS_A_ROUND):
                number = 7_000_000 + len(handoffs)
                handoffs.append((await side.route(number, random.choice(("rep-101", "rep-102")))).handoff)
            await process.start()
            if last:
                await until(lambda: _each_has_one(found), "a record of each")
                await process.stop()
            else:
                await process.ended()
        records = await found()
        assert {handoff: len(ids) for handoff, ids in records.items()} == dict.fromkeys(handoffs, 1)
        parties = await manager.search("party.party", ["code", "like", "company-70%"])
        assert len(parties) == len(handoffs)
        assert await side.records("leads.routed.dead") == []


async def test_frozen_between_the_look_and_the_write_it_writes_nothing_when_it_wakes(
    kafka: Broker, unique: Callable[[str], str], tryton: TrytonServer, office: Office, tmp_path: Path
) -> None:
    """Longer than its session: another has its leads by then, and has made the record."""
    assert kafka.bootstrap is not None
    (tmp_path / "other").mkdir()
    async with (
        baton(settings_for(kafka.bootstrap, unique(""), session_timeout_ms=3000)) as side,
        Proxy(tryton.url) as proxy,
        at_work(side.settings, settings_file(proxy.url, tryton.database, tmp_path)) as first,
        at_work(side.settings, settings_file(tryton.url, tryton.database, tmp_path / "other")) as second,
    ):
        frozen = asyncio.Event()

        def rule(method: str, number: int) -> Fault | None:
            looks = method == "model.sale.opportunity.search_read" and b"reference" in proxy.bodies[number - 1]
            if frozen.is_set() or not looks or b'"in"' not in proxy.bodies[number - 1]:
                return None
            frozen.set()
            return Fault(after=first.freeze)

        proxy.rule = rule
        handoff = (await side.route(9_000_001, "rep-101")).handoff
        await first.start()
        await asyncio.wait_for(frozen.wait(), 30)
        await second.start()
        manager = await office.login("mgr-10")
        search = partial(manager.search, "sale.opportunity", ["reference", "=", handoff])
        await until(search, "the other's record")
        asked = len(proxy.requests)
        first.thaw()
        await until(lambda: "model.party.party.search_read" in proxy.requests[asked:], "it looks at the CRM again")
        await side.route(9_000_002, "rep-101")
        await until(partial(manager.search, "sale.opportunity", ["reference", "=", f"h{9_000_002:024x}"]), "the next")
        assert len(await search()) == 1
        assert "model.sale.opportunity.create" not in proxy.requests[:asked]
        await asyncio.gather(first.stop(), second.stop())


async def _each_has_one(found: Callable[[], object]) -> bool:
    every = await found()  # type: ignore[misc]
    return all(len(ids) == 1 for ids in every.values())


async def test_a_tryton_that_is_restarted_under_the_work_loses_nothing_and_hears_everything(
    kafka: Broker, unique: Callable[[str], str], own_tryton: ServerFactory, tmp_path: Path, http: object
) -> None:
    server = own_tryton()
    assert kafka.bootstrap is not None
    async with baton(settings_for(kafka.bootstrap, unique(""))) as side:
        file = settings_file(server.url, server.database, tmp_path)
        async with at_work(side.settings, file) as process:
            await process.start()
            office = Office(http, server)  # type: ignore[arg-type]
            numbers: list[int] = []
            for turn in range(RESTARTS):
                for _ in range(LEADS_A_ROUND):
                    numbers.append(8_000_000 + len(numbers))
                    await side.route(numbers[-1], "rep-101")
                if turn % 2:
                    server.restart()
                else:
                    server.kill()
                    server.start()
                manager, rep = await office.login("mgr-10"), await office.rep("rep-101")
                for number in numbers[-LEADS_A_ROUND:]:
                    search = partial(manager.search, "sale.opportunity", ["reference", "=", f"h{number:024x}"])
                    await until(search, "a record")
                    [opportunity] = await search()
                    await rep.qualify(opportunity)
            for number in numbers:
                await until(partial(_accepted, side, number), "accepted")
            await process.stop()
        assert await side.records("leads.routed.dead") == []


async def _accepted(side: Baton, number: int) -> bool:
    return "accepted" in await side.kinds(number)
