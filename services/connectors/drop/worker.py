"""Runs a CSV connector: its share of leads goes into files, dropped files become outcomes; until told to stop."""

from __future__ import annotations

import asyncio

from services.connectors.drop.desk import INPUTS, Desk, Kit
from services.connectors.drop.inbox import Inbox
from services.connectors.drop.notes import TOPIC
from services.connectors.drop.settings import CsvSettings
from services.connectors.erasures import Erasures
from services.connectors.member import Member
from services.connectors.process import run as run_process
from services.runtime.clock import Clock
from services.runtime.exit_codes import ExitCode
from services.runtime.kafka.log_client import LogClient
from services.runtime.kafka.subscription import MOST_UNDONE
from services.runtime.settings import Settings

_INBOX_PARTITION = 0
"""Who has it looks for dropped files, so that of several members on one folder one does."""


class CsvDrop(Member):
    """One member of the connector's group. `clock` is the system's, but for tests."""

    def __init__(self, settings: Settings, config: CsvSettings, *, clock: Clock | None = None) -> None:
        super().__init__(settings, config, tuple(INPUTS), clock=clock)
        self.config = config
        self._kit: Kit | None = None

    async def run(self, stop: asyncio.Event) -> None:
        async with LogClient(self.settings) as client, Erasures(self.settings) as erasures:
            self.vitals.producer_connected = True
            for topic in (TOPIC, "feedback.events"):
                await client.partitions(topic)
            subscription = self.subscribe(self._desk, most_undone=max(MOST_UNDONE, 2 * self.config.rows))
            kit = self._kit = Kit(self.config, client, erasures, self.clock, self.metrics, subscription.confirm)
            inbox = Inbox(kit, lambda: _INBOX_PARTITION in subscription.partitions)
            looking: asyncio.Task[None] | None = None
            try:
                await subscription.start()
                looking = asyncio.create_task(inbox.run())
                await self.until(stop, looking)
            finally:
                if looking is not None:
                    looking.cancel()
                    await asyncio.gather(looking, return_exceptions=True)
                await subscription.stop()

    def _desk(self, partition: int) -> Desk:
        assert self.subscription is not None  # noqa: S101  it makes the desks
        assert self._kit is not None  # noqa: S101  made before it starts
        return Desk(self._kit, partition, self.subscription.fail)

    def waits_for(self) -> str:
        trouble = "" if self._kit is None else self._kit.trouble
        return f"folder: {self.config.folder} can't be written to ({trouble})" if trouble else ""


def run(settings: Settings, config: CsvSettings) -> ExitCode:
    """A CSV connector as a process (`process.run`)."""
    return run_process(settings, config.name, lambda: CsvDrop(settings, config))
