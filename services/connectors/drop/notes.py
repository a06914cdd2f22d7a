"""What a CSV connector remembers on `connectors.links`: which records went into which file, whose handoffs they were.

A file is planned before it is written: from which record to which. After a crash the same records go into a file of
the same name, so it has the same bytes, wherever the import was meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from baton_schemas.connectors import ConnectorFile, ConnectorLink
from baton_schemas.contract import Contract
from baton_schemas.envelope import envelop, from_record
from services.runtime.clock import Clock
from services.runtime.effects import Send
from services.runtime.kafka.log_client import LogClient

TOPIC = "connectors.links"
FORGET_MS = 90 * 86_400_000
"""A handoff that was written so long ago is answered no more: as long as on the log."""


class Notes:
    """Those of one partition. Read by `open`, then written through."""

    def __init__(self, client: LogClient, connector: str, partition: int, clock: Clock) -> None:
        self._client = client
        self._connector = connector
        self._partition = partition
        self._clock = clock
        self._handoffs: set[str] = set()
        self._files: dict[str, ConnectorFile] = {}

    async def open(self) -> None:
        """Reads what is there, and forgets what is old."""
        oldest = self._clock.now() - FORGET_MS
        handoffs: dict[str, int] = {}
        async for name, data in latest(self._client, self._connector, [self._partition]):
            if name.startswith("file/"):
                found = None if data is None else ConnectorFile.model_validate_json(data)
                self._files |= {} if found is None else {found.topic: found}
            elif data is None:
                handoffs.pop(name, None)
            else:
                handoffs[name] = ConnectorLink.model_validate_json(data).at
        for handoff, at in handoffs.items():
            if at < oldest:
                await self._client.send(Send(TOPIC, self._key(handoff), None), self._partition)
        self._handoffs = {handoff for handoff, at in handoffs.items() if at >= oldest}

    def file(self, topic: str) -> ConnectorFile | None:
        """The last file of a topic."""
        return self._files.get(topic)

    async def plan(self, file: ConnectorFile, handoffs: dict[str, str]) -> None:
        """Notes a file and the lead of each of its handoffs. Returns when the log has it all."""
        for handoff in sorted(handoffs.keys() - self._handoffs):
            link = ConnectorLink(
                connector=self._connector, lead=handoffs[handoff], handoff=handoff, at=self._clock.now()
            )
            await self._client.send(self._record(handoff, link), self._partition)
        await self._client.flush()
        self._handoffs |= handoffs.keys()
        await self.note(file)

    async def note(self, file: ConnectorFile) -> None:
        """Notes what became of a file."""
        await self._client.write(self._record(f"file/{file.topic}", file), self._partition)
        self._files[file.topic] = file

    def _record(self, name: str, data: Contract) -> Send:
        now = self._clock.now()
        headers, value = envelop(data, id=f"{self._connector}/{name}/{now}", source="/baton/connectors", time=now)
        return Send(TOPIC, self._key(name), value, headers)

    def _key(self, name: str) -> bytes:
        return f"{self._connector}/{name}".encode()


async def latest(
    client: LogClient, connector: str, partitions: Sequence[int] | None
) -> AsyncIterator[tuple[str, bytes | None]]:
    """The notes of a connector in the order of their writing, by name; None where one was taken back."""
    prefix = f"{connector}/".encode()
    async for record in client.read(TOPIC, partitions):
        if (record.key or b"").startswith(prefix):
            name = (record.key or b"")[len(prefix) :].decode()
            yield name, None if record.value is None else from_record(record.headers, record.value).data or b""


async def leads(client: LogClient, connector: str) -> dict[str, str]:
    """The lead of every handoff that any member of this connector wrote to a file."""
    found: dict[str, str] = {}
    async for name, data in latest(client, connector, None):
        if data is None:
            found.pop(name, None)
        elif not name.startswith("file/"):
            found[name] = ConnectorLink.model_validate_json(data).lead
    return found
