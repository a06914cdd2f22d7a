"""`baton explain`: why this lead, why this rep, what happened, what was learnt: from the log, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from baton_schemas.contract import format_time
from services.cli.explaining.bars import Paper, Style, page
from services.cli.explaining.document import Explained
from services.cli.explaining.finding import HANDOFF, evidence_of, find, in_force
from services.cli.explaining.rebuilding import rebuilt
from services.cli.explaining.telling import as_it_is, as_it_was
from services.cli.home import cluster
from services.cli.life import Life, life_of
from services.cli.story import moment
from services.cli.terminal import JsonOption, late_progress, out, run, say_json
from services.runtime.clock import SystemClock
from services.runtime.errors import UserError
from services.runtime.kafka.key_search import Advance, KeySearch
from services.runtime.settings import Settings
from services.scorer.identity import Keyring

app = typer.Typer()
COLOURS: dict[Style, str] = {"good": "green", "bad": "red", "warn": "yellow", "plain": "", "dim": "dim", "head": "bold"}
_NARROWEST, _WIDEST = 60, 120


@app.command()
def explain(
    who: Annotated[
        str,
        typer.Argument(
            metavar="PERSON", help="An e-mail, user or visitor id (hashed locally), a lead's key, or a handoff."
        ),
    ],
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="As it was then, such as 2026-03-02T09:30Z; without a zone: UTC."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Tell why a person's score is what it is, line by line, and the lead's life: who got it, why, what came of it.

    Example: baton explain ada@example.com
    Example: baton explain ada@example.com --at 2026-03-02T09:30Z
    Example: baton explain h0123456789abcdef01234567 --json
    """
    with cluster() as settings:
        now = SystemClock(settings.scale).now()
        then = None if at is None else _time(at, now)
        with late_progress("looking for the person's records") as advance:
            explained, life = run(_explained(settings, who.strip(), now, then, advance))
    if json:
        say_json(explained.model_dump(mode="json", exclude_none=True))
        return
    show(explained, life, out())


def show(explained: Explained, life: Life, console: Console) -> None:
    """The score as bars, and the life as lines."""
    blocks = console.is_terminal and not console.no_color and console.encoding.startswith("utf")
    width = max(_NARROWEST, min(console.width, _WIDEST)) if console.is_terminal else None
    for text, style in page(explained, Paper(width, blocks)):
        console.print(text, markup=False, style=COLOURS[style])
    console.print("\nlife (times in UTC)", style="bold")
    for handoff in life.handoffs:
        console.print(f"handoff {handoff}")
    for entry in life.lines:
        console.print(f"{moment(entry.at)}  {entry.text}", markup=False, style=COLOURS[entry.mood])
        for detail in entry.details:
            console.print(f"                    {detail}", markup=False, style="dim")
    if not life.lines:
        console.print("  never qualified, so nobody in sales has heard of it")


async def _explained(
    settings: Settings, who: str, now: int, then: int | None, advance: Advance
) -> tuple[Explained, Life]:
    handoff = who if HANDOFF.match(who) else None
    async with KeySearch(settings, advance) as search:
        found = await find(search, settings, who)
        if then is None:
            life = await life_of(search, found.root, found.linked, handoff=handoff)
            return as_it_is(found, life, await in_force(search), now), life
        keyring = Keyring(settings.required_secret("person_key_secret"), settings.person_key_id)
        past = rebuilt(keyring, await evidence_of(search, found), then, settings.scale, found.people)
        life = await life_of(search, *past.place_of(found.asked), handoff=handoff, until=then, scale=settings.scale)
        return as_it_was(found, life, past, then), life


def _time(text: str, now: int) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--at: {text}: no time", fix="write it like 2026-03-02T09:30Z") from None
    at = int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    if at > now:
        raise UserError(f"--at: {text}: has not come yet", fix=f"Baton's clock shows {format_time(now)}")
    return at
