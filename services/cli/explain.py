"""`baton explain`: why this lead, why this rep, what happened, what was learnt: from the log, and nothing else."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from services.cli.home import cluster
from services.cli.life import HANDOFF, Life, lead_of, life_of
from services.cli.story import judged_by, ledger_lines, moment
from services.cli.terminal import JsonOption, out, run, say_json
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings

app = typer.Typer()
COLOURS = {"good": "green", "bad": "red", "warn": "yellow", "plain": "", "dim": "dim"}


@app.command()
def explain(
    who: Annotated[str, typer.Argument(help="A handoff, a lead, or an e-mail, user or visitor id (hashed locally).")],
    json: JsonOption = False,
) -> None:
    """Tell the life of a handoff or of a lead: its score with every reason, who got it and why, what came of it.

    Example: baton explain h0123456789abcdef01234567
    Example: baton explain ada@example.com --json
    """
    with cluster() as settings:
        life = run(_life(settings, who.strip()))
    if json:
        say_json(
            {
                "lead": life.lead,
                "handoffs": life.handoffs,
                "scored": None if life.scored is None else life.scored.model_dump(mode="json", exclude_none=True),
                "life": [{"type": d.TYPE, **d.model_dump(mode="json", exclude_none=True)} for d in life.records],
            }
        )
        return
    show(life, out())


def show(life: Life, console: Console) -> None:
    """The life as lines."""
    console.print(f"[bold]lead {life.lead}[/]")
    for handoff in life.handoffs:
        console.print(f"handoff {handoff}")
    if (scored := life.scored) is not None:
        console.print(
            f"\n[bold]score at {moment(scored.at)}[/]: grade {scored.grade}, {scored.score:.1f} points "
            f"({scored.fit:.1f} fit, {scored.engagement:.1f} engagement)"
        )
        for line in ledger_lines(scored.ledger):
            console.print(f"  {line}", markup=False)
        for text in scored.missing:
            console.print(f"  missing: {text}", markup=False)
        console.print(
            f"  {judged_by(scored.versions, life.qualified.signatures if life.qualified else [])}", markup=False
        )
    console.print("\n[bold]life[/] (times in UTC)")
    for entry in life.lines:
        console.print(f"{moment(entry.at)}  {entry.text}", markup=False, style=COLOURS[entry.mood])
        for detail in entry.details:
            console.print(f"                    {detail}", markup=False, style="dim")
    if not life.lines:
        console.print("  never qualified, so nobody in sales has heard of it")


async def _life(settings: Settings, who: str) -> Life:
    async with LogClient(settings) as client:
        return await life_of(client, await lead_of(client, settings, who), who if HANDOFF.match(who) else None)
