"""`baton kafka`: the embedded broker by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from services.runtime.embedded.broker import Broker, Status
from services.runtime.embedded.jars import download_notice
from services.runtime.embedded.settings import EmbeddedSettings, load_embedded
from services.runtime.settings import load

app = typer.Typer(
    no_args_is_help=True,
    help="The embedded Kafka: a real broker on this machine, for trying and testing.\n\n"
    "Example: baton kafka start && baton kafka status --json",
)

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The broker's data; default: kafka in BATON_DATA_DIR (.baton)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]

NOT_RUNNING = 3  # what service managers' `status` exits with


@app.command()
def start(data: DataOption = None, json: JsonOption = False) -> None:
    """Start the broker, or report the one that runs already. The first start downloads Kafka.

    Example: baton kafka start --data /tmp/trial
    """
    settings, where = load_embedded(), _data(data)
    if notice := download_notice(settings):
        typer.echo(f"downloading {notice}", err=True)
    _tell(_with_progress(where, settings) if notice else Broker(where, settings=settings).start(), json=json)


@app.command()
def stop(data: DataOption = None, json: JsonOption = False) -> None:
    """Stop the broker; its data stay. Exits with 0 too if none was running.

    Example: baton kafka stop
    """
    _tell(Broker(_data(data)).stop(), json=json)


@app.command()
def status(data: DataOption = None, json: JsonOption = False) -> None:
    """Say whether the broker runs, where, and its pid. Exits with 0 if it answers, 3 if not.

    Example: baton kafka status --json
    """
    found = Broker(_data(data)).status()
    _tell(found, json=json)
    if found.state != "running":
        raise typer.Exit(NOT_RUNNING)


@app.command()
def reset(
    data: DataOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Without a terminal nobody is asked.")] = False,
    json: JsonOption = False,
) -> None:
    """Stop the broker and delete everything in it: events, leads, journals.

    Example: baton kafka reset --yes && baton kafka start
    """
    if not yes and _is_asked():
        typer.confirm(f"Delete all that is in {_data(data)}?", abort=True, err=True)
    _tell(Broker(_data(data)).reset(), json=json)


def _is_asked() -> bool:
    return sys.stdin.isatty()


def _data(given: Path | None) -> Path:
    return given if given is not None else load().data_dir / "kafka"


def _with_progress(data: Path, settings: EmbeddedSettings) -> Status:
    from rich.console import Console  # noqa: PLC0415 - only the first start needs it
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("Kafka", total=None)
        broker = Broker(
            data,
            settings=settings,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        return broker.start()


def _tell(found: Status, *, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    from rich.console import Console  # noqa: PLC0415 - not for --json

    colour = {"running": "green", "starting": "yellow", "stopped": "red"}[found.state]
    where = f" at {found.bootstrap}, pid {found.pid}" if found.pid else ""
    Console(highlight=False, soft_wrap=True).print(
        f"[{colour}]{found.state}[/]{where}  Apache Kafka {found.kafka}, data in {found.data}"
    )
