"""The topics that every process reads whole, without a group: always up to date here, before the first batch too."""

from __future__ import annotations

from services.runtime.memory.log import Log
from services.runtime.processor import Globals


class Tables:
    """Latest values by key. A snapshot is made anew only when something has changed."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._snapshots: dict[tuple[str, ...], Globals] = {(): Globals()}

    def snapshot(self, topics: tuple[str, ...]) -> Globals:
        """The tables of `topics`, read to their present ends."""
        known = self._snapshots.get(topics)
        if known is not None and all(known.offsets[topic] == self._end(topic) for topic in topics):
            return known
        known = known or Globals({topic: {} for topic in topics}, dict.fromkeys(topics, 0))
        fresh = Globals(
            {topic: self._read_on(topic, known) for topic in topics}, {topic: self._end(topic) for topic in topics}
        )
        self._snapshots[topics] = fresh
        return fresh

    def _end(self, topic: str) -> int:
        return self._log.end(topic, 0)

    def _read_on(self, topic: str, known: Globals) -> dict[bytes, bytes]:
        table = dict(known.tables[topic])
        start = known.offsets[topic]
        for record in self._log.read(topic, 0, start, self._end(topic) - start):
            if record.key is None:
                continue
            if record.value is None:
                table.pop(record.key, None)
            else:
                table[record.key] = record.value
        return table
