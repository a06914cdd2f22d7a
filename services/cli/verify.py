"""Reads every topic once and judges the conservation laws; and says when the services have read all there is."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable

from services.cli.conservation import INPUTS, OUTPUTS, Evidence, Verdict
from services.cli.recount import OUTSIDE, applied_once, restored
from services.cli.services import journalled, processor
from services.runtime.broker_offsets import BrokerOffsets, Unreachable
from services.runtime.dead_letters import dead_topic
from services.runtime.kafka import admin
from services.runtime.kafka.connection import broker_name, connection
from services.runtime.kafka.log_client import LogClient, Position
from services.runtime.processor import Processor
from services.runtime.progress_rule import Reading
from services.runtime.record import LogRecord
from services.runtime.settings import Settings
from services.runtime.vitals import TopicPartition

Readings = dict[TopicPartition, Reading]
_HOPS = 6
_PAUSE_S = 0.1


async def verify(settings: Settings) -> list[Verdict]:
    """Every law, judged on what the topics hold now. Needs the person-key secret: it counts the events again."""
    evidence = Evidence()
    scorer = processor("scorer", settings)
    outside: list[LogRecord] = []
    journal: dict[int, list[LogRecord]] = {}
    async with LogClient(settings) as client:
        for topics in (INPUTS, OUTPUTS, tuple(dead_topic(topic) for topic in INPUTS)):
            async for record in client.read_all(await _positions(client, topics)):
                evidence.take(record)
                if record.topic in OUTSIDE:
                    outside.append(record)
        rest = await _positions(client, [topic for topic in OUTSIDE if topic not in INPUTS])
        outside += [record async for record in client.read_all(rest)]
        positions = await _positions(client, [admin.journal_topic(scorer)])
        journal.update({number: [] for _, number in positions})
        async for record in client.read_all(positions):
            journal[record.partition].append(record)
    return [
        *applied_once(scorer, restored(journal), outside, partitions=len(journal), scale=settings.scale),
        *evidence.verdicts(),
    ]


async def _positions(client: LogClient, topics: Iterable[str]) -> list[Position]:
    return [(topic, number) for topic in topics for number in await client.partitions(topic)]


async def drained(settings: Settings, patience_s: float, only: Collection[str] = ()) -> bool:
    """Waits until the services (or `only` some) have read all that is there and all that followed from it; False if
    they did not.

    Clocks go on ringing, so the topics never fall silent: each round waits for what was there when it began, and there
    are as many rounds as an event has hops to go.
    """
    groups = [
        (BrokerOffsets(connection(settings), broker_name(settings, each.name)), each)
        for each in journalled(settings)
        if not only or each.name in only
    ]
    try:
        async with asyncio.timeout(patience_s):
            for _ in range(_HOPS):
                ends = [await _readings(offsets, each, settings) for offsets, each in groups]
                for wanted, (offsets, each) in zip(ends, groups, strict=True):
                    await _until(wanted, offsets, each, settings)
        return True
    except TimeoutError:
        return False
    finally:
        for offsets, _ in groups:
            await offsets.close()


async def _readings(offsets: BrokerOffsets, processor: Processor, settings: Settings) -> Readings:
    while True:
        try:
            return await offsets.read(None, [broker_name(settings, topic) for topic in processor.inputs])
        except Unreachable:
            await asyncio.sleep(_PAUSE_S)


async def _until(wanted: Readings, offsets: BrokerOffsets, processor: Processor, settings: Settings) -> None:
    while True:
        found = await _readings(offsets, processor, settings)
        if all(found[tp].committed >= reading.end for tp, reading in wanted.items()):
            return
        await asyncio.sleep(_PAUSE_S)
