"""Runs the simulated world against a real log: marketing sends, the CRM listens and answers, by Baton's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from services.runtime.clock import Clock
from services.runtime.effects import Send
from services.runtime.kafka.log_client import LogClient
from services.simulator.desks import Desks
from services.simulator.world import World

_TICK_S = 0.05


class Outlet(Protocol):
    """Where records go."""

    async def send(self, record: Send) -> None: ...


async def marketing(
    world: World, outlet: Outlet, clock: Clock, start: int, sent: Callable[[int], None] = lambda _: None
) -> None:
    """Sends every emission when its time has come; ends with the last. `sent` is told how many went out."""
    index = 0
    while index < len(world.emissions):
        now = clock.now() - start
        before = index
        while index < len(world.emissions) and world.emissions[index].at <= now:
            await outlet.send(world.emissions[index].send)
            index += 1
        sent(index - before)
        await asyncio.sleep(_TICK_S)


async def crm(world: World, client: LogClient, clock: Clock, *, seed: int) -> None:
    """Answers what appears on `leads.routed`, until it is cancelled."""
    desks = Desks(world.people, seed=seed)
    async for records in client.follow(["leads.routed"]):
        for record in records:
            desks.take(record)
        for send in desks.due(clock.now()):
            await client.send(send)
