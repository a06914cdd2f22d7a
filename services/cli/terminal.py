"""How commands speak: Rich on a terminal, plain lines elsewhere, JSON for scripts; all in one place."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from services.runtime.errors import Transient, UserError

T = TypeVar("T")
_PATIENCE_S = 2.0

ShadowOption = Annotated[
    bool, typer.Option("--shadow", help="Decide beside the CRM and assign nothing; the same as BATON_SHADOW=true.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def out() -> Console:
    """Standard output. Lines are never wrapped where nobody looks."""
    console = Console(highlight=False, emoji=False)
    console.soft_wrap = not console.is_terminal
    return console


def own_name() -> str:
    """What to type for this program: `baton` where the shell finds one, else the path by which it was called."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "baton" and shutil.which("baton") is None else "baton"


def warn(lines: Iterable[str]) -> None:
    """What a person should know though the command did its work, on standard error."""
    console = Console(stderr=True, highlight=False, emoji=False)
    console.soft_wrap = not console.is_terminal
    for line in lines:
        console.print("[yellow]warning:[/]", escape(line))


def say_json(value: Any) -> None:
    """One JSON object on one line."""
    typer.echo(msgspec.json.encode(value).decode())


def progress() -> Progress:
    """A bar on standard error, on a terminal only."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


@contextmanager
def late_progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """Tells of (done, total) by a bar on standard error, on a terminal, and only of what takes its time."""
    bar, since = progress(), time.monotonic()
    task: TaskID | None = None

    def advance(done: int, total: int) -> None:
        nonlocal task
        if task is not None:
            bar.update(task, completed=done, total=total)
        elif time.monotonic() - since > _PATIENCE_S:
            bar.start()
            task = bar.add_task(description, total=total, completed=done, note="")

    try:
        yield advance
    finally:
        bar.stop()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a command's asynchronous part; what a library could not do for the network's sake becomes one line."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what matters of it is raised; workers log it all
    try:
        return asyncio.run(work)
    except Transient as error:
        raise UserError(str(error), fix="check BATON_KAFKA, and that the cluster is up") from error
    except (ConnectionError, TimeoutError) as error:
        raise UserError(f"Kafka does not answer: {error or type(error).__name__}", fix="check BATON_KAFKA") from error
