"""Messages that wait for another attempt, noted on `connectors.links` by their place on the log.

A noted record counts as done on its topic: it holds up nobody's offset, so a restart sends again what failed and what
came behind it, and not a day of what was taken long ago. Only the place is noted, never what the message says (L8).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from baton_schemas.connectors import ConnectorWaiting
from baton_schemas.envelope import envelop, from_record
from services.runtime.clock import Clock
from services.runtime.effects import Send
from services.runtime.kafka.log_client import LogClient

TOPIC = "connectors.links"


class Place(NamedTuple):
    """Where a record of this partition stands."""

    topic: str
    offset: int


class WaitingBook:
    """Read by `open`, then kept in memory and written through. `connector` is the connector's name."""

    def __init__(self, client: LogClient, connector: str, partition: int, clock: Clock) -> None:
        self._client = client
        self._connector = connector
        self._partition = partition
        self._clock = clock
        self._notes: dict[Place, ConnectorWaiting] = {}

    def __contains__(self, place: Place) -> bool:
        return place in self._notes

    def __len__(self) -> int:
        return len(self._notes)

    async def open(self) -> Collection[ConnectorWaiting]:
        """Reads what is there; the notes in the order in which their records came."""
        prefix = f"{self._connector}/waiting/".encode()
        async for record in self._client.read(TOPIC, [self._partition]):
            if not (record.key or b"").startswith(prefix):
                continue
            if record.value is None:
                topic, _, offset = (record.key or b"")[len(prefix) :].decode().rpartition("/")
                self._notes.pop(Place(topic, int(offset)), None)
            else:
                data = from_record(record.headers, record.value).data or b""
                note = ConnectorWaiting.model_validate_json(data)
                self._notes[Place(note.topic, note.offset)] = note
        return sorted(self._notes.values(), key=lambda note: (note.arrived, note.topic, note.offset))

    def find(self, place: Place) -> ConnectorWaiting | None:
        """The note of a record."""
        return self._notes.get(place)

    async def keep(self, note: ConnectorWaiting) -> None:
        """Returns when the log has the note."""
        headers, value = envelop(
            note, id=f"{self._name(note)}/{note.at}", source="/baton/connectors", time=self._clock.now()
        )
        await self._client.write(Send(TOPIC, self._name(note).encode(), value, headers), self._partition)
        self._notes[Place(note.topic, note.offset)] = note

    async def drop(self, place: Place) -> None:
        """It waits no more."""
        note = self._notes.pop(place, None)
        if note is not None:
            await self._client.write(Send(TOPIC, self._name(note).encode(), None), self._partition)

    def _name(self, note: ConnectorWaiting) -> str:
        return f"{self._connector}/waiting/{note.topic}/{note.offset}"
