"""What every connector is, whatever it connects: one member of a group, with metrics, vitals and an orderly end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry

from services.connectors.settings import MemberSettings
from services.runtime.clock import Clock, SystemClock
from services.runtime.kafka.connection import broker_name
from services.runtime.kafka.subscription import Share, Subscription
from services.runtime.metrics import Metrics
from services.runtime.settings import Settings
from services.runtime.vitals import TopicPartition, Vitals


class Member(ABC):
    """`inputs` are the topics that it consumes, with equal numbers of partitions. `clock` is the system's, but for
    tests."""

    def __init__(
        self, settings: Settings, config: MemberSettings, inputs: Sequence[str], *, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.name = config.name
        self.inputs = tuple(inputs)
        self.clock = clock or SystemClock(settings.scale)
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, rooms=["connector"])
        self.metrics.set("baton_info", 1, f"connector-{self.name}", "subscription", version("baton"))
        self.metrics.set("baton_crm_available", 1, self.name)
        self.vitals = Vitals(globals_read=True)
        self.subscription: Subscription | None = None

    on_hangup: Callable[[], None] | None = None
    """What SIGHUP does, for connectors that can be told something while they work."""

    @abstractmethod
    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`. Raises what ends it."""

    @abstractmethod
    def waits_for(self) -> str:
        """What it waits for outside of Kafka, in words; empty when it works."""

    def look(self) -> None:
        """Keeps the vitals up to date: called once a second on the worker's loop."""
        found, vitals = self.subscription, self.vitals
        if found is not None and found.assigned:
            both = found.partitions | found.opening
            vitals.assigned = frozenset(TopicPartition(topic, number) for topic in self.inputs for number in both)
            vitals.restoring = frozenset(TopicPartition(self.inputs[0], number) for number in found.opening)
        vitals.waits_for = self.waits_for()

    def subscribe(self, make: Callable[[int], Share], **more: Any) -> Subscription:
        """Its membership, not yet started; `more` goes to `Subscription`."""
        group = broker_name(self.settings, f"baton-connector-{self.name}")
        self.subscription = Subscription(self.settings, group, self.inputs, make, **more)
        return self.subscription

    async def until(self, stop: asyncio.Event, *works: asyncio.Task[None]) -> None:
        """Returns at `stop`. Raises what ended the membership or one of `works`."""
        assert self.subscription is not None  # noqa: S101  called after `subscribe`
        failed = self.subscription.failed
        stopping = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {stopping, failed, *works}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self.vitals.stopping = True
        stopping.cancel()
        if failed.done():
            raise failed.result()
        for work in works:
            if work.done():
                work.result()
