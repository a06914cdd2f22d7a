"""Waiting between vain attempts to reach a broker that is away.

aiokafka asks for metadata again at once while a producer holds records without a leader: thousands of connection
attempts a second, each with two lines in the log, for as long as the broker is away. That takes the processor time
which the broker needs to come back. Here each client waits after an answer that did not come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

C = TypeVar("C", AIOKafkaConsumer, AIOKafkaProducer)
FIRST_S = 0.05
MOST_S = 1.0


def pace(client: Any, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Makes an aiokafka client (a producer's, a consumer's) pause after each vain question for metadata: FIRST_S, then
    twice as long each time up to MOST_S, until one is answered. To be called before the client starts."""
    ask = client._metadata_update
    pause = 0.0

    async def update(*arguments: Any) -> bool:
        nonlocal pause
        answered = bool(await ask(*arguments))
        pause = 0.0 if answered else min(max(2 * pause, FIRST_S), MOST_S)
        if pause:
            await sleep(pause)
        return answered

    client._metadata_update = update


def paced(owner: C) -> C:
    """A producer or consumer of aiokafka, whose client is paced."""
    pace(owner.client if isinstance(owner, AIOKafkaProducer) else owner._client)
    return owner
