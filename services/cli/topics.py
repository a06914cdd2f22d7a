"""`baton topics`: every topic of the catalogue as it has to be, journals too."""

from __future__ import annotations

import typer

from services.cli.home import cluster
from services.cli.services import journalled
from services.cli.terminal import JsonOption, out, run, say_json
from services.runtime.kafka import admin

app = typer.Typer(
    no_args_is_help=True,
    help="The topics of the catalogue on your cluster.\n\nExample: baton topics apply && baton topics check",
)


@app.command()
def apply(json: JsonOption = False) -> None:
    """Create what is missing and set configs that differ. Numbers of partitions are never changed in place.

    Example: baton topics apply --json
    """
    with cluster() as settings:
        touched = run(admin.apply(settings, admin.plan(settings, processors=journalled(settings))))
    if json:
        say_json({"touched": touched})
        return
    for name in touched:
        out().print(name)
    out().print(f"{len(touched)} topics created or changed" if touched else "all topics are as they should be")


@app.command()
def check(json: JsonOption = False) -> None:
    """Say how the cluster's topics differ from the catalogue. Exits with 1 if they do.

    Example: baton topics check --json
    """
    with cluster() as settings:
        found = run(admin.check(settings, admin.plan(settings, processors=journalled(settings))))
    if json:
        say_json([{"topic": d.topic, "what": d.what, "wanted": d.wanted, "found": d.found} for d in found])
    else:
        for difference in found:
            out().print(str(difference))
        if not found:
            out().print("all topics are as they should be")
    if found:
        raise typer.Exit(1)
