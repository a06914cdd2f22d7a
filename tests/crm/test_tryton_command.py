"""`baton connector check` and `verify` as people type them: what is missing, what differs, as lines and as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from services.runtime.embedded.broker import Broker
from services.runtime.settings import Settings
from services.simulator.tryton.server import TrytonServer
from tests.connectors.running import baton, settings_for, until
from tests.crm.connecting import settings_file
from tests.crm.office import Office
from tests.crm.test_tryton_kills import Process

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.kafka, pytest.mark.crm, pytest.mark.asyncio]


async def test_what_is_missing_and_what_differs_is_said_and_exits_with_1(
    kafka: Broker, unique: Callable[[str], str], tryton: TrytonServer, office: Office, tmp_path: Path
) -> None:
    assert kafka.bootstrap is not None
    file = settings_file(tryton.url, tryton.database, tmp_path)
    async with baton(
        settings_for(kafka.bootstrap, unique("")), "leads.qualified", "privacy.erasures", "baton.config"
    ) as side:
        code, said = await _baton(side.settings, "check", file)
        assert code == 1
        assert "none is active: baton apply config/" in said
        code, said = await _baton(side.settings, "apply", ROOT / "config", command=())
        assert code == 0, said
        code, said = await _baton(side.settings, "check", file, "--json")
        assert (code, [each["what"] for each in json.loads(said) if not each["ok"]]) == (1, ["reps"])
        assert "the CRM has no rep-104" in said  # the office of these tests is smaller than config/teams.yaml
        wrong = tmp_path / "wrong.yaml"
        wrong.write_text(file.read_text().replace("converted", "quoted"))
        code, said = await _baton(side.settings, "check", wrong, "--json")
        assert code == 1
        assert any("quoted" in f"{each['what']} {each['fix']}" for each in json.loads(said) if not each["ok"])

        connector = Process(side.settings, file)
        await connector.start()
        handoff = (await side.route(9_100_001, "rep-101")).handoff
        manager = await office.login("mgr-10")
        search = partial(manager.search, "sale.opportunity", ["reference", "=", handoff])
        await until(search, "a record")
        await connector.stop()
        code, said = await _baton(side.settings, "verify", file)
        assert code == 0, said
        [record] = await search()
        await manager.write("sale.opportunity", record, employee=None)
        code, said = await _baton(side.settings, "verify", file)
        assert code == 1
        assert f"BROKEN  same owner: 1 of 1: {handoff}: Baton gave it to rep-101, the CRM says nobody" in said


async def _baton(settings: Settings, *arguments: object, command: tuple[str, ...] = ("connector",)) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")} | {
        "BATON_KAFKA": settings.kafka, "BATON_TOPIC_PREFIX": settings.topic_prefix,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *command, *map(str, arguments),
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, complained = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode() + (complained.decode() if process.returncode not in (0, 1) else "")
