"""Puts a worker's metrics, health and watchdog around its engine: what `worker.run` takes as `observe` and `beside`.

operating = Operating("scorer", settings)
run("scorer", [processor], settings, observe=operating.observe, beside=operating.beside)
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import get_args

import structlog
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from pydantic import ValidationError

from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.sla import SlaPolicies
from baton_schemas.documents.territories import Territories
from services.runtime import log_events
from services.runtime.broker_offsets import BrokerOffsets
from services.runtime.clock import SystemClock
from services.runtime.config_set import CONFIG_TOPIC, BrokenSetError, ConfigSet, active_set
from services.runtime.definition_watch import DefinitionWatch
from services.runtime.documents import parse
from services.runtime.errors import UserError
from services.runtime.health import application
from services.runtime.kafka.connection import connection
from services.runtime.kafka.core import Core
from services.runtime.metrics import MetricMisuse, Metrics
from services.runtime.metrics.catalogue import SILENCE_STEP, STEP
from services.runtime.metrics.declaration import Room
from services.runtime.operations import Operations, end_process
from services.runtime.processor import Globals
from services.runtime.settings import Settings
from services.runtime.vitals import TopicPartition, Vitals
from services.runtime.watchdog import End, Watchdog

log = structlog.get_logger(__name__)

ANNOUNCED = "run"
"""The folder in the data dir where `<service>-<pid>.json` says on which port a worker answers."""


class Operating:
    """The operating side of one worker process of `service`; `end` is how the watchdog ends it."""

    def __init__(self, service: str, settings: Settings, *, strict: bool = False, end: End = end_process) -> None:
        self.registry = CollectorRegistry()
        rooms: Iterable[Room] = [room for room in get_args(Room) if room == service]
        self.metrics = Metrics(self.registry, rooms=rooms, strict=strict)
        self.metrics.set("baton_info", 1, service, settings.engine, version("baton"))
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.vitals = Vitals()
        self.observe = self.metrics.observe
        self._service = service
        self._settings = settings
        self._end = end
        self._taken_up = 0
        self._definitions = DefinitionWatch(self.metrics)
        self._clock = SystemClock(settings.scale)

    @asynccontextmanager
    async def beside(self, core: Core) -> AsyncIterator[None]:
        """Answers from before the engine starts until after it stopped. Raises UserError when the port is taken."""
        settings = self._settings
        patience_s = settings.watchdog_ms / 1000
        (group, topics), *more = core.groups().items()
        if more:
            raise UserError(f"{self._service}: processors in {1 + len(more)} groups", fix="one worker for each")
        watchdog = Watchdog(
            BrokerOffsets(connection(settings), group),
            self.vitals,
            self.metrics,
            topics,
            patience_s=patience_s,
            monotonic=time.monotonic,
            end=self._end,
        )
        operations = Operations(
            application(self.vitals, self.metrics, self.registry, patience_s=patience_s, monotonic=time.monotonic),
            self.vitals,
            host=settings.http_host,
            port=settings.http_port,
            watchdog=watchdog,
            look=lambda: self._look(core),
            announce=settings.data_dir / ANNOUNCED / f"{self._service}-{os.getpid()}.json",
        )
        operations.start()
        try:
            yield
        finally:
            operations.stop()

    def _look(self, core: Core) -> None:
        """What the worker's loop knows of itself, once a second, on that loop."""
        progress, vitals, metrics = core.progress(), self.vitals, self.metrics
        vitals.producer_connected, vitals.globals_read = progress.connected, progress.globals_read
        vitals.restoring = frozenset(TopicPartition(*tp) for tp in progress.restoring)
        vitals.assigned = (
            None if progress.assigned is None else frozenset(TopicPartition(*tp) for tp in progress.assigned)
        )
        vitals.stopping = core.stopped.is_set()
        metrics.set("baton_timers", progress.timers)
        metrics.set("baton_state_keys", progress.keys)
        for topic, offset in core.globals.offsets.items():
            metrics.set("baton_globals_offset", offset, topic)
        self.take_up(core.globals)
        self._definitions.look(core.globals, self._clock.now())

    def take_up(self, snapshot: Globals) -> None:
        """Makes the SLA targets in force edges of the first-touch histogram, and shows every clock that can run at
        zero: to Prometheus the first breach is then an increase, and no alert misses it."""
        offset = snapshot.offsets.get(CONFIG_TOPIC, 0)
        if self._service != "router" or offset == self._taken_up:
            return
        self._taken_up = offset
        try:
            found = active_set(snapshot)
            self.metrics.adopt_edges("baton_first_touch_seconds", sla_targets(found))
            for tier, territory in clocks(found):
                for step in STEP.values:
                    self.metrics.start_at_zero("baton_sla_steps_total", step, tier, territory)
                for step in SILENCE_STEP.values:
                    self.metrics.start_at_zero("baton_disposition_steps_total", step, tier, territory)
        except (BrokenSetError, UserError, ValidationError, MetricMisuse) as error:  # the router says what is wrong
            log.warning(log_events.SLA_EDGES_REFUSED, topic=CONFIG_TOPIC, error=str(error))


def sla_targets(found: ConfigSet) -> set[float]:
    """The first-touch targets in force, in business seconds."""
    return {
        60.0 * target.first_touch_minutes
        for name, text in found.of("sla").items()
        for policy in parse(SlaPolicies, text, f"sla/{name}").policies
        for target in policy.tiers.values()
    }


def clocks(found: ConfigSet) -> Iterator[tuple[str, str]]:
    """Tier and territory of every clock that can run: a lead has its tier from the definition that it met."""
    tiers = {
        tier.name: None
        for name, text in found.of("definition").items()
        for tier in parse(LeadDefinition, text, f"definition/{name}").tiers
    }
    for name, text in found.of("territories").items():
        for territory in parse(Territories, text, f"territories/{name}").territories:
            yield from ((tier, territory.name) for tier in tiers)
