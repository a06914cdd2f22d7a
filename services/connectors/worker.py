"""Runs the connector of a CRM: its share of leads goes into the CRM, what people do there comes back; until told to
stop."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from services.connectors.book import TOPIC as LINKS
from services.connectors.calls import Door
from services.connectors.crm import Crm
from services.connectors.desk import Desk
from services.connectors.errors import Unavailable
from services.connectors.facts import Keys
from services.connectors.kit import Kit
from services.connectors.member import Member
from services.connectors.process import run as run_process
from services.connectors.read_only import ReadOnly
from services.connectors.settings import ConnectorSettings
from services.connectors.shadow import ShadowDesk, ShadowWatch
from services.connectors.watch import Watch
from services.connectors.words import Words
from services.runtime.clock import Clock
from services.runtime.errors import UserError
from services.runtime.exit_codes import ExitCode
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings

INPUTS = ("leads.routed", "sla.events", "accounts.alerts")


class Connector(Member):
    """One member of the connector's group. `clock` is the system's, but for tests."""

    def __init__(self, settings: Settings, config: ConnectorSettings, crm: Crm, *, clock: Clock | None = None) -> None:
        super().__init__(settings, config, INPUTS, clock=clock)
        self.config = config
        self.crm: Crm = ReadOnly(crm) if settings.shadow else crm
        self.door: Door | None = None
        self._desks: dict[int, Desk] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`. Raises what ends it; a CRM that does not answer is waited for."""
        async with LogClient(self.settings) as client:
            self.vitals.producer_connected = True
            shared = len(await client.partitions(LINKS))
            subscription = self.subscribe(self._desk)
            door = self.door = Door(self.crm.ping, self.config, self.metrics)
            words = Words(self.config.mapping, closes_as=self.crm.closes_as)
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
                    await self.until(stop, watching)
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

    def waits_for(self) -> str:
        shut = None if self.door is None else self.door.shut_because
        return "" if shut is None else f"crm: {self.name} does not serve us ({shut})"

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


def run(settings: Settings, config: ConnectorSettings, crm: Crm) -> ExitCode:
    """The connector of a CRM as a process (`process.run`)."""
    return run_process(settings, config.name, lambda: Connector(settings, config, crm))
