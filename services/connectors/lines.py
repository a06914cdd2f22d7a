"""Work on records in order for each lead, and side by side for different leads; what nobody takes is buried."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from services.connectors.burial import Burial
from services.connectors.errors import CrmError
from services.runtime.errors import Permanent
from services.runtime.kafka.log_client import LogClient
from services.runtime.metrics import Metrics
from services.runtime.record import LogRecord


class _Job(NamedTuple):
    record: LogRecord
    done: Callable[[], None]


class Lines:
    """A line for each lead (record key). `work` is awaited with one record after the other of a line: when it raises
    Permanent or CrmError, the record becomes a dead letter and the line goes on; anything else goes to `fail`."""

    def __init__(
        self,
        connector: str,
        work: Callable[[LogRecord], Awaitable[None]],
        client: LogClient,
        metrics: Metrics,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._work = work
        self._burial = Burial(connector, client, metrics)
        self._fail = fail
        self._jobs: dict[bytes, deque[_Job]] = {}
        self._tasks: dict[bytes, asyncio.Task[None]] = {}

    def take(self, record: LogRecord, done: Callable[[], None]) -> None:
        """Puts a record at the end of its lead's line; `done` is called when it is worked off or buried."""
        lead = record.key or b""
        self._jobs.setdefault(lead, deque()).append(_Job(record, done))
        if lead not in self._tasks:
            self._tasks[lead] = asyncio.create_task(self._work_off(lead))

    async def close(self) -> None:
        """Ends what is under way; nothing of it counts as done."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work_off(self, lead: bytes) -> None:
        line = self._jobs[lead]
        try:
            while line:
                await self._work_on(line[0].record)
                line.popleft().done()
            del self._jobs[lead], self._tasks[lead]
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  what is neither the CRM's failure nor the record's ends the connector
            self._fail(error)

    async def _work_on(self, record: LogRecord) -> None:
        try:
            await self._work(record)
        except (Permanent, CrmError) as error:
            await self._burial(record, error)
