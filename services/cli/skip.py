"""`baton skip`: the only way past a record on which a bug stops the workers, and it is on the record (L6)."""

from __future__ import annotations

from typing import Annotated

import typer

from baton_schemas.catalogue import TOPICS
from baton_schemas.configuration import SkipRequested
from baton_schemas.envelope import envelop
from services.cli.home import cluster
from services.cli.terminal import JsonOption, out, run, say_json
from services.runtime.clock import SystemClock
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.settings import Settings
from services.runtime.skips import SKIPS_TOPIC, position_key

app = typer.Typer()


@app.command()
def skip(
    topic: Annotated[str, typer.Argument(help="The input topic, as the worker's last line names it.")],
    partition: Annotated[int, typer.Argument(min=0)],
    offset: Annotated[int, typer.Argument(min=0)],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays on the log and in the dead letter. No names.")],
    by: Annotated[str | None, typer.Option("--by", help="Who decides it.")] = None,
    json: JsonOption = False,
) -> None:
    """Let workers pass one record on which they stop (exit code 70): it becomes a dead letter with your reason.

    Only a record that makes a worker fail is passed; every other is processed as always, whatever was said here. When
    the bug is mended, `baton dead-letters replay --code skipped` brings it back.

    Example: baton skip engagement.events 3 41 --reason "stops the scorer, see ticket 7"
    """
    if topic not in TOPICS:
        raise UserError(f"{topic}: not in the catalogue", fix="name the input topic, without prefix and .dead")
    if not reason.strip():
        raise UserError("--reason: empty", fix="say why, for those who come after")
    with cluster() as settings:
        run(_skip(settings, topic, partition, offset, reason.strip(), by))
    if json:
        say_json({"topic": topic, "partition": partition, "offset": offset, "reason": reason.strip()})
        return
    out().print(f"{topic}/{partition}/{offset} may be passed; a worker that stopped there has to be started again")


async def _skip(settings: Settings, topic: str, partition: int, offset: int, reason: str, by: str | None) -> None:
    now = SystemClock(settings.scale).now()
    key = position_key(topic, partition, offset)
    data = SkipRequested(topic=topic, partition=partition, offset=offset, reason=reason, by=by, at=now)
    async with LogClient(settings) as client:
        await client.record(topic, partition, offset)
        headers, value = envelop(data, id=key.decode(), source="/baton/skip", time=now)
        await client.send(Send(SKIPS_TOPIC, key, value, headers))
        await client.flush()
