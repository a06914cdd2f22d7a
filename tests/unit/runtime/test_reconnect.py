"""A broker that is away is asked for less and less often, and at once when it has answered again."""

from __future__ import annotations

import pytest
from aiokafka.client import AIOKafkaClient

from services.runtime.kafka.reconnect import FIRST_S, MOST_S, pace


@pytest.mark.asyncio
async def test_pauses_grow_while_nobody_answers_and_end_with_an_answer() -> None:
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")  # it knows no broker, so each question is in vain
    reachable = False
    real = client._metadata_update

    async def asked(*arguments: object) -> bool:
        return reachable or bool(await real(*arguments))

    client._metadata_update = asked
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    pace(client, sleep)
    for _ in range(7):
        assert not await client._metadata_update(client.cluster, [])
    assert pauses == [FIRST_S, 0.1, 0.2, 0.4, 0.8, MOST_S, MOST_S]
    reachable = True
    assert await client._metadata_update(client.cluster, [])
    assert len(pauses) == 7
    reachable = False
    await client._metadata_update(client.cluster, [])
    assert pauses[7:] == [FIRST_S]
