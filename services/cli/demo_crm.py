"""The demo's sales team in a real CRM: a Tryton of its own, Baton's connector to it, and reps who work in it.

Baton itself is as always; what differs is who answers: not a simulated CRM on the topic, but people at a CRM's screen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from baton_schemas.documents.teams import Teams
from services.cli.conservation import Verdict
from services.cli.crm_verify import verify
from services.cli.system import config_folder
from services.connectors.main import tryton
from services.runtime.clock import Clock
from services.runtime.documents import parse
from services.runtime.settings import Settings
from services.simulator.tryton.company import CONNECTOR, password, staff_of
from services.simulator.tryton.desks import SalesFloor
from services.simulator.tryton.server import TrytonServer
from services.simulator.tryton.template import Templates
from services.simulator.world import World

NAME = "connector-tryton"
_QUIET_S = 45.0
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Company:
    """The CRM of the demo: its server, the connector's settings, and who is in sales."""

    server: TrytonServer
    settings: Path
    reps: tuple[str, ...]
    boss: str

    @property
    def command(self) -> dict[str, tuple[str, ...]]:
        """What the supervisor runs beside the services."""
        return {NAME: ("connector", "tryton", str(self.settings))}

    async def work(self, world: World, clock: Clock, *, seed: int) -> None:
        """The reps work, until it is cancelled."""
        floor = SalesFloor(world.people, self.reps, seed=seed)
        async with aiohttp.ClientSession() as http:
            await floor.work(http, self.server, self.boss, clock)

    async def compared(self, settings: Settings) -> list[Verdict]:
        """Both sides, record by record, as soon as they agree; as they are if they do not within a while."""
        ends = asyncio.get_running_loop().time() + _QUIET_S
        while True:
            config, crm = tryton(self.settings)
            verdicts = await verify(settings, config, crm)
            if all(each.holds for each in verdicts) or asyncio.get_running_loop().time() > ends:
                return verdicts
            await asyncio.sleep(_PAUSE_S)


def notice() -> str | None:
    """What will take long the first time."""
    return Templates().notice(staff_of(_teams()))


@contextlib.contextmanager
def company(room: Path) -> Iterator[Company]:
    """A Tryton in `room` with the people of config/teams.yaml, fresh; it runs inside."""
    teams = _teams()
    staff = staff_of(teams)
    with TrytonServer(room / "tryton", template=Templates().of(staff)) as server:
        boss = (staff.managers or staff.reps)[0].id
        file = _settings_file(room, server)
        yield Company(server, file, tuple(each.id for each in staff.reps), boss)


def _teams() -> Teams:
    file = config_folder(None) / "teams.yaml"
    return parse(Teams, file.read_text(encoding="utf-8"), str(file))


def _settings_file(room: Path, server: TrytonServer) -> Path:
    """The worked example of config/, for this server; a new company has no labels yet."""
    document = yaml.safe_load((config_folder(None) / "connectors/tryton.yaml").read_text(encoding="utf-8"))
    document |= {"url": server.url, "database": server.database, "user": CONNECTOR, "poll_s": 0.5}
    for label in ("do_not_contact", "disqualified", "consents"):
        del document["mapping"]["standing"][label]
    (room / document["password_file"]).write_text(password(CONNECTOR))
    file = room / "tryton.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file
