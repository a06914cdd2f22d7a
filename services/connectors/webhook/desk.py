"""The work of one partition of leads: each record goes out as a message, in order for each lead.

The first failure of a message notes it, with all of its lead that came behind it; from then on the notes hold them and
the topic's offset goes on. They go out in the order in which they came, now or after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from random import random
from typing import Any

import structlog

from baton_schemas.connectors import ConnectorWaiting
from services.connectors.erasures import Erasures
from services.connectors.errors import CrmError, Later, Refused
from services.connectors.lines import Lines
from services.connectors.webhook.endpoint import Endpoint
from services.connectors.webhook.message import Message, message
from services.connectors.webhook.retrying import Trouble, again
from services.connectors.webhook.sending import Sender
from services.connectors.webhook.settings import WebhookSettings
from services.connectors.webhook.waiting import Place, WaitingBook
from services.runtime import log_events
from services.runtime.clock import Clock
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.metrics import Metrics
from services.runtime.record import LogRecord

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Kit:
    """What the desks of one webhook share. `confirm` raises Transient when another may be at the same work."""

    settings: WebhookSettings
    client: LogClient
    sender: Sender
    endpoint: Endpoint
    erasures: Erasures
    clock: Clock
    metrics: Metrics
    confirm: Callable[[], Awaitable[None]]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    at_once: asyncio.Semaphore = field(init=False)
    looking_up: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.at_once = asyncio.Semaphore(self.settings.at_once)


@dataclass(slots=True)
class _Held:
    """A record that is not finished."""

    record: LogRecord
    arrived: int
    done: Callable[[], None]


class Desk:
    """A `subscription.Share`. `fail` is told what ends the connector."""

    def __init__(self, kit: Kit, partition: int, fail: Callable[[BaseException], None]) -> None:
        self.partition = partition
        self.book = WaitingBook(kit.client, kit.settings.name, partition, kit.clock)
        self._kit = kit
        self._fail = fail
        self._lines = Lines(kit.settings.name, self._carry_out, kit.client, kit.metrics, fail)
        self._held: dict[bytes, dict[Place, _Held]] = {}
        self._restored: set[Place] = set()
        self._last_arrival = 0
        self._notes_under_way: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Takes up again what waited."""
        for note in await self.book.open():
            place = Place(note.topic, note.offset)
            try:
                async with self._kit.looking_up:
                    record = await self._kit.client.record(note.topic, self.partition, note.offset)
            except UserError:  # longer ago than the log keeps
                log.warning(log_events.GIVEN_UP, connector=self._kit.settings.name, topic=note.topic, code="expired")
                self._kit.metrics.add("baton_crm_given_up_total", 1, self._kit.settings.name, "expired")
                await self.book.drop(place)
                continue
            self._last_arrival = max(self._last_arrival, note.arrived)
            self._restored.add(place)
            self._enter(place, _Held(record, note.arrived, lambda: None))

    def take(self, record: LogRecord, done: Callable[[], None]) -> None:
        """Puts a record into its lead's line; one that was noted before we came is there, or gone."""
        place = Place(record.topic, record.offset)
        if place in self._restored:
            done()
            return
        self._last_arrival = max(self._last_arrival + 1, self._kit.clock.wall())
        noted = any(each in self.book for each in self._held.get(record.key or b"", ()))
        self._enter(place, _Held(record, self._last_arrival, done))
        if noted:
            self._soon(self._put_by(record.key or b""))

    async def close(self) -> None:
        """Ends what is under way."""
        await self._lines.close()
        for task in self._notes_under_way:
            task.cancel()
        await asyncio.gather(*self._notes_under_way, return_exceptions=True)

    def _enter(self, place: Place, held: _Held) -> None:
        self._held.setdefault(held.record.key or b"", {})[place] = held
        self._lines.take(held.record, partial(self._finished, place, held))

    def _finished(self, place: Place, held: _Held) -> None:
        lead = held.record.key or b""
        waiting = self._held[lead]
        del waiting[place]
        if not waiting:
            del self._held[lead]
        held.done()
        if place in self.book:
            self._soon(self.book.drop(place))

    async def _carry_out(self, record: LogRecord) -> None:
        """Returns when the receiver took the record. Raises Permanent, and CrmError when it is to be given up."""
        kit, place = self._kit, Place(record.topic, record.offset)
        wanted = message(record)
        if wanted is None or wanted.kind not in kit.settings.send:
            self._count("not_wanted")
            return
        trouble, served = _trouble(self.book.find(place)), kit.endpoint.served
        while True:
            if trouble is not None:
                await kit.sleep(max(0, trouble.due - kit.clock.wall()) / 1000)
            try:
                async with kit.at_once:
                    await kit.endpoint.attempt(partial(self._send, wanted))
                return
            except Refused:
                raise
            except CrmError as error:
                kit.metrics.add("baton_crm_failures_total", 1, kit.settings.name, error.code)
                trouble = again(
                    trouble,
                    error.code,
                    now=kit.clock.wall(),
                    schedule=kit.settings.retries_s,
                    others_served=kit.endpoint.served > served,
                    asked_s=(error.retry_after_s or 0.0) if isinstance(error, Later) else 0.0,
                    luck=random(),
                )
                served = kit.endpoint.served
                if trouble is None:
                    raise
                await self._put_by(record.key or b"", place, trouble)

    async def _send(self, wanted: Message) -> bool:
        kit = self._kit
        await kit.confirm()
        if wanted.personal and kit.erasures.cover(wanted.lead, wanted.at):
            self._count("forgotten")
            return False
        await kit.sender.send(wanted)
        self._count("sent")
        if wanted.kind == "routed":
            kit.metrics.add("baton_crm_visible_seconds", (kit.clock.now() - wanted.at) / 1000, kit.settings.name)
        return True

    async def _put_by(self, lead: bytes, head: Place | None = None, trouble: Trouble | None = None) -> None:
        """Notes all of a lead that is not noted yet, and what became of `head`; then the topic may go on."""
        await self._kit.confirm()
        for place, held in list(self._held.get(lead, {}).items()):
            if place == head and trouble is not None:
                await self.book.keep(self._note(place, held, trouble))
            elif place not in self.book:
                await self.book.keep(self._note(place, held, None))
            held.done()
            if place not in self._held.get(lead, {}):  # finished meanwhile
                await self.book.drop(place)

    def _note(self, place: Place, held: _Held, trouble: Trouble | None) -> ConnectorWaiting:
        now = self._kit.clock.wall()
        found = trouble or Trouble(0, "behind", now, now)
        return ConnectorWaiting(
            connector=self._kit.settings.name, topic=place.topic, offset=place.offset, arrived=held.arrived,
            failures=found.failures, code=found.code, since=found.since, due=found.due, at=now,
        )  # fmt: skip

    def _count(self, what: str) -> None:
        self._kit.metrics.add("baton_crm_orders_total", 1, self._kit.settings.name, what)

    def _soon(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._notes_under_way.add(task)
        task.add_done_callback(self._noted)

    def _noted(self, task: asyncio.Task[None]) -> None:
        self._notes_under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)


def _trouble(note: ConnectorWaiting | None) -> Trouble | None:
    """What a note says of earlier failures; None when it was not its own turn yet."""
    return Trouble(note.failures, note.code, note.since, note.due) if note is not None and note.failures else None
