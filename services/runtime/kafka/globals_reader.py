"""Reads the one-partition topics that every process needs whole: configuration, models, erasures (L7, L8).

No group: each process reads all of it before its first batch and keeps reading. A snapshot never changes; a lane that
restored decisions made with a later snapshot waits until this reader is there too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.runtime.errors import Transient
from services.runtime.kafka.reconnect import paced
from services.runtime.processor import Globals

_POLL_MS = 500
_BACKOFF_S = 0.2


class GlobalsReader:
    """`snapshot` is the latest; `on_change` is called after each new one."""

    def __init__(
        self,
        parameters: dict[str, Any],
        topics: Sequence[str],
        name: Callable[[str], str],
        *,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.snapshot = Globals({topic: {} for topic in topics}, dict.fromkeys(topics, 0))
        self._parameters = parameters
        self._topics = {TopicPartition(name(topic), 0): topic for topic in topics}
        self._on_change = on_change
        self._changed = asyncio.Event()
        self._consumer: Any = None

    async def start(self, patience_s: float) -> None:
        """Reads everything that is there now. Raises Transient when that does not end within `patience_s`."""
        if not self._topics:
            return
        self._consumer = paced(
            AIOKafkaConsumer(
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                max_partition_fetch_bytes=4 << 20,
                **self._parameters,
            )
        )
        await self._consumer.start()
        self._consumer.assign(list(self._topics))
        try:
            async with asyncio.timeout(patience_s):
                for tp, begin in (await self._consumer.beginning_offsets(list(self._topics))).items():
                    self._consumer.seek(tp, begin)
                ends = await self._consumer.end_offsets(list(self._topics))
                while not await self._read_to(ends):
                    self._take(await self._consumer.getmany(timeout_ms=_POLL_MS))
        except (TimeoutError, KafkaError) as error:
            raise Transient(f"global topics can't be read: {error}") from error

    async def follow(self) -> None:
        """Keeps reading until cancelled; a broker that is away is waited for, the watchdog judges how long."""
        while self._topics:
            try:
                self._take(await self._consumer.getmany(timeout_ms=_POLL_MS))
            except KafkaError:
                await asyncio.sleep(_BACKOFF_S)

    async def stop(self) -> None:
        """Closes the connection."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def at_least(self, offsets: Mapping[str, int]) -> None:
        """Returns when the snapshot covers `offsets` (by catalogue name); topics that nobody reads any more count."""
        while any(self.snapshot.offsets.get(topic, offset) < offset for topic, offset in offsets.items()):
            self._changed.clear()
            await self._changed.wait()

    async def _read_to(self, ends: Mapping[Any, int]) -> bool:
        offsets = dict(self.snapshot.offsets)
        for tp, topic in self._topics.items():
            offsets[topic] = max(offsets[topic], await self._consumer.position(tp))
        self.snapshot = Globals(self.snapshot.tables, offsets)
        return all(offsets[self._topics[tp]] >= end for tp, end in ends.items())

    def _take(self, fetched: Mapping[Any, Sequence[Any]]) -> None:
        if not fetched:
            return
        tables, offsets = dict(self.snapshot.tables), dict(self.snapshot.offsets)
        for tp, records in fetched.items():
            topic = self._topics[tp]
            table = dict(tables[topic])
            for record in records:
                if record.value is None:
                    table.pop(record.key, None)
                else:
                    table[record.key] = record.value
            tables[topic] = table
            offsets[topic] = records[-1].offset + 1
        self.snapshot = Globals(tables, offsets)
        self._changed.set()
        self._on_change()
