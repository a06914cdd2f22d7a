"""Everything that the parts of a running connector share: the CRM, the log, the mapping, time, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from baton_schemas.connectors import Told
from baton_schemas.feedback import OutcomeReported
from services.connectors.calls import Calls, Door
from services.connectors.crm import Crm
from services.connectors.deal import Card, Deal
from services.connectors.settings import ConnectorSettings
from services.connectors.together import Together
from services.connectors.words import Words
from services.runtime.clock import Clock
from services.runtime.kafka.log_client import LogClient
from services.runtime.metrics import Metrics


@dataclass(slots=True)
class Kit:
    """`confirm` raises Transient when another may be at the same work (see `Subscription`)."""

    settings: ConnectorSettings
    crm: Crm
    client: LogClient
    words: Words
    clock: Clock
    metrics: Metrics
    door: Door
    confirm: Callable[[], Awaitable[None]]
    calls: Calls = field(init=False)
    at_once: asyncio.Semaphore = field(init=False)
    find: Together[str, Sequence[Deal]] = field(init=False)
    get: Together[str, Deal | None] = field(init=False)
    create: Together[Card, Deal] = field(init=False)

    def __post_init__(self) -> None:
        self.calls = Calls(self.door, self.settings, self.metrics)
        self.at_once = asyncio.Semaphore(self.settings.at_once)
        self.find = Together(self._find)
        self.get = Together(self._get)
        self.create = Together(self.crm.create, name=lambda card: card.reference)

    def count_told(self, told: Told) -> None:
        """One event for Baton, by what it is."""
        kind = "insight"
        if told.type == OutcomeReported.TYPE:
            kind = OutcomeReported.model_validate_json(told.data).kind
        self.metrics.add("baton_crm_outcomes_total", 1, self.settings.name, kind)

    async def _find(self, references: Sequence[str]) -> Sequence[Sequence[Deal]]:
        wanted = list(dict.fromkeys(references))
        found = await self.crm.find(wanted)
        return [[deal for deal in found if deal.reference == reference] for reference in references]

    async def _get(self, ids: Sequence[str]) -> Sequence[Deal | None]:
        found = {deal.id: deal for deal in await self.crm.get(list(dict.fromkeys(ids)))}
        return [found.get(each) for each in ids]
