"""`baton apply`: documents become one active set, whole or not at all (L7)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.applying import Changes, publish_set
from services.cli.config_folder import Documents, check_set, read_folder, remarks_of
from services.cli.home import cluster
from services.cli.look_back import LookedBack
from services.cli.look_back import look_back as looking_back
from services.cli.terminal import JsonOption, late_progress, out, run, say_json, warn
from services.runtime.clock import SystemClock
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings

app = typer.Typer()


@app.command()
def apply(
    folder: Annotated[Path, typer.Argument(help="The folder with your YAML documents.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only validate; nothing is published, no Kafka needed.")
    ] = False,
    by: Annotated[str | None, typer.Option("--by", help="Who applies it, for the record.")] = None,
    look_back: Annotated[
        bool, typer.Option("--look-back", help="New criteria count the last 30 days, too, before they judge.")
    ] = False,
    per_second: Annotated[
        int, typer.Option("--per-second", min=1, help="How many people a look-back has judged anew in a second.")
    ] = 200,
    json: JsonOption = False,
) -> None:
    """Validate the documents of a folder and make them the active configuration of all services.

    Every problem is named with file, line and field; then nothing is published (exit code 2). A criterion that was not
    counted before knows nothing of the past: with --look-back the running services count it from the log of events
    first, and then the definition comes into force.

    Example: baton apply config/ --by "Ops"
    Example: baton apply config/ --look-back --per-second 50
    """
    documents = read_folder(folder)
    check_set(documents, folder)
    if check:
        warnings = remarks_of(documents, SystemClock().now())
        if json:
            say_json({"valid": True, "warnings": warnings})
            return
        out().print(f"{folder}: {len(documents)} documents, no problem")
        warn(warnings)
        return
    with cluster() as settings:
        if look_back:
            with late_progress("look-back") as advance:
                found = run(looking_back(settings, documents, by=by, per_second=per_second, advance=advance))
            _tell_looked_back(found, json=json)
            return
        changes = run(_apply(settings, documents, by))
    _tell(changes, json=json)


async def _apply(settings: Settings, documents: Documents, by: str | None) -> Changes:
    now = SystemClock(settings.scale).now()
    async with LogClient(settings) as client:
        return await publish_set(client, documents, now=now, by=by)


def _tell(changes: Changes, *, json: bool) -> None:
    if json:
        say_json(changes)
        return
    console = out()
    if not changes.applied:
        console.print(f"set {changes.set_id} was active already; nothing changed")
        warn(changes.warnings)
        return
    for word, names, colour in (
        ("new", changes.added, "green"),
        ("changed", changes.changed, "yellow"),
        ("removed", changes.removed, "red"),
        ("same", changes.same, "dim"),
    ):
        for name in names:
            console.print(f"[{colour}]{word:8}[/] {name}")
    console.print(f"set {changes.set_id} is active (before: {changes.before})")
    warn(changes.warnings)
    if changes.fresh:
        console.print(f"{', '.join(changes.fresh)}: counts from now on, and knows nothing of the past")


def _tell_looked_back(found: LookedBack, *, json: bool) -> None:
    if json:
        say_json(found)
        return
    since = datetime.fromtimestamp(found.since / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    out().print(
        f"looked back to {since} UTC for {', '.join(found.criteria)}: "
        f"{found.events:,} events of {found.people:,} identities, each judged anew"
    )
    _tell(found.changes, json=False)
