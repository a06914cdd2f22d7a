"""What aiokafka's clients lack where connecting does not go as it should.

Waiting between vain attempts: aiokafka asks for metadata again at once while a producer holds records without a leader,
thousands of connection attempts a second, each with two lines in the log, for as long as the broker is away. That takes
the processor time which the broker needs to come back. Here each client waits after an answer that did not come.

Leaving nothing open: a client that is cancelled while it asks its first question forgets the connection that it asks
over, which then stays open for as long as the process lives. Here it ends what it began, and closes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

C = TypeVar("C", AIOKafkaConsumer, AIOKafkaProducer, AIOKafkaAdminClient)
FIRST_S = 0.05
MOST_S = 1.0
_LEAVING: set[asyncio.Task[None]] = set()
"""A loop holds its tasks weakly."""


def pace(client: Any, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
    """Makes an aiokafka client (a producer's, a consumer's) pause after each vain question for metadata: FIRST_S, then
    twice as long each time up to MOST_S, until one is answered; and close what it opened if it is cancelled while it
    connects, which then takes MOST_S at most before it goes on by itself. To be called before the client starts."""
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
    client.bootstrap = _whole(client)


def paced(owner: C) -> C:
    """A producer, consumer or admin client of aiokafka, whose client is paced."""
    pace(owner.client if isinstance(owner, AIOKafkaProducer) else owner._client)
    return owner


def _whole(client: Any) -> Callable[[], Awaitable[None]]:
    """The client's `bootstrap`, which ends and is closed when it is cancelled."""
    begin = client.bootstrap

    async def bootstrap() -> None:
        connecting = asyncio.ensure_future(begin())
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            leaving = asyncio.ensure_future(_leave(client, connecting))
            _LEAVING.add(leaving)
            leaving.add_done_callback(_LEAVING.discard)
            await asyncio.wait([leaving], timeout=MOST_S)
            raise

    return bootstrap


async def _leave(client: Any, connecting: asyncio.Future[None]) -> None:
    await asyncio.wait([connecting])
    if not connecting.cancelled():
        connecting.exception()  # nobody is left to hear of it
    await client.close()
