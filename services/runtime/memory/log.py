"""A broker in memory: topics with partitions, records stamped as they are taken in, journals and committed offsets.

It outlives the engines that work on it, as Kafka outlives a worker. Like Kafka it creates no topic on its own, takes
no record over a topic's limit, and gives a record to the partition that its key hashes to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from baton_schemas.catalogue import TOPICS, Topic, dead_topic
from services.runtime.clock import Clock
from services.runtime.errors import UserError
from services.runtime.memory.journal import Journal
from services.runtime.partitioner import partition_of
from services.runtime.record import Headers, LogRecord

Wake = Callable[[], None]


class Log:
    """All topics of a catalogue and their dead-letter topics. `partitions` is the shared number.

    Times come from `clock` alone (LogAppendTime); `seed` spreads the records that have no key.
    """

    def __init__(
        self, *, clock: Clock, partitions: int = 8, topics: Mapping[str, Topic] | None = None, seed: int = 0
    ) -> None:
        self.clock = clock
        self.partitions = partitions
        self.topics: dict[str, Topic] = {}
        self.committed: dict[tuple[str, str, int], int] = {}
        self._random = Random(seed)
        self._journals: dict[tuple[str, int, int], Journal] = {}
        self._partitions: dict[str, list[list[LogRecord]]] = {}
        self._arrivals: dict[str, list[LogRecord]] = {}
        self._watchers: dict[tuple[str, int], list[Wake]] = {}
        for topic in (TOPICS if topics is None else topics).values():
            for each in (topic, dead_topic(topic)):
                self.topics[each.name] = each
                self._partitions[each.name] = [[] for _ in range(each.partitions or partitions)]
                self._arrivals[each.name] = []

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = (), partition: int | None = None
    ) -> LogRecord:
        """Takes a record in, now. UserError when the topic is not declared or the record is over its limit."""
        partitions = self._of(topic)
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(text or b"") for name, text in headers)
        if size > self.topics[topic].max_message_bytes:
            raise UserError(f"{topic}: record of {size} bytes", fix=f"{self.topics[topic].max_message_bytes} at most")
        if partition is None:
            free = key is None
            partition = self._random.randrange(len(partitions)) if free else partition_of(key or b"", len(partitions))
        records = partitions[partition]
        record = LogRecord(topic, partition, len(records), self.clock.wall(), key, value, tuple(headers))
        records.append(record)
        self._arrivals[topic].append(record)
        for wake in self._watchers.get((topic, partition), ()):
            wake()
        return record

    def read(self, topic: str, partition: int, start: int, most: int) -> list[LogRecord]:
        """At most `most` records from offset `start` on."""
        return self._of(topic)[partition][start : start + most]

    def end(self, topic: str, partition: int) -> int:
        """The offset that the next record will get."""
        return len(self._of(topic)[partition])

    def arrivals(self, topic: str) -> list[LogRecord]:
        """Every record of all partitions, in the order in which they came in."""
        self._of(topic)
        return list(self._arrivals[topic])

    def journal(self, processor: str, version: int, partition: int) -> Journal:
        """The journal of one lane; it is there from the first use on."""
        return self._journals.setdefault((processor, version, partition), Journal())

    def watch(self, topic: str, partition: int, wake: Wake) -> None:
        """Calls `wake` whenever a record arrives there."""
        self._watchers.setdefault((topic, partition), []).append(wake)

    def _of(self, topic: str) -> list[list[LogRecord]]:
        try:
            return self._partitions[topic]
        except KeyError:
            raise UserError(f"topic {topic}: not in the catalogue", fix="declare it") from None
