"""`baton shadow`: try Baton beside a CRM: what it would have done, what people did, lead by lead and in sum."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from baton_schemas.contract import parse_time
from baton_schemas.documents.teams import Teams
from services.cli.home import cluster, in_shadow
from services.cli.publishing.deals import DealLine, DealMapping, deal_lines
from services.cli.publishing.records import KeyMaker
from services.cli.publishing.report import Report, refuse, tell
from services.cli.shadow_comparison import Entry, compare
from services.cli.shadow_report import as_json, show
from services.cli.shadow_sides import TOPICS, Sides
from services.cli.shadow_sums import sums_of
from services.cli.terminal import JsonOption, out, run, say_json
from services.runtime.clock import SystemClock
from services.runtime.config_set import CONFIG_TOPIC, active_set
from services.runtime.documents import parse
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.processor import Globals
from services.runtime.settings import Settings, load

app = typer.Typer(
    no_args_is_help=True,
    help="Try Baton beside your CRM: `baton up --shadow` decides everything and assigns nothing.\n\n"
    "Example: baton shadow report",
)


@app.command()
def report(
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="From this day or time on; default: since the shadow began.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Say lead by lead where Baton would have differed from what the CRM's people did, and why; then in sum.

    Reads the topics that end in .shadow. Leads and handoffs bear the ids that `baton explain` takes. Exits with 1 while
    there is nothing to compare.

    Example: baton shadow report
    Example: baton shadow report --since 2026-03-02 --json
    """
    start = _moment(since) if since else None
    with cluster() as found:
        entries, began, now = run(compared(in_shadow(found), start))
    sums = sums_of(entries)
    if json:
        say_json(as_json(entries, sums, since=began, now=now))
    elif entries:
        show(entries, sums, out(), since=began, now=now)
    elif since:
        out().print(f"nothing to compare from {since} on: no lead has qualified since, and no deal of the CRM is known")
    else:
        out().print("nothing to compare yet: no lead has qualified, and nothing is known of the CRM's deals")
    if not entries:
        raise typer.Exit(1)


@app.command()
def actual(
    file: Annotated[Path, typer.Argument(help="CSV, one row a deal; also as .gz.")],
    mapping: Annotated[Path, typer.Option("--mapping", metavar="YAML", help="What the columns mean.")],
    check: Annotated[bool, typer.Option("--check", help="Only read and count; no Kafka needed.")] = False,
    json: JsonOption = False,
) -> None:
    """Tell the shadow what your CRM did, from an export. For Tryton there is `baton connector tryton --shadow`.

    Give it a fresh export as often as you can: clocks stop and reps are free again when it says so. Rows that say what
    is known change nothing. Refused rows are listed with number, column and reason. Exits with 2 if none was usable.

    Example: baton shadow actual deals.csv --mapping deals.yaml
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file", fix="name a CSV file with one row a deal")
    found = Report(file=str(file), published=not check)
    if check:
        for _ in _sends(file, mapping, load(), found):
            pass
    else:
        with cluster() as settings:
            run(_publish(in_shadow(settings), file, mapping, found))
    tell(found, json=json)
    if not found.accepted:
        raise typer.Exit(2)


async def _publish(settings: Settings, file: Path, mapping: Path, report: Report) -> None:
    settings.required_secret("person_key_secret")
    async with LogClient(settings) as client:
        await _require(client)
        for send in _sends(file, mapping, settings, report):
            await client.send(send)
        await client.flush()


def _sends(file: Path, mapping: Path, settings: Settings, report: Report) -> Iterator[Send]:
    """The records of a file's rows, counted in `report`, refusals included."""
    keys = KeyMaker(settings.secret("person_key_secret") or b"only checking", settings.person_key_id)
    report.unused_columns, lines = _lines(file, mapping, keys, SystemClock(settings.scale).now())
    for line in lines:
        if line.refused is not None:
            refuse(report, line.line, line.refused)
        elif line.send is not None:
            report.accepted += 1
            report.events += 1
            yield line.send


def _lines(file: Path, mapping: Path, keys: KeyMaker, now: int) -> tuple[list[str], Iterator[DealLine]]:
    try:
        text = mapping.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{mapping}: is not UTF-8 text", fix="save it as UTF-8") from error
    return deal_lines(file, parse(DealMapping, text, str(mapping)), text, str(mapping), keys=keys, now=now)


async def compared(settings: Settings, since: int | None) -> tuple[list[Entry], int, int]:
    """The lines, from when on, and when it was looked (Baton ms)."""
    clock = SystemClock(settings.scale)
    async with LogClient(settings) as client:
        await _require(client)
        config = [record async for record in client.read(CONFIG_TOPIC)]
        sides = Sides(_teams({record.key or b"": record.value for record in config}, len(config)))
        positions = [(topic, number) for topic in TOPICS for number in await client.partitions(topic)]
        async for record in client.read_all(positions):
            sides.take(record)
    now = clock.now()
    began = min((clock.scale.at(record.timestamp) for record in config), default=now)
    start = began if since is None else since
    return compare(sides, now=now, since=start), start, now


async def _require(client: LogClient) -> None:
    """Raises UserError when nothing runs in shadow on this cluster."""
    try:
        for topic in (*TOPICS, CONFIG_TOPIC):
            await client.partitions(topic)
    except UserError as error:
        raise UserError(error.problem.partition(" - ")[0], fix="start it in shadow: baton up --shadow") from error


def _teams(table: dict[bytes, bytes | None], end: int) -> dict[str, str]:
    """The team of every rep, by the configuration in force."""
    known = {key: value for key, value in table.items() if value is not None}
    documents = active_set(Globals({CONFIG_TOPIC: known}, {CONFIG_TOPIC: end})).of("teams")
    teams = [parse(Teams, text, name) for name, text in documents.items()]
    return {rep.id: team.name for each in teams for team in each.teams for rep in team.reps}


def _moment(text: str) -> int:
    """A day or a time, in UTC unless it says otherwise. Raises UserError."""
    for form in (text, f"{text}Z", f"{text}T00:00:00Z"):
        try:
            return parse_time(form)
        except ValueError:
            continue
    raise UserError(f"--since {text}: no day and no time", fix="write 2026-03-02 or 2026-03-02T09:30:00Z")
