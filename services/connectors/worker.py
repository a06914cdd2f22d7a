"""Runs one connector: its share of leads goes into the CRM, what people do there comes back; until told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Collection
from importlib.metadata import version
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from services.connectors.book import TOPIC as LINKS
from services.connectors.calls import Door
from services.connectors.crm import Crm
from services.connectors.desk import Desk
from services.connectors.errors import CrmError, Unavailable
from services.connectors.facts import Keys
from services.connectors.kit import Kit
from services.connectors.read_only import ReadOnly
from services.connectors.settings import ConnectorSettings
from services.connectors.shadow import ShadowDesk, ShadowWatch
from services.connectors.watch import Watch
from services.connectors.words import Words
from services.runtime.clock import Clock, SystemClock
from services.runtime.errors import Transient, UserError
from services.runtime.exit_codes import ExitCode, exit_code
from services.runtime.health import application
from services.runtime.kafka.connection import broker_name
from services.runtime.kafka.log_client import LogClient
from services.runtime.kafka.subscription import Subscription
from services.runtime.metrics import Metrics
from services.runtime.operating import ANNOUNCED
from services.runtime.operations import Operations
from services.runtime.settings import Settings
from services.runtime.tracebacks import message
from services.runtime.vitals import TopicPartition, Vitals

log = structlog.get_logger(__name__)
INPUTS = ("leads.routed", "sla.events")
_PATIENCE_S = 120.0


class Connector:
    """One member of the connector's group. `clock` is the system's, but for tests."""

    def __init__(self, settings: Settings, config: ConnectorSettings, crm: Crm, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.config = config
        self.crm: Crm = ReadOnly(crm) if settings.shadow else crm
        self.clock = clock or SystemClock(settings.scale)
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, rooms=["connector"])
        self.metrics.set("baton_info", 1, f"connector-{config.name}", "subscription", version("baton"))
        self.metrics.set("baton_crm_available", 1, config.name)
        self.vitals = Vitals(globals_read=True)
        self.door: Door | None = None
        self.subscription: Subscription | None = None
        self._desks: dict[int, Desk] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`. Raises what ends it; a CRM that does not answer is waited for."""
        async with LogClient(self.settings) as client:
            self.vitals.producer_connected = True
            shared = len(await client.partitions(LINKS))
            subscription = self.subscription = Subscription(
                self.settings, broker_name(self.settings, f"baton-connector-{self.config.name}"), INPUTS, self._desk
            )
            door = self.door = Door(self.crm.ping, self.config, self.metrics)
            words = Words(self.config.mapping)
            self._kit = Kit(
                self.config, self.crm, client, words, self.clock, self.metrics, door, subscription.confirm
            )  # fmt: skip
            watch = self._watch(shared)
            watching: asyncio.Task[None] | None = None
            try:
                await self._log_in(stop)
                if not stop.is_set():
                    await self._know(words, watch)
                    await subscription.start()
                    watching = asyncio.create_task(watch.run())
                    await self._until(stop, subscription.failed, watching)
            finally:
                if watching is not None:
                    watching.cancel()
                    await asyncio.gather(watching, return_exceptions=True)
                await subscription.stop()
                await door.close()
                await self.crm.close()

    def desks(self) -> Collection[Desk]:
        """Those that are open."""
        open_ones = self.subscription.partitions if self.subscription is not None else frozenset()
        return [desk for number, desk in self._desks.items() if number in open_ones]

    def look(self) -> None:
        """Keeps the vitals up to date: called once a second on the worker's loop."""
        found, vitals = self.subscription, self.vitals
        if found is not None and found.assigned:
            both = found.partitions | found.opening
            vitals.assigned = frozenset(TopicPartition(topic, number) for topic in INPUTS for number in both)
            vitals.restoring = frozenset(TopicPartition(INPUTS[0], number) for number in found.opening)
        shut = None if self.door is None else self.door.shut_because
        vitals.waits_for = "" if shut is None else f"crm: {self.config.name} does not serve us ({shut})"

    def _desk(self, partition: int) -> Desk:
        assert self.subscription is not None  # noqa: S101  it makes the desks
        make = ShadowDesk if self.settings.shadow else Desk
        desk = self._desks[partition] = make(self._kit, partition, self.subscription.fail)
        return desk

    def _watch(self, shared: int) -> Watch:
        if self.settings.shadow:
            self.settings.required_secret("person_key_secret")
        keys = self._keys()
        if self.settings.shadow and keys is not None:
            return ShadowWatch(self._kit, self.desks, keys, shared)
        return Watch(self._kit, self.desks, keys, shared)

    def _keys(self) -> Keys | None:
        secret = self.settings.secret("person_key_secret")
        return Keys(secret, self.settings.person_key_id) if secret else None

    async def _log_in(self, stop: asyncio.Event) -> None:
        """Waits for a CRM that does not answer; a log-in that it refuses at the start is a person's to mend."""

        async def opened() -> None:
            try:
                await self.crm.open()
            except Unavailable as error:
                if error.code == "unauthorized":
                    fix = "check user and password, then: baton connector check"
                    raise UserError(f"{self.config.name}: {error}", fix=fix) from error
                raise

        opening: asyncio.Task[Any] = asyncio.create_task(self._kit.calls(opened, give_up=False))
        stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
        await asyncio.wait([opening, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if opening.done():
            opening.result()
        opening.cancel()

    async def _know(self, words: Words, watch: Watch) -> None:
        words.work_as(await self._kit.calls(self.crm.own_user, give_up=False))
        await watch.know_people()

    async def _until(
        self, stop: asyncio.Event, failed: asyncio.Future[BaseException], watching: asyncio.Task[None]
    ) -> None:
        stopping = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {stopping, failed, watching}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self.vitals.stopping = True
        stopping.cancel()
        if failed.done():
            raise failed.result()
        if watching.done():
            watching.result()


def run(settings: Settings, config: ConnectorSettings, crm: Crm) -> ExitCode:
    """A connector as a process: signals, health, metrics, exit code; the last line on stderr says why it ended."""
    error: BaseException | None = None
    try:
        asyncio.run(_work(settings, config, crm))
    except Exception as problem:  # noqa: BLE001  the one place where its end becomes an exit code
        error = Transient(str(problem)) if isinstance(problem, CrmError) else problem
    code = exit_code(error)
    if error is not None:
        sys.stderr.write(f"baton connector {config.name}: exit {code.value} ({code.name}): {message(error)}\n")
    return code


async def _work(settings: Settings, config: ConnectorSettings, crm: Crm) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    connector = Connector(settings, config, crm)
    ProcessCollector(registry=connector.registry)
    GCCollector(registry=connector.registry)
    operations = Operations(
        _application(connector),
        connector.vitals,
        host=settings.http_host,
        port=settings.http_port,
        look=connector.look,
        announce=settings.data_dir / ANNOUNCED / f"connector-{config.name}-{os.getpid()}.json",
    )
    operations.start()
    try:
        await connector.run(stop)
    finally:
        operations.stop()


def _application(connector: Connector) -> web.Application:
    return application(
        connector.vitals, connector.metrics, connector.registry, patience_s=_PATIENCE_S, monotonic=time.monotonic
    )
