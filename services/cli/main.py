"""The `baton` command: a list of sub-commands, each loaded only when it is called, so that `baton --help` is quick.

A sub-command is a module of this package with a `typer.Typer` named `app`: with one command in it that is the
sub-command itself, with several it is a group. Adding one is one line in `COMMANDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from inspect import cleandoc
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from services.runtime.errors import UserError

# name on the command line: (module with `app`, what --help says of it)
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("services.cli.demo", "The whole loop on this machine, with simulated people and reps, in two minutes."),
    "up": ("services.cli.up", "Kafka and the three services on this machine, until Ctrl-C."),
    "worker": ("services.cli.worker", "One service in this process: scorer, router or feedback."),
    "topics": ("services.cli.topics", "Topics: apply, check."),
    "plan": ("services.cli.plan", "What a change of the configuration would do, tried on past traffic."),
    "apply": ("services.cli.apply", "Make a folder of documents the active configuration."),
    "definition": ("services.cli.definition", "What a good lead is: check, propose, sign, show, compare."),
    "publish": ("services.cli.publish", "Publish a file of events: CloudEvents, Segment calls, CSV."),
    "tail": ("services.cli.tail", "Follow a topic."),
    "explain": ("services.cli.explain", "The life of a lead or a handoff, with every reason."),
    "dead-letters": ("services.cli.dead_letters", "Records that could not be used: list, show, replay."),
    "skip": ("services.cli.skip", "Get past a record on which a worker stops, on the record."),
    "shadow": ("services.cli.shadow", "Try Baton beside your CRM: what it would have done, and what was done."),
    "connector": ("services.cli.connector", "Baton and a CRM, each told what the other did."),
    "kafka": ("services.cli.kafka", "The embedded Kafka: start, stop, status, reset."),
}


class BatonCommands(TyperGroup):
    """Loads what is called, and turns a mistake of the user into one line and exit code 2."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name in COMMANDS else command, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"baton: {error}", err=True)
            raise typer.Exit(error.exit_code) from error
        except OSError as error:  # a file or folder that can't be used; without a name it is no mistake of the user's
            if error.filename is None:
                raise
            typer.echo(f"baton: {error.filename}: {error.strerror}", err=True)
            raise typer.Exit(2) from error


def load_command(name: str) -> Any:
    """The sub-command or group that `COMMANDS` names."""
    module, _ = COMMANDS[name]
    command = typer.main.get_command(import_module(module).app)
    command.name = name
    # typer takes each for a program of its own that could be completed
    command.params = [param for param in command.params if param.name not in ("install_completion", "show_completion")]
    for each in (command, *getattr(command, "commands", {}).values()):
        each.help = _flowing(each.help or "")
    return command


def _flowing(text: str) -> str:
    """A docstring's paragraphs as lines without end, for terminals of any width; each example keeps its own line."""
    paragraphs = (each.replace("\n", " ") for each in cleandoc(text).split("\n\n"))
    return "\n\n".join(each.replace(" Example: ", "\nExample: ") for each in paragraphs)


app = typer.Typer(
    cls=BatonCommands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they show local variables, which may hold people's data
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"baton {version('baton')}")
        raise typer.Exit


@app.callback()
def baton(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Hands each good lead to the right sales rep in time, tells the rep why it is good, and learns from the outcome.

    Start here: make demo
    """


def _placeholder(name: str) -> Callable[[], None]:
    def placeholder() -> None:
        raise AssertionError(f"{name} is replaced when it is called")

    return placeholder


for _name, (_module, _help) in COMMANDS.items():
    app.command(_name, help=_help)(_placeholder(_name))


def run() -> None:
    """The entry point of the `baton` program."""
    app()
