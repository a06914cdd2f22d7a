"""`baton publish`: people's files go in as events; each line is accepted, or refused with number, field and reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from baton_schemas.engagement import Identifiers
from baton_schemas.envelope import from_record
from baton_schemas.keys import handoff_id
from baton_schemas.routing import LeadRouted
from services.cli.backfill import publish_backfill
from services.cli.home import cluster
from services.cli.publishing.draft import Refused
from services.cli.publishing.lines import is_csv
from services.cli.publishing.mapping import Mapping
from services.cli.publishing.outcomes import outcome_drafts
from services.cli.publishing.reading import Reading, csv_table, json_readings, read_mapping
from services.cli.publishing.records import KeyMaker, keys_of, to_send
from services.cli.publishing.report import Report, refuse, tell
from services.cli.terminal import JsonOption, progress, run
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings, load

_EVERY = 500
app = typer.Typer()


class Times(StrEnum):
    """Which time an event gets."""

    GIVEN = "given"
    ARRIVAL = "arrival"


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="JSON lines, a JSON array, or CSV; also as .gz.")],
    mapping: Annotated[
        Path | None, typer.Option("--mapping", metavar="YAML", help="What the columns of a CSV file mean.")
    ] = None,
    source: Annotated[str, typer.Option("--source", help="Name of the sender, for calls that carry none.")] = "segment",
    times: Annotated[
        Times,
        typer.Option("--times", help="given: as in the file. arrival: as if it happened now, for files of the past."),
    ] = Times.GIVEN,
    outcomes: Annotated[
        bool, typer.Option("--outcomes", help="Second pass: publish the outcome column for leads that were routed.")
    ] = False,
    backfill: Annotated[
        str | None,
        typer.Option(
            "--backfill",
            metavar="SOURCE",
            help="History, however old: in the place of what SOURCE said before of the days in the file.",
        ),
    ] = None,
    before: Annotated[
        datetime | None,
        typer.Option(
            "--before", formats=["%Y-%m-%d"], help="With --backfill: leave out this day (UTC) and later ones."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only read and count; publish nothing, no Kafka needed.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Publish a file of events: CloudEvents, Segment calls (identify, track, page, screen, group, alias), or CSV rows.

    Publishing the same file again changes nothing: ids come from the calls, or from their content. Refused lines are
    listed with number, field and reason (the first 20, all of them with --json). Exits with 2 if no line was usable.

    With --backfill the file is history: its days go over a topic that is read only while live events are less than a
    second behind, and take the place of what SOURCE said of them before. They count beside live events: name with
    --before the day from which on those came in. Run twice, or once more 40 days later, it changes nothing.

    Example: baton publish calls.jsonl
    Example: baton publish people.csv.gz --mapping people.yaml --times arrival
    Example: baton publish 2025.jsonl --backfill old-crm --before 2026-01-15
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file", fix="name a file to publish")
    if is_csv(file) and mapping is None:
        raise UserError(f"{file}: a CSV file needs a mapping", fix="--mapping FILE.yaml, see config/examples/bank/")
    if outcomes and mapping is None:
        raise UserError("--outcomes: needs a CSV file and its mapping", fix="--mapping FILE.yaml with an `outcome`")
    report = Report(file=str(file), published=not check)
    columns: Mapping | None = None
    if mapping is not None:
        columns, text = read_mapping(mapping)
        table = csv_table(file, columns, text, str(mapping))
        report.unused_columns = table.unused
        readings = table.readings
    else:
        readings = json_readings(file, f"/import/{source}")
    if outcomes and (columns is None or columns.outcome is None):
        raise UserError(f"{mapping}: outcome: is required for --outcomes", fix="name column, definition and kinds")
    if backfill is not None:
        if outcomes or times is not Times.GIVEN:
            raise UserError("--backfill: takes neither --outcomes nor --times arrival", fix="publish without them")
        publish_backfill(backfill, before, watched(readings, file), report)
    elif before is not None:
        raise UserError("--before: is for --backfill", fix="--backfill SOURCE, or leave --before out")
    elif check:
        _drain(sends_of(watched(readings, file), report, keys_of(load()), times))
    else:
        with cluster() as settings:
            run(_publish(settings, watched(readings, file), report, times, columns if outcomes else None))
    tell(report, json=json)
    if not report.accepted and not report.without_handoff:
        raise typer.Exit(2)


async def _publish(
    settings: Settings, readings: Iterable[Reading], report: Report, times: Times, outcomes: Mapping | None
) -> None:
    keys = keys_of(settings, required=True)
    async with LogClient(settings) as client:
        if outcomes is None:
            sends = sends_of(readings, report, keys, times)
        else:
            sends = outcome_sends(readings, report, keys, outcomes, await _handoffs(client))
        for send in sends:
            await client.send(send)
        await client.flush()


def sends_of(readings: Iterable[Reading], report: Report, keys: KeyMaker, times: Times) -> Iterator[Send]:
    """The records of a file's lines, counted in `report`, refusals included."""
    for reading in readings:
        try:
            if reading.refused is not None:
                raise reading.refused
            drafts = [replace(d, time=None) for d in reading.drafts] if times is Times.ARRIVAL else reading.drafts
            sends = [to_send(draft, keys) for draft in drafts]
        except Refused as refused:
            refuse(report, reading.line, refused)
            continue
        report.accepted += 1
        report.events += len(sends)
        yield from sends


def outcome_sends(
    readings: Iterable[Reading],
    report: Report,
    keys: KeyMaker,
    mapping: Mapping,
    handoffs: dict[str, LeadRouted],
) -> Iterator[Send]:
    """The outcomes that lines report of `handoffs` (by id), counted in `report`."""
    column = mapping.outcome
    if column is None:
        raise UserError("outcome: is required for --outcomes")
    for reading in readings:
        try:
            if reading.refused is not None:
                raise reading.refused
            lead = keys.person(Identifiers(**reading.person))
            routed = handoffs.get(handoff_id(lead, column.definition, 1))
            if routed is None:
                report.without_handoff += 1
                continue
            drafts = outcome_drafts(column, reading.row, routed, mapping.uri)
            sends = [to_send(draft, keys) for draft in drafts]
        except Refused as refused:
            refuse(report, reading.line, refused)
            continue
        report.accepted += 1
        report.events += len(sends)
        yield from sends


async def _handoffs(client: LogClient) -> dict[str, LeadRouted]:
    """The latest version of every handoff that a rep has."""
    found: dict[str, LeadRouted] = {}
    async for record in client.read("leads.routed"):
        event = from_record(record.headers, record.value)
        if event.type == LeadRouted.TYPE:
            routed = LeadRouted.model_validate_json(event.data or b"")
            found[routed.handoff] = routed
    return found


def watched(readings: Iterable[Reading], file: Path) -> Iterator[Reading]:
    """The readings, with a bar on a terminal."""
    total = None if file.suffix == ".gz" else file.stat().st_size
    with progress() as bar:
        task = bar.add_task(file.name, total=total, note="")
        for number, reading in enumerate(readings, 1):
            if number % _EVERY == 0:
                bar.update(task, completed=reading.read, note=f"{number:,} lines")
            yield reading


def _drain(sends: Iterator[Send]) -> None:
    for _ in sends:
        pass
