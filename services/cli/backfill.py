"""`baton publish --backfill`: history goes in as whole days, in the place of what the same source said before.

The file is read whole before its days go out. In between, what earlier runs said is read from the log, so that what the
file no longer has is taken back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime

from baton_schemas.backfill import MOST_ACTS
from services.cli.home import cluster
from services.cli.publishing.days import BULK, Days
from services.cli.publishing.draft import Refused
from services.cli.publishing.reading import Reading
from services.cli.publishing.records import keys_of
from services.cli.publishing.report import Report, refuse
from services.cli.terminal import run
from services.runtime.clock import SystemClock
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings, load


def publish_backfill(source: str, before: datetime | None, readings: Iterable[Reading], report: Report) -> None:
    """Publishes a file's lines as the history that `source` knows, up to the day `before`; or only counts them, if
    nothing is to be published. Raises UserError for a source that is no name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,127}", source):
        raise UserError(f"--backfill: {source!r} is no name", fix="small letters, digits, . _ -, such as old-crm")
    bound = None if before is None else round(before.replace(tzinfo=UTC).timestamp() * 1000)
    if not report.published:
        with closing(_days(source, load(), bound, required=False)) as days:
            for _ in backfill_sends(readings, report, days):
                pass
        return
    with cluster() as settings, closing(_days(source, settings, bound, required=True)) as days:
        run(_send_backfill(settings, readings, report, days))


def _days(source: str, settings: Settings, before: int | None, *, required: bool) -> Days:
    now = SystemClock(settings.scale).now()
    return Days(source, keys_of(settings, required=required), now=now, before=before)


async def _send_backfill(settings: Settings, readings: Iterable[Reading], report: Report, days: Days) -> None:
    async with LogClient(settings) as client:
        await client.partitions(BULK)  # better now than after an hour of reading
        for send in file_sends(readings, report, days):
            await client.send(send)
        async for record in client.read(BULK):
            days.hear(record)
        for send in day_sends(report, days):
            await client.send(send)
        await client.flush()


def backfill_sends(readings: Iterable[Reading], report: Report, days: Days) -> Iterator[Send]:
    """All records of a backfill, as if nothing had been said before; counted in `report`, refusals included."""
    yield from file_sends(readings, report, days)
    yield from day_sends(report, days)


def file_sends(readings: Iterable[Reading], report: Report, days: Days) -> Iterator[Send]:
    """Takes the file's lines into `days`; the records of those that say who somebody is go first."""
    for reading in readings:
        left_out = days.left_out
        try:
            if reading.refused is not None:
                raise reading.refused
            sends = [days.take(reading.line, draft) for draft in reading.drafts]
        except Refused as refused:
            refuse(report, reading.line, refused)
            continue
        if days.left_out - left_out == len(sends) > 0:
            report.left_out += 1
            continue
        report.accepted += 1
        report.events += len(sends)
        yield from (send for send in sends if send is not None)


def day_sends(report: Report, days: Days) -> Iterator[Send]:
    """What follows from all lines together, and from what was said before."""
    yield from days.links()
    for send, over in days.days():
        for line in over:
            refuse(report, line, Refused("", f"beyond the {MOST_ACTS:,} acts, or 250 kB, of one person on one day"))
        report.accepted -= len(over)
        report.events -= len(over)
        report.days += 1
        yield send
    for send in days.taken_back():
        report.taken_back += 1
        yield send
