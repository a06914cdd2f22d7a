"""Reads every topic once and judges the conservation laws; and says when the services have read all there is."""

from __future__ import annotations

from services.cli.conservation import INPUTS, OUTPUTS, Evidence, Verdict
from services.cli.services import journalled
from services.runtime.broker_offsets import BrokerOffsets, Unreachable
from services.runtime.dead_letters import dead_topic
from services.runtime.kafka.connection import broker_name, connection
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings


async def verify(settings: Settings) -> list[Verdict]:
    """Every law, judged on what the topics hold now."""
    evidence = Evidence()
    async with LogClient(settings) as client:
        for topics in (INPUTS, OUTPUTS, tuple(dead_topic(topic) for topic in INPUTS)):
            positions = [(topic, number) for topic in topics for number in await client.partitions(topic)]
            async for record in client.read_all(positions):
                evidence.take(record)
    return evidence.verdicts()


async def drained(settings: Settings) -> bool:
    """Whether every service has committed all of its inputs."""
    for processor in journalled(settings):
        offsets = BrokerOffsets(connection(settings), broker_name(settings, processor.name))
        try:
            topics = [broker_name(settings, topic) for topic in processor.inputs]
            readings = await offsets.read(None, topics)
        except Unreachable:
            return False
        finally:
            await offsets.close()
        if any(reading.lag for reading in readings.values()):
            return False
    return True
