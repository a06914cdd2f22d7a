"""Baton as a company installs it: a folder of documents, the three services and the connector as processes, a Tryton
with the company's people; for tests of the way from somebody's clicks to a rep's screen and back."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from baton_schemas.contract import Contract
from baton_schemas.documents.teams import Teams
from services.cli import crm_verify
from services.cli.story import contract_of
from services.cli.supervisor import Supervisor
from services.cli.system import apply_first, create_topics
from services.cli.verify import verify
from services.connectors.main import tryton
from services.runtime.documents import parse
from services.runtime.kafka.log_client import LogClient
from services.runtime.operating import ANNOUNCED
from services.runtime.settings import Settings
from services.simulator.tryton.company import staff_of
from services.simulator.tryton.reps import OPPORTUNITY
from services.simulator.tryton.rpc import Session
from services.simulator.tryton.server import TrytonServer
from services.simulator.tryton.template import Templates
from tests.connectors.running import settings_for
from tests.crm.connecting import settings_file

START_S = 60.0
CONFIG = Path(__file__).parents[2] / "config"
C = TypeVar("C", bound=Contract)


class OnScreen(NamedTuple):
    """An opportunity as people see it; `notes` are the texts, the oldest first."""

    id: int
    handoff: str
    rep: str | None
    state: str
    story: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Installation:
    """All of it at work; `room` is for files."""

    settings: Settings
    server: TrytonServer
    connector: Path
    room: Path

    async def publish(self, name: str, *calls: Mapping[str, object]) -> None:
        """`baton publish` of a file with these calls of a marketing tool."""
        file = self.room / f"{name}.jsonl"
        file.write_text("".join(json.dumps(call) + "\n" for call in calls))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", "publish", str(file), "--json",
            env=environment_of(self.settings, self.room), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        assert json.loads(said)["accepted"] == len(calls), said.decode()

    async def told(self, topic: str, kind: type[C], handoff: str) -> list[C]:
        """What a topic says of a handoff, in order."""
        return [each for each in await self.records(topic, kind) if getattr(each, "handoff", None) == handoff]

    async def records(self, topic: str, kind: type[C]) -> list[C]:
        """All of one type that a topic holds, in the order of each partition."""
        async with LogClient(self.settings) as client:
            every = [contract_of(record) async for record in client.read(topic)]
        return [each for each in every if isinstance(each, kind)]

    async def broken(self) -> list[str]:
        """What `baton verify` and `baton connector verify` find broken."""
        verdicts = [*await verify(self.settings), *await crm_verify.verify(self.settings, *tryton(self.connector))]
        return [each.text for each in verdicts if not each.holds]


@contextmanager
def installed(bootstrap: str, prefix: str, example: Path, room: Path) -> Iterator[Installation]:
    """The documents of `example` over those of config/, as its README says."""
    shutil.copytree(CONFIG, room / "config")
    for document in example.glob("*.yaml"):
        shutil.copy(document, room / "config")
    settings = settings_for(bootstrap, prefix)
    asyncio.run(create_topics(settings))
    asyncio.run(apply_first(settings, room / "config"))
    teams = room / "config/teams.yaml"
    people = Templates().of(staff_of(parse(Teams, teams.read_text(), str(teams))))
    with TrytonServer(room / "tryton", template=people) as server:
        connector = settings_file(server.url, server.database, room)
        also = {"connector": ("connector", "tryton", str(connector))}
        with Supervisor(environment_of(settings, room), room / "logs", also=also) as processes:
            _wait_for(processes, room)
            yield Installation(settings, server, connector, room)


def environment_of(settings: Settings, room: Path) -> dict[str, str]:
    """The environment of processes that work with a test's settings, and with nothing else of this machine's Baton."""
    own = {
        "BATON_KAFKA": settings.kafka,
        "BATON_TOPIC_PREFIX": settings.topic_prefix,
        "BATON_PARTITIONS": str(settings.partitions),
        "BATON_PERSON_KEY_SECRET": settings.person_key_secret.get_secret_value(),
        "BATON_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
        "BATON_HEARTBEAT_MS": str(settings.heartbeat_ms),
        "BATON_DATA_DIR": str(room),
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("BATON_")} | own


def _wait_for(processes: Supervisor, room: Path) -> None:
    """Until each process answers for its health; one that can't start says why."""
    ends = time.monotonic() + START_S
    while len(list((room / ANNOUNCED).glob("*.json"))) < len(processes.pids()):
        processes.watch()
        assert time.monotonic() < ends, f"not all of {', '.join(processes.pids())} started; they log to {room}/logs"
        time.sleep(0.05)


async def on_screen(user: Session, *where: Sequence[Any]) -> list[OnScreen]:
    """The opportunities that a user finds, in the order in which they were made."""
    fields = ("reference", "state", "comment", "employee.party.code", "notes.message")
    found = []
    for record in sorted(await user.search(OPPORTUNITY, *where)):
        row = await user.read(OPPORTUNITY, record, *fields)
        rep = ((row["employee."] or {}).get("party.") or {}).get("code")
        notes = sorted(row["notes."] or (), key=lambda note: int(note["id"]))
        texts = tuple(note["message"] for note in notes)
        found.append(OnScreen(record, row["reference"], rep, row["state"], row["comment"] or "", texts))
    return found
