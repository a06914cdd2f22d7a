"""`baton tail`: what arrives on a topic, as people or programs read it."""

from __future__ import annotations

import contextlib
import json as jsonlib
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from baton_schemas.catalogue import DEAD_SUFFIX, TOPICS
from baton_schemas.envelope import EnvelopeError, from_record
from services.cli.home import cluster
from services.cli.printable import printable
from services.cli.story import moment
from services.cli.terminal import out, run
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.record import LogRecord
from services.runtime.settings import Settings

app = typer.Typer()


@app.command()
def tail(
    topic: Annotated[str, typer.Argument(help="A topic of the catalogue, or its .dead topic.")],
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Everything that is there, then on.")
    ] = False,
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop where the topic ends now.")] = False,
    key: Annotated[str | None, typer.Option("--key", help="Only records of this key.")] = None,
    most: Annotated[int, typer.Option("--max", min=0, help="Stop after so many records; 0: never.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a record, one a line.")] = False,
) -> None:
    """Follow a topic until Ctrl-C: one line a record, with its type, its time and its data.

    Example: baton tail leads.routed --from-beginning
    Example: baton tail engagement.events --json --max 10
    """
    if topic.removesuffix(DEAD_SUFFIX) not in TOPICS:
        raise UserError(f"{topic}: not in the catalogue", fix=f"one of {', '.join(TOPICS)}")
    with cluster() as settings, contextlib.suppress(KeyboardInterrupt):
        run(_tail(settings, topic, from_beginning or until_end, until_end, key, most, json))


async def _tail(
    settings: Settings, topic: str, whole: bool, until_end: bool, key: str | None, most: int, json: bool
) -> None:
    shown = 0
    wanted = None if key is None else key.encode()
    async with LogClient(settings) as client:
        ends = await client.ends(topic)
        if until_end:
            async for record in client.read(topic):
                if wanted in (None, record.key):
                    _show(record, json=json)
                    shown += 1
                if most and shown >= most:
                    return
            return
        starts = {} if whole else {(topic, partition): end for partition, end in ends.items()}
        async for records in client.follow([topic], starts=starts):
            for record in records:
                if wanted in (None, record.key):
                    _show(record, json=json)
                    shown += 1
                if most and shown >= most:
                    return


def _show(record: LogRecord, *, json: bool) -> None:
    shown = readable(record)
    if json:
        typer.echo(msgspec.json.encode(shown).decode())
        return
    head = f"{record.partition}/{record.offset}  {moment(record.timestamp)}"
    data = jsonlib.dumps(shown["data"], ensure_ascii=False) if shown["data"] is not None else "-"
    line = Text.assemble((head, "dim"), "  ", (printable(shown["type"] or "no event"), "cyan"), "  ")
    line.append(f"{printable(shown['key'] or '-')}  {printable(data)}")
    out().print(line)


def readable(record: LogRecord) -> dict[str, Any]:
    """A record as plain data: bytes that are not UTF-8 are shown escaped, data that is not JSON as text."""
    found: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "headers": {name: _text(value) for name, value in record.headers},
        "id": None,
        "source": None,
        "type": None,
        "data": None,
    }
    content = record.value
    with contextlib.suppress(EnvelopeError):
        event = from_record(record.headers, record.value)
        found.update(id=event.id, source=event.source, type=event.type)
        content = event.data
    if content is not None:
        try:
            found["data"] = jsonlib.loads(content)
        except (ValueError, RecursionError):
            found["data"] = _text(content[:2000])
    return found


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")
