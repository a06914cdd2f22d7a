"""Runs a webhook: its share of leads goes to the receiver, until told to stop. SIGHUP reads the secrets anew, and tries
at once a receiver that is left alone."""

from __future__ import annotations

import asyncio

import structlog

from baton_schemas.connectors import ConnectorEndpoint
from baton_schemas.envelope import envelop
from services.connectors.erasures import Erasures
from services.connectors.errors import CrmError
from services.connectors.member import Member
from services.connectors.process import run as run_process
from services.connectors.webhook.desk import Desk, Kit
from services.connectors.webhook.endpoint import Endpoint, Standing
from services.connectors.webhook.sending import Sender, read_secrets
from services.connectors.webhook.settings import WebhookSettings
from services.connectors.webhook.waiting import TOPIC
from services.runtime import log_events
from services.runtime.clock import Clock
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.exit_codes import ExitCode
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)
INPUTS = ("leads.routed", "sla.events", "accounts.alerts")


class Webhook(Member):
    """One member of the webhook's group. `clock` is the system's, but for tests."""

    def __init__(self, settings: Settings, config: WebhookSettings, *, clock: Clock | None = None) -> None:
        super().__init__(settings, config, INPUTS, clock=clock)
        self.config = config
        self.sender = Sender(config, wall=self.clock.wall)
        self.endpoint = Endpoint(config, self._changed)
        self.on_hangup = self.wake
        self._desks: dict[int, Desk] = {}
        self._to_note = asyncio.Event()
        self.metrics.set("baton_webhook_disabled", 0, self.name)

    async def run(self, stop: asyncio.Event) -> None:
        async with LogClient(self.settings) as client, Erasures(self.settings) as erasures, self.sender:
            self.vitals.producer_connected = True
            await client.partitions(TOPIC)
            subscription = self.subscribe(self._desk)
            self._kit = Kit(
                self.config, client, self.sender, self.endpoint, erasures, self.clock, self.metrics,
                subscription.confirm,
            )  # fmt: skip
            noting: asyncio.Task[None] | None = None
            try:
                await subscription.start()
                noting = asyncio.create_task(self._note_standing(client))
                await self.until(stop, noting)
            finally:
                if noting is not None:
                    noting.cancel()
                    await asyncio.gather(noting, return_exceptions=True)
                await subscription.stop()

    def waits_for(self) -> str:
        open_ones = self.subscription.partitions if self.subscription is not None else frozenset()
        waiting = sum(len(desk.book) for number, desk in self._desks.items() if number in open_ones)
        self.metrics.set("baton_webhook_waiting", waiting, self.name)
        if self.endpoint.standing.until is None:
            return ""
        how = "is disabled" if self.endpoint.standing.disabled else "takes nothing"
        return f"webhook: the receiver of {self.name} {how} ({self.endpoint.last_error})"

    def wake(self) -> None:
        """A person has mended something: takes up new secrets and tries the receiver at once. Secrets that can't be
        read leave the old ones in force."""
        try:
            self.sender.secrets = read_secrets(self.config.secret_files)
        except UserError as error:
            log.error(log_events.SECRETS_KEPT, connector=self.name, error=str(error))
        self.endpoint.enable()

    def _desk(self, partition: int) -> Desk:
        assert self.subscription is not None  # noqa: S101  it makes the desks
        desk = self._desks[partition] = Desk(self._kit, partition, self.subscription.fail)
        return desk

    def _changed(self, standing: Standing, error: CrmError | None) -> None:
        self.metrics.set("baton_crm_available", int(standing.until is None), self.name)
        disabled = bool(standing.disabled)
        was = self.metrics.value("baton_webhook_disabled", self.name) == 1
        self.metrics.set("baton_webhook_disabled", int(disabled), self.name)
        if disabled and not was:
            log.error(log_events.RECEIVER_DISABLED, connector=self.name, code=standing.disabled, error=str(error))
        elif was and not disabled:
            log.info(log_events.RECEIVER_ENABLED, connector=self.name)
        elif standing.until is None:
            log.info(log_events.CRM_BACK, connector=self.name)
        elif standing.shuts == 1 and error is not None:
            log.warning(log_events.CRM_AWAY, connector=self.name, code=error.code, error=str(error))
        self._to_note.set()

    async def _note_standing(self, client: LogClient) -> None:
        """Keeps `connectors.links` saying whether the receiver is disabled, for `check` and whoever looks from
        outside; a start counts as a person's word that it works."""
        said: str | None = ""
        while True:
            disabled = self.endpoint.standing.disabled or None
            if disabled != said:
                now, name = self.clock.now(), endpoint_name(self.name)
                note = ConnectorEndpoint(connector=self.name, disabled=disabled, at=now)
                headers, value = envelop(note, id=f"{name}/{now}", source="/baton/connectors", time=now)
                await client.write(Send(TOPIC, name.encode(), value, headers), 0)
                said = disabled
            await self._to_note.wait()
            self._to_note.clear()


def endpoint_name(connector: str) -> str:
    """The key under which it is noted, in partition 0, whether a webhook's receiver is disabled."""
    return f"{connector}/endpoint"


def run(settings: Settings, config: WebhookSettings) -> ExitCode:
    """A webhook as a process (`process.run`)."""
    return run_process(settings, config.name, lambda: Webhook(settings, config))
