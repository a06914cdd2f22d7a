"""A connector on the tests' Kafka: Baton's side of the topics to write to and to read, time to wait on conditions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from baton_schemas.configuration import ErasureRequested
from baton_schemas.contract import Contract
from baton_schemas.envelope import envelop, from_record
from baton_schemas.feedback import InsightReported, OutcomeReported
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadRouted
from services.connectors.crm import Crm
from services.connectors.member import Member
from services.connectors.settings import ConnectorSettings
from services.connectors.worker import Connector
from services.runtime.effects import Send
from services.runtime.kafka import admin
from services.runtime.kafka.connection import broker_name
from services.runtime.kafka.log_client import LogClient
from services.runtime.record import LogRecord
from services.runtime.settings import Settings, load
from tests.unit.connectors.deals import mapping, routed

PATIENCE_S = 30.0
TOPICS = ("leads.routed", "sla.events", "accounts.alerts", "feedback.events", "crm.facts", "connectors.links")


def settings_for(bootstrap: str, prefix: str, **more: Any) -> Settings:
    """Settings with short sessions and topics of the test's own."""
    known = {
        "partitions": 2,
        "session_timeout_ms": 6000,
        "heartbeat_ms": 500,
        "person_key_secret": "a secret of the tests",
    }
    return load(kafka=bootstrap, topic_prefix=prefix, **{**known, **more})


def config(**fields: Any) -> ConnectorSettings:
    """A connector that is in a hurry."""
    known: dict[str, Any] = {
        "name": "paper", "poll_s": 0.1, "overlap_s": 2.0, "timeout_s": 0.2, "longest_pause_s": 0.2,
        "give_up_after_s": 0.5, "sweep_s": 0.3, "mapping": mapping(),
    }  # fmt: skip
    return ConnectorSettings.model_construct(
        **{name: field.default for name, field in ConnectorSettings.model_fields.items()} | known | fields
    )


class Baton:
    """Baton's side of the topics."""

    def __init__(self, settings: Settings, client: LogClient) -> None:
        self.settings = settings
        self._client = client
        self._serial = 0

    async def route(self, number: int, rep: str = "ann", version: int = 1, **fields: Any) -> LeadRouted:
        """A lead goes to a rep."""
        lead, handoff = f"k1.{number:032x}", f"h{number:024x}"
        known = routed()
        contact = known.qualified.contact.model_copy(
            update={"email": f"robin.{number}@company-{number}.example", "company_domain": f"company-{number}.example"}
        )
        about = fields.pop("qualified", known.qualified).model_copy(
            update={"lead": lead, "handoff": handoff, "contact": contact}
        )
        order = known.model_copy(
            update={"lead": lead, "handoff": handoff, "version": version, "rep": rep, "qualified": about, **fields}
        )
        await self.send("leads.routed", lead, order)
        return order

    async def withdraw(self, number: int, version: int = 2, reason: str = "unsubscribed") -> None:
        """The lead is none any more."""
        lead, handoff = f"k1.{number:032x}", f"h{number:024x}"
        data = LeadWithdrawn(lead=lead, handoff=handoff, version=version, reason=reason, at=0, cause="c")
        await self.send("leads.routed", lead, data)

    async def erase(self, number: int, at: int) -> None:
        """We are asked to forget what is known of the lead until `at`."""
        lead = f"k1.{number:032x}"
        value = ErasureRequested(person=lead, at=at).to_json()
        await self._client.write(Send("privacy.erasures", lead.encode(), value))

    async def send(self, topic: str, key: str, data: Contract) -> None:
        """Any record."""
        self._serial += 1
        headers, value = envelop(data, id=f"e{self._serial}", source="/test", time=time.time_ns() // 1_000_000)
        await self._client.write(Send(topic, key.encode(), value, headers))

    async def records(self, topic: str) -> list[LogRecord]:
        """What a topic holds."""
        return [record async for record in self._client.read(topic)]

    async def told(self) -> list[OutcomeReported | InsightReported]:
        """What the connector told, each event once."""
        found = {}
        for record in await self.records("feedback.events"):
            event = from_record(record.headers, record.value)
            model = OutcomeReported if event.type == OutcomeReported.TYPE else InsightReported
            found[event.id] = model.model_validate_json(event.data or b"")
        return list(found.values())

    async def kinds(self, number: int) -> list[str]:
        """The outcomes of a handoff, in order."""
        handoff = f"h{number:024x}"
        return [
            each.kind for each in await self.told() if isinstance(each, OutcomeReported) and each.handoff == handoff
        ]


@asynccontextmanager
async def baton(settings: Settings, *more: str) -> AsyncIterator[Baton]:
    """Topics, `more` besides, and a client on them."""
    every = admin.plan(settings, processors=[])
    wanted = {broker_name(settings, name) for topic in (*TOPICS, *more) for name in (topic, f"{topic}.dead")}
    await admin.apply(settings, [each for each in every if each.name in wanted])
    async with LogClient(settings) as client:
        yield Baton(settings, client)


@asynccontextmanager
async def running(settings: Settings, crm: Crm, **fields: Any) -> AsyncIterator[Connector]:
    """A connector at work; what ended it before its time is raised here."""
    connector = Connector(settings, config(**fields), crm)
    async with at_work(connector):
        yield connector


@asynccontextmanager
async def at_work(member: Member) -> AsyncIterator[None]:
    """Any connector at work; what ended it before its time is raised here."""
    stop = asyncio.Event()
    work = asyncio.create_task(member.run(stop))
    try:
        yield
        assert not work.done() or work.result() is None, "it ended"
    finally:
        stop.set()
        await asyncio.wait_for(work, PATIENCE_S)


async def until(condition: Callable[[], Any], what: str = "") -> None:
    """Waits for a condition, which may be a coroutine function."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"never: {what or condition}")
