"""What a connector knows of one partition of leads, kept on `connectors.links`: links, the position in the CRM, facts.

A link is written before the events that follow from it are sent, and they are in it: after a crash they are sent again,
byte for byte (L2).
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from baton_schemas.connectors import ConnectorCursor, ConnectorFact, ConnectorLink, Told
from baton_schemas.contract import Contract
from baton_schemas.envelope import envelop, from_record, to_headers
from services.connectors.observation import CLOSED
from services.connectors.words import Words
from services.runtime.clock import Clock
from services.runtime.effects import Send
from services.runtime.kafka.log_client import LogClient
from services.runtime.record import LogRecord

TOPIC = "connectors.links"
FORGET_MS = 90 * 86_400_000
"""A handoff that ended so long ago is forgotten: as long as on the log."""


class Book:
    """Read by `open`, then kept in memory and written through."""

    def __init__(self, client: LogClient, connector: str, partition: int, clock: Clock) -> None:
        self._client = client
        self._connector = connector
        self._partition = partition
        self._clock = clock
        self._links: dict[str, ConnectorLink] = {}
        self._changed: dict[str, float] = {}
        self._facts: dict[str, str] = {}
        self.position = ""

    def __iter__(self) -> Iterator[ConnectorLink]:
        return iter(tuple(self._links.values()))

    def __len__(self) -> int:
        return len(self._links)

    async def open(self) -> None:
        """Reads what is there, and sends again what may not have been sent."""
        async for record in self._client.read(TOPIC, [self._partition]):
            self._take(record)
        for link in self:
            if link.told:
                await self._tell(link)

    def find(self, handoff: str) -> ConnectorLink | None:
        """The link of a handoff."""
        return self._links.get(handoff)

    def changed_at(self, handoff: str) -> float:
        """When this process kept something new of a handoff (monotonic s); long ago if it did not."""
        return self._changed.get(handoff, float("-inf"))

    def find_or_new(self, lead: str, handoff: str) -> ConnectorLink:
        """The link of a handoff; one that knows nothing yet if there is none."""
        found = self._links.get(handoff)
        return found or ConnectorLink(connector=self._connector, lead=lead, handoff=handoff, at=self._clock.now())

    async def keep(self, link: ConnectorLink) -> None:
        """Writes a link, then tells what it says. The very link that is kept already costs nothing."""
        if self._links.get(link.handoff) is link:
            return
        await self._write(link.handoff, link)
        self._links[link.handoff] = link
        self._changed[link.handoff] = time.monotonic()
        if link.told:
            await self._tell(link)

    async def move(self, position: str) -> None:
        """Notes up to where the CRM's changes are read."""
        if position != self.position:
            await self._write("", ConnectorCursor(connector=self._connector, position=position, at=self._clock.now()))
            self.position = position

    def told_fact(self, key: str) -> str | None:
        """The digest of the fact that was told last under a key."""
        return self._facts.get(key)

    async def note_fact(self, key: str, digest: str) -> None:
        """Notes which fact was told."""
        note = ConnectorFact(connector=self._connector, key=key, digest=digest, at=self._clock.now())
        await self._write(f"fact/{key}", note)
        self._facts[key] = digest

    async def forget_old(self, words: Words) -> None:
        """Drops what ended long ago."""
        oldest = self._clock.now() - FORGET_MS
        for link in self:
            ended = link.withdrawn or link.seen is None or words.means(link.seen.stage, accepted=True) in CLOSED
            if ended and link.at < oldest and not link.unmapped:
                await self._client.write(Send(TOPIC, self._key(link.handoff), None), self._partition)
                del self._links[link.handoff]
                self._changed.pop(link.handoff, None)

    async def _tell(self, link: ConnectorLink) -> None:
        for told in link.told:
            await self._client.write(_event(told, link, f"/connectors/{self._connector}"))
        said = link.model_copy(update={"told": []})
        self._links[link.handoff] = said
        await self._client.send(self._record(link.handoff, said), self._partition)

    async def _write(self, name: str, data: Contract) -> None:
        await self._client.write(self._record(name, data), self._partition)

    def _record(self, name: str, data: Contract) -> Send:
        now = self._clock.now()
        headers, value = envelop(data, id=f"{self._connector}/{name}/{now}", source="/baton/connectors", time=now)
        return Send(TOPIC, self._key(name), value, headers)

    def _key(self, name: str) -> bytes:
        return f"{self._connector}/{name}".encode()

    def _take(self, record: LogRecord) -> None:
        connector, _, name = (record.key or b"").decode().partition("/")
        if connector != self._connector:
            return
        if record.value is None:
            self._links.pop(name, None)
            return
        data = from_record(record.headers, record.value).data or b""
        if not name:
            self.position = ConnectorCursor.model_validate_json(data).position
        elif name.startswith("fact/"):
            fact = ConnectorFact.model_validate_json(data)
            self._facts[fact.key] = fact.digest
        else:
            self._links[name] = ConnectorLink.model_validate_json(data)


def _event(told: Told, link: ConnectorLink, source: str) -> Send:
    headers = to_headers(id=told.id, source=source, type=told.type, time=told.time)
    return Send("feedback.events", link.lead.encode(), told.data.encode(), headers)
