"""Looks into the folder where people drop what came of leads, tells Baton, and puts each file away.

Everything that a file says is on the log before the file is moved; a crash in between reads it again, and the same
events go out with the same ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from baton_schemas.envelope import envelop
from services.connectors.drop import folder
from services.connectors.drop.answers import Answer, Rejected, read
from services.connectors.drop.desk import Kit
from services.connectors.drop.notes import leads
from services.runtime import log_events
from services.runtime.effects import Send

log = structlog.get_logger(__name__)
_BREATH = 200
"""Rows after which others get a turn: a large file must not keep this member from saying that it is alive."""


class Inbox:
    """`ours` says whether this member is the one that looks."""

    def __init__(self, kit: Kit, ours: Callable[[], bool]) -> None:
        self._kit = kit
        self._ours = ours

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            if self._ours():
                await self.look()
            await asyncio.sleep(self._kit.settings.poll_s)

    async def look(self) -> None:
        """Every file that is there now. A folder that fails is looked into again at the next time."""
        settings = self._kit.settings
        try:
            await asyncio.to_thread(partial(folder.make, settings.folder))
            await asyncio.to_thread(partial(folder.sweep, settings.folder))
            found = await asyncio.to_thread(partial(folder.dropped, settings.folder, settings.settle_s))
            if found:
                known = await leads(self._kit.client, settings.name)
                for path in found:
                    await self._take_if_readable(path, known)
        except OSError as error:
            self._failed(error)

    async def _take_if_readable(self, path: Path, known: dict[str, str]) -> None:
        """A file that can't be read or moved holds up no other."""
        try:
            await self._take(path, known)
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        log.warning(log_events.FOLDER_FAILED, connector=self._kit.settings.name, error=f"outcomes: {error.strerror}")

    async def _take(self, path: Path, known: dict[str, str]) -> None:
        kit, settings = self._kit, self._kit.settings
        told: list[Answer] = []
        rejected: list[Rejected] = []
        size = (await asyncio.to_thread(path.stat)).st_size
        if size > settings.largest_file:
            rejected.append(Rejected(1, "", f"is over {settings.largest_file} bytes: split the file"))
        else:
            data = await asyncio.to_thread(path.read_bytes)
            for number, each in enumerate(read(
                data, settings.answers, known.get, connector=settings.name, delimiter=settings.delimiter,
                now=kit.clock.wall(), baton=kit.clock.scale.at,
            )):  # fmt: skip
                if number % _BREATH == 0:
                    await asyncio.sleep(0)
                told.append(each) if isinstance(each, Answer) else rejected.append(each)
        for answer in told:
            await self._tell(answer)
        await kit.client.flush()
        await asyncio.to_thread(partial(folder.put_away, path, rejected))
        for answer in told:
            kit.metrics.add("baton_crm_outcomes_total", 1, settings.name, answer.outcome.kind)
        if rejected:
            kit.metrics.add("baton_csv_rows_rejected_total", len(rejected), settings.name)
        log.info(log_events.FILE_READ, connector=settings.name, told=len(told), rejected=len(rejected))

    async def _tell(self, answer: Answer) -> None:
        outcome = answer.outcome
        source = f"/connectors/{self._kit.settings.name}"
        headers, value = envelop(outcome, id=answer.id, source=source, time=outcome.at)
        await self._kit.client.send(Send("feedback.events", outcome.lead.encode(), value, headers))
