"""The work of one partition of leads: its records become rows, and rows become files, in the order of the log.

A file is cut when it is full or its first record has waited long enough; then it is planned on the log, written, and
noted as written; only then do its records count as done. After a crash the planned file is made again, from the same
records: same name, same bytes. So an import that took it before takes the same rows again, by the same `event`, and
none is missing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import structlog

from baton_schemas.alerts import AccountAlert
from baton_schemas.connectors import ConnectorFile
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadHandedOver, LeadRouted, SlaEvent
from services.connectors.burial import Burial
from services.connectors.drop import folder
from services.connectors.drop.cells import render
from services.connectors.drop.notes import Notes
from services.connectors.drop.rows import Told, row
from services.connectors.drop.settings import CsvSettings
from services.connectors.erasures import Erasures
from services.connectors.reading import read
from services.runtime import log_events
from services.runtime.clock import Clock
from services.runtime.errors import Permanent
from services.runtime.kafka.log_client import LogClient
from services.runtime.metrics import Metrics
from services.runtime.record import LogRecord

log = structlog.get_logger(__name__)
CONTRACTS: dict[str, type[Told]] = {
    model.TYPE: model for model in (LeadRouted, LeadWithdrawn, LeadHandedOver, SlaEvent, AccountAlert)
}
INPUTS = {"leads.routed": folder.LEADS, "sla.events": folder.SLA, "accounts.alerts": folder.ALERTS}
"""The topics, and the folder that each one's files go to."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0


@dataclass(slots=True)
class Kit:
    """What the desks of one connector share. `confirm` raises Transient when another may be at the same work; `trouble`
    says why the folder can't be written to, empty when it can."""

    settings: CsvSettings
    client: LogClient
    erasures: Erasures
    clock: Clock
    metrics: Metrics
    confirm: Callable[[], Awaitable[None]]
    trouble: str = ""

    def troubled(self, error: OSError | None) -> None:
        """The folder failed, or works."""
        text = "" if error is None else f"{type(error).__name__}: {error.strerror}"
        if bool(text) != bool(self.trouble):
            said = log_events.FOLDER_FAILED if text else log_events.FOLDER_BACK
            log.warning(said, connector=self.settings.name, error=text)
            self.metrics.set("baton_crm_available", 0 if text else 1, self.settings.name)
        self.trouble = text


class _Waiting(NamedTuple):
    """A record, what is to be called when it is done, and when it came (monotonic s)."""

    record: LogRecord
    done: Callable[[], None]
    since: float


@dataclass(slots=True)
class _Pile:
    """Records of one topic that are in no file yet, in the order of the log. `came` says that there is more."""

    waiting: list[_Waiting] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)


class Desk:
    """A `subscription.Share`. `fail` is told what ends the connector."""

    def __init__(self, kit: Kit, partition: int, fail: Callable[[BaseException], None]) -> None:
        self.partition = partition
        self.notes = Notes(kit.client, kit.settings.name, partition, kit.clock)
        self._kit = kit
        self._fail = fail
        self._bury = Burial(kit.settings.name, kit.client, kit.metrics)
        self._piles = {topic: _Pile() for topic in INPUTS}
        self._filing: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Knows again which files were planned."""
        await self.notes.open()
        self._filing = [asyncio.create_task(self._guard(topic)) for topic in INPUTS]

    def take(self, record: LogRecord, done: Callable[[], None]) -> None:
        """Puts a record on its topic's pile; one that stands in a file already is done."""
        last = self.notes.file(record.topic)
        if last is not None and record.offset < (last.last + 1 if last.written else last.first):
            done()
            return
        pile = self._piles[record.topic]
        pile.waiting.append(_Waiting(record, done, time.monotonic()))
        pile.came.set()

    async def close(self) -> None:
        """Ends what is under way; what is on a pile is read again by whoever is next."""
        for task in self._filing:
            task.cancel()
        await asyncio.gather(*self._filing, return_exceptions=True)

    async def _guard(self, topic: str) -> None:
        try:
            while True:
                await self._file(topic, await self._cut(topic))
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  what neither a record nor the folder is to blame for
            self._fail(error)

    async def _cut(self, topic: str) -> int:
        """Waits until a file is due; how many records of the pile go into it."""
        pile, settings = self._piles[topic], self._kit.settings
        while True:
            pile.came.clear()
            planned = self.notes.file(topic)
            if planned is not None and not planned.written:
                within = sum(each.record.offset <= planned.last for each in pile.waiting)
                if within and pile.waiting[-1].record.offset >= planned.last:
                    return within
                if pile.waiting and not within:  # all of it is gone from the log
                    await self.notes.note(planned.model_copy(update={"written": True}))
                    continue
            elif len(pile.waiting) >= settings.rows:
                return settings.rows
            elif pile.waiting and (left := pile.waiting[0].since + settings.every_s - time.monotonic()) <= 0:
                return len(pile.waiting)
            elif pile.waiting:
                await _either(pile.came, left)
                continue
            await pile.came.wait()

    async def _file(self, topic: str, count: int) -> None:
        """Makes a file of the first `count` records of a pile."""
        pile, kit = self._piles[topic], self._kit
        batch = pile.waiting[:count]
        rows, handoffs = await self._rows([each.record for each in batch])
        if rows:
            planned = self.notes.file(topic)
            if planned is None or planned.written:
                first, last = batch[0].record.offset, batch[-1].record.offset
                planned = ConnectorFile(
                    connector=kit.settings.name, topic=topic, first=first, last=last, at=kit.clock.now()
                )
                await kit.confirm()
                await self.notes.plan(planned, handoffs)
            await self._written(planned, rows)
            await self.notes.note(planned.model_copy(update={"written": True}))
            kit.metrics.add("baton_csv_files_total", 1, kit.settings.name, INPUTS[topic])
            kit.metrics.add("baton_crm_orders_total", len(rows), kit.settings.name, "written")
        del pile.waiting[:count]
        for each in batch:
            each.done()

    async def _rows(self, records: list[LogRecord]) -> tuple[list[dict[str, str]], dict[str, str]]:
        """The rows of records, and the lead of each handoff that was routed in them."""
        kit = self._kit
        rows, handoffs = [], {}
        for record in records:
            try:
                found = read(record, CONTRACTS)
            except Permanent as error:
                await self._bury(record, error)
                continue
            told: Told | None = None if found is None else found.data  # type: ignore[assignment]
            if (
                found is None
                or told is None
                or (isinstance(told, SlaEvent) and told.step not in kit.settings.sla_steps)
            ):
                kit.metrics.add("baton_crm_orders_total", 1, kit.settings.name, "not_wanted")
            elif (about := told_of(told)) is not None and kit.erasures.cover(about, told.at):
                kit.metrics.add("baton_crm_orders_total", 1, kit.settings.name, "forgotten")
            else:
                rows.append(row(told, found.event.id))
                if isinstance(told, LeadRouted):
                    handoffs[told.handoff] = told.lead
        return rows, handoffs

    async def _written(self, planned: ConnectorFile, rows: list[dict[str, str]]) -> None:
        """Returns when the file is there; a folder that does not take it is tried again until it does."""
        kit, where = self._kit, INPUTS[planned.topic]
        columns = {
            folder.LEADS: kit.settings.columns,
            folder.SLA: kit.settings.sla_columns,
            folder.ALERTS: kit.settings.alert_columns,
        }[where]
        cells = [[each.get(word, "") for word in columns.values()] for each in rows]
        data = render(list(columns), cells, kit.settings.delimiter)
        path = kit.settings.folder / where / name(planned, self.partition)
        pause = _FIRST_PAUSE_S
        while True:
            try:
                await asyncio.to_thread(partial(folder.make, kit.settings.folder))
                await kit.confirm()
                await asyncio.to_thread(partial(folder.write, path, data))
            except OSError as error:
                kit.troubled(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                kit.troubled(None)
                return


def told_of(told: Told) -> str | None:
    """The person of whom a record tells more than that there is one."""
    if isinstance(told, AccountAlert):
        return told.spike.lead
    return told.lead if isinstance(told, LeadRouted) else None


def name(planned: ConnectorFile, partition: int) -> str:
    """A file's name: where its records stand on the log, so that names sort as the log does within a partition."""
    return f"{INPUTS[planned.topic]}-{partition:03}-{planned.first:012}-{planned.last:012}.csv"


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set or the time is over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
