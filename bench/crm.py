"""From a routed lead to the rep's screen and back, through a real CRM: a Tryton of its own, the connector as a process.

Open loop, as in `latency`: leads have a timetable. A lead is visible when the CRM has answered that its record is
there; a withdrawal, when the record is closed. An answer of a rep is timed from the CRM's answer to the rep to the
broker's append time of Baton's outcome, so the pause between two polls is in it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

import aiohttp
import yaml

import baton_schemas
from baton_schemas.connectors import ConnectorLink
from baton_schemas.contract import Contract
from baton_schemas.envelope import envelop, from_record
from baton_schemas.feedback import OutcomeReported
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadRouted
from bench.children import Child, child
from bench.lab import Lab
from bench.log import bench_settings
from bench.report import Row, Section, Verdict
from bench.system import environment, prepare
from services.cli.demo_crm import Company, company
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings
from services.simulator.tryton.reps import RepAtWork

RATE, POLL_S = 20, 2.0
WITHDRAWN_EVERY, ANSWERED_EVERY = 5, 5
GOAL_VISIBLE_MS, GOAL_GONE_MS, GOAL_BACK_MS = 2000.0, 2000.0, (POLL_S + 1) * 1000
_PATIENCE_S = 60.0
Times = dict[str, float]
"""When something happened to a handoff (wall ms)."""


class Made(NamedTuple):
    """When a handoff's record was there, when it was closed (wall ms; 0: not yet), and its id in the CRM."""

    made: float
    closed: float
    record: str


Links = dict[str, Made]
_EXAMPLES = Path(baton_schemas.__file__).parent / "examples"


def crm(lab: Lab) -> Section:
    """Windows of leads, one after the other; then withdrawals and answers, each at a steady pace."""
    settings = bench_settings(lab.bootstrap)
    asyncio.run(prepare(settings))
    with company(lab.folder) as office:
        file = _slower(office.settings)
        home = environment(settings, lab.folder)
        with child(["-m", "services.cli", "connector", "tryton", str(file)], lab.folder / "connector.log", home) as it:
            visible, gone, back = asyncio.run(_windows(lab, settings, office, it))
    return _section(lab, visible, gone, back)


def _slower(file: Path) -> Path:
    """The demo's settings, with the poll that a company would have."""
    document = yaml.safe_load(file.read_text()) | {"poll_s": POLL_S}
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


async def _windows(
    lab: Lab, settings: Settings, office: Company, connector: Child
) -> tuple[list[list[float]], list[list[float]], list[list[float]]]:
    visible, gone, back = [], [], []
    async with LogClient(settings) as client, aiohttp.ClientSession() as http:
        desk = _Desk(client, office, connector)
        await desk.lead(0)  # log-ins and the first party are nobody's latency
        await desk.until(partial(_visible, {desk.name(0): 0.0}))
        for run in range(lab.sizes.runs):
            numbers = range((run + 1) * 100_000, (run + 1) * 100_000 + RATE * lab.sizes.seconds)
            due = await desk.at_a_pace(numbers, desk.lead)
            links, _ = await desk.until(partial(_visible, due))
            visible.append([links[each].made - at for each, at in due.items()])
            due = await desk.at_a_pace(numbers[::WITHDRAWN_EVERY], desk.withdraw)
            links, _ = await desk.until(partial(_closed, due))
            gone.append([links[each].closed - at for each, at in due.items()])
            answered = await desk.answers(http, numbers[1::ANSWERED_EVERY], links)
            _, told = await desk.until(partial(_told, answered))
            back.append([told[each] - at for each, at in answered.items()])
            p95 = ", ".join(f"{_p95(each[-1]) / 1000:.2f}" for each in (visible, gone, back))
            lab.say(f"run {run + 1}  {len(numbers):,} leads; p95 of visible, withdrawn, answered: {p95} s")
    return visible, gone, back


class _Desk:
    """Baton's side of the topics, and the reps' side of the CRM."""

    def __init__(self, client: LogClient, office: Company, connector: Child) -> None:
        self._client = client
        self._office = office
        self._connector = connector
        example = json.loads((_EXAMPLES / "baton.lead.routed.v1.json").read_text())["data"]
        self._example = LeadRouted.model_validate(example)

    @staticmethod
    def name(number: int) -> str:
        """The handoff of a number."""
        return f"h{number:024x}"

    async def lead(self, number: int) -> None:
        """A lead goes to a rep: a person of its own, five of a company."""
        known = self._example
        lead, handoff, domain = f"k1.{number:032x}", self.name(number), f"firm-{number // 5}.example"
        contact = known.qualified.contact.model_copy(
            update={"email": f"robin.{number}@{domain}", "company_domain": domain, "company": f"Firm {number // 5}"}
        )
        qualified = known.qualified.model_copy(update={"lead": lead, "handoff": handoff, "contact": contact})
        rep = self._office.reps[number % len(self._office.reps)]
        routed = known.model_copy(
            update={"lead": lead, "handoff": handoff, "version": 1, "rep": rep, "qualified": qualified}
        )
        await self._send(lead, routed)

    async def withdraw(self, number: int) -> None:
        """The lead is none any more."""
        lead = f"k1.{number:032x}"
        await self._send(
            lead, LeadWithdrawn(lead=lead, handoff=self.name(number), version=2, reason="unsubscribed", at=0, cause="c")
        )

    async def at_a_pace(self, numbers: Iterable[int], act: Callable[[int], Any]) -> Times:
        """Acts by the timetable; when each act was due."""
        begin, due, tasks = time.time(), Times(), set[asyncio.Task[None]]()
        for position, number in enumerate(numbers):
            moment = begin + position / RATE
            await asyncio.sleep(max(0.0, moment - time.time()))
            tasks.add(asyncio.create_task(act(number)))
            due[self.name(number)] = moment * 1000
        await asyncio.gather(*tasks)
        return due

    async def answers(self, http: aiohttp.ClientSession, numbers: Iterable[int], links: Links) -> Times:
        """Reps note a call, one after the other; when the CRM had taken each note."""
        reps = {each: await RepAtWork.login(http, self._office.server, each) for each in self._office.reps}
        taken = Times()
        for number in numbers:
            handoff = self.name(number)
            rep = reps[self._office.reps[number % len(self._office.reps)]]
            await rep.note(int(links[handoff].record), "called, wants to see it")
            taken[handoff] = time.time() * 1000
        return taken

    async def until(self, holds: Callable[[Links, Times], bool]) -> tuple[Links, Times]:
        """Records of handoffs, and when their first outcome was told. Raises UserError when the condition does not come
        true."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            links, told = await self._links(), await self._told()
            if holds(links, told):
                return links, told
            if time.monotonic() > deadline or self._connector.ended() is not None:
                raise UserError(f"the connector does not come to an end of it\n{self._connector.last_words()}")
            await asyncio.sleep(0.2)

    async def _links(self) -> Links:
        found: Links = {}
        async for record in self._client.read("connectors.links"):
            event = from_record(record.headers, record.value)
            if record.value is None or event.type != ConnectorLink.TYPE:
                continue
            link = ConnectorLink.model_validate_json(event.data or b"")
            if link.record is not None:
                now = float(record.timestamp)
                made, closed, _ = found.get(link.handoff, Made(now, 0.0, ""))
                found[link.handoff] = Made(made, closed or (now if link.withdrawn else 0.0), link.record)
        return found

    async def _told(self) -> Times:
        found: Times = {}
        async for record in self._client.read("feedback.events"):
            event = from_record(record.headers, record.value)
            if event.type == OutcomeReported.TYPE:
                outcome = OutcomeReported.model_validate_json(event.data or b"")
                found.setdefault(outcome.handoff, float(record.timestamp))
        return found

    async def _send(self, key: str, data: Contract) -> None:
        headers, value = envelop(data, id=f"{key}/{data.TYPE}", source="/bench", time=round(time.time() * 1000))
        await self._client.write(Send("leads.routed", key.encode(), value, headers))


def _visible(due: Times, links: Links, _: Times) -> bool:
    return due.keys() <= links.keys()


def _closed(due: Times, links: Links, _: Times) -> bool:
    return all(links[each].closed for each in due)


def _told(due: Times, _: Links, told: Times) -> bool:
    return due.keys() <= told.keys()


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[18] if len(values) > 1 else values[0]


def _section(lab: Lab, visible: list[list[float]], gone: list[list[float]], back: list[list[float]]) -> Section:
    section = Section(
        "crm",
        f"Through a real CRM (Tryton on SQLite) at {RATE} leads/s",
        f"`baton connector tryton` as a process, poll every {POLL_S:g} s; {lab.sizes.seconds} s of new leads a run, "
        f"then every {WITHDRAWN_EVERY}th is withdrawn at the same rate, then reps note calls on as many others. "
        "Open loop for leads and withdrawals.",
    )
    for name, runs, goal in (
        ("routed to visible in the CRM", visible, GOAL_VISIBLE_MS),
        ("withdrawn to closed in the CRM", gone, GOAL_GONE_MS),
        ("rep's answer to Baton's topic", back, GOAL_BACK_MS),
    ):
        for which, of in (("p50", lambda each: quantiles(each, n=2, method="inclusive")[0]), ("p95", _p95)):
            section.rows.append(Row(f"{name}, {which}", "ms", [of(each) for each in runs]))
        section.verdicts.append(Verdict(f"{name}, p95, ms", goal, section.rows[-1].median, at_least=False))
    return section
