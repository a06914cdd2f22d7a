"""Where a record first stood in a log, so that ids derived from its position survive a replay or a re-keying (L2).

A record without an id of its own gets one from topic, partition and offset. When Baton publishes such a record again
(a replayed dead letter, an event sent on under another key) it says in one header where the original stood.
"""

from __future__ import annotations

from typing import NamedTuple

from services.runtime.record import Record

ORIGIN_HEADER = "baton-origin"


class Origin(NamedTuple):
    """A position in the log: catalogue name of the topic, partition, offset."""

    topic: str
    partition: int
    offset: int

    def header(self) -> tuple[str, bytes]:
        """The header that carries this position along.

        >>> Origin("engagement.events", 3, 41).header()
        ('baton-origin', b'engagement.events/3/41')
        """
        return ORIGIN_HEADER, f"{self.topic}/{self.partition}/{self.offset}".encode()


def origin_of(record: Record, topic: str) -> Origin:
    """The origin that `record` carries, or its own position in `topic` (catalogue name) when it carries none.

    The first readable origin header counts; one that can't be read is taken for somebody else's header.
    """
    for name, value in record.headers:
        if name == ORIGIN_HEADER and (found := _parse(value)) is not None:
            return found
    return Origin(topic, record.partition, record.offset)


def _parse(value: bytes | None) -> Origin | None:
    try:
        topic, partition, offset = (value or b"").decode("ascii").split("/")
        return Origin(topic, int(partition), int(offset))
    except ValueError:
        return None
