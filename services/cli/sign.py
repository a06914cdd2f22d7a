"""`baton sign`: a team says yes to exactly this lead definition."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from services.cli.terminal import out
from services.runtime.clock import SystemClock
from services.runtime.errors import UserError
from services.scorer import definition as definitions

app = typer.Typer()


class TeamName(StrEnum):
    """Who has to sign."""

    MARKETING = "marketing"
    SALES = "sales"


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(help="The lead definition.")],
    team: Annotated[TeamName, typer.Option("--team", help="For which team.")],
    by: Annotated[str, typer.Option("--by", help="Who signs.")],
) -> None:
    """Put a team's signature over the content of a lead definition, into the file.

    A definition is active only with the signatures of both teams; a change of the content makes them void.

    Example: baton sign config/definition.yaml --team marketing --by "Maren Holt, Head of Marketing"
    """
    if not by.strip():
        raise UserError("--by: empty", fix="name the person who signs")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: can't be read: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
    signed = definitions.sign(text, team=team.value, by=by.strip(), at=SystemClock().now(), where=str(file))
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(signed, encoding="utf-8")
    fresh.replace(file)
    definition = definitions.read(signed, str(file))
    teams = ", ".join(f"{each.team} ({each.by})" for each in definition.signatures)
    out().print(f"{file}: {definition.name} version {definition.version}, signed by {teams}")
