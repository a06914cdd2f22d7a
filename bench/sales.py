"""The world around Baton while it is measured: a publisher of events, a CRM that notes when leads come and answers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from baton_schemas.envelope import envelop
from baton_schemas.feedback import OutcomeReported
from baton_schemas.routing import LeadRouted
from bench.log import Keyed
from bench.stories import SOURCE
from services.runtime.kafka.connection import connection
from services.runtime.settings import Settings

_CRM = "/bench/crm"
_AFTER_S = {"touched": 8.0, "rejected": 9.0}
REASON = "duplicate"
"""Says nothing of the score, so that no run changes the next."""


class _Qualified(msgspec.Struct):
    cause: str


class _Routed(msgspec.Struct):
    lead: str
    handoff: str
    version: int
    rep: str
    qualified: _Qualified


_decode = msgspec.json.Decoder(_Routed).decode


class Sales:
    """An async context manager. `routed` says by event id when its lead was appended (ms) and came (s)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: Any = None
        self._consumer: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self._desks: dict[str, deque[tuple[float, _Routed]]] = {kind: deque() for kind in _AFTER_S}
        self.routed: dict[str, tuple[int, float]] = {}

    async def __aenter__(self) -> Self:
        parameters = connection(self._settings)
        self._producer = AIOKafkaProducer(acks="all", enable_idempotence=True, linger_ms=0, **parameters)
        self._consumer = AIOKafkaConsumer("leads.routed", auto_offset_reset="latest", **parameters)
        await self._producer.start()
        await self._consumer.start()
        await self._consumer.seek_to_end()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._answer())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._producer.stop()
        await self._consumer.stop()

    async def publish(self, keyed: Keyed) -> None:
        """Puts an event on its way; does not wait for the broker."""
        key, value, headers = keyed
        await self._producer.send("engagement.events", key=key, value=value, headers=list(headers))

    async def at_rest(self) -> None:
        """Returns when every lead that came has its answer."""
        while any(self._desks.values()):  # noqa: ASYNC110  it is time that passes here, nothing that could tell
            await asyncio.sleep(0.1)

    async def _read(self) -> None:
        while True:
            fetched = await self._consumer.getmany(timeout_ms=1000)
            arrived = time.time()
            for records in fetched.values():
                for record in records:
                    if dict(record.headers).get("ce_type") != LeadRouted.TYPE.encode():
                        continue
                    lead = _decode(record.value)
                    cause = lead.qualified.cause.removeprefix(f"{SOURCE}#")
                    self.routed.setdefault(cause, (record.timestamp, arrived))
                    for kind, seconds in _AFTER_S.items():
                        self._desks[kind].append((arrived + seconds, lead))

    async def _answer(self) -> None:
        """Every rep takes as long, so answers of a kind leave in the order in which the leads came."""
        while True:
            now = time.time()
            for kind, desk in self._desks.items():
                while desk and desk[0][0] <= now:
                    await self._report(kind, desk.popleft()[1], round(now * 1000))
            await asyncio.sleep(0.05)

    async def _report(self, kind: str, lead: _Routed, at: int) -> None:
        data = OutcomeReported.model_validate(
            {
                "lead": lead.lead,
                "handoff": lead.handoff,
                "kind": kind,
                "rep": lead.rep,
                "reason": REASON if kind == "rejected" else None,
                "channel": "call" if kind == "touched" else None,
                "at": at,
            }
        )
        headers, value = envelop(data, id=f"{lead.handoff}-{kind}", source=_CRM, time=at)
        await self._producer.send("feedback.events", key=lead.lead.encode(), value=value, headers=list(headers))
