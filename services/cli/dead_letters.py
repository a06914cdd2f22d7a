"""`baton dead-letters`: what could not be used, why, and the way back onto its topic (L6)."""

from __future__ import annotations

import re
from collections import Counter
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from baton_schemas.catalogue import TOPICS
from services.cli.home import cluster
from services.cli.printable import printable
from services.cli.story import moment
from services.cli.tail import readable
from services.cli.terminal import JsonOption, out, run, say_json
from services.runtime import dead_letters
from services.runtime.dead_letters import Buried
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.origin import ORIGIN_HEADER
from services.runtime.record import LogRecord
from services.runtime.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Records that could not be used: why, and the way back.\n\nExample: baton dead-letters list",
)
_POSITION = re.compile(r"^(?P<topic>[a-z.]+?)(\.dead)?/(?P<partition>\d+)/(?P<offset>\d+)$")
_MOST_SHOWN = 50

PositionArgument = Annotated[
    str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="Where the letter lies, as `list` shows it.")
]
TopicOption = Annotated[str | None, typer.Option("--topic", help="Only letters of this input topic.")]
CodeOption = Annotated[str | None, typer.Option("--code", help="Only letters with this reason.")]


@app.command("list")
def list_(topic: TopicOption = None, code: CodeOption = None, json: JsonOption = False) -> None:
    """List the dead letters: where each lies, where it came from, the reason and what would mend it.

    Example: baton dead-letters list --code invalid_field
    """
    with cluster() as settings:
        found = run(_all(settings, topic, code))
    if json:
        say_json([_plain(record, letter) for record, letter in found])
        return
    console = out()
    counts = Counter(letter.code for _, letter in found)
    if console.is_terminal:
        table = Table("letter", "reason", "field", "what to do", "from", "by", box=None, pad_edge=False)
        for record, letter in found[:_MOST_SHOWN]:
            cells = (_where(record), letter.code, letter.field, letter.fix, _from(letter), letter.processor)
            table.add_row(*[Text(printable(cell)) for cell in cells])
        console.print(table)
    else:
        for record, letter in found[:_MOST_SHOWN]:
            words = ": ".join(part for part in (letter.code, letter.field, letter.fix) if part)
            where = f"from {_from(letter)}, by {letter.processor}"
            console.print(f"{_where(record)}  {printable(words)}  ({where})", markup=False)
    if len(found) > _MOST_SHOWN:
        console.print(f"... and {len(found) - _MOST_SHOWN:,} more, all of them with --json")
    summary = ", ".join(f"{count} {code}" for code, count in counts.most_common())
    console.print(f"{len(found):,} dead letters{f': {summary}' if summary else ''}", markup=False)


@app.command()
def show(where: PositionArgument, json: JsonOption = False) -> None:
    """Show one dead letter whole: reason, headers, and the original's content.

    Example: baton dead-letters show engagement.events.dead/3/0
    """
    with cluster() as settings:
        record, letter = run(_one(settings, where))
    found = _plain(record, letter) | {"original": readable(_original(record, letter))}
    if json:
        say_json(found)
        return
    console = out()
    for name in ("code", "field", "fix", "processor", "from"):
        console.print(f"{name:10} {printable(str(found[name]))}", markup=False)
    console.print(f"{'taken in':10} {moment(letter.timestamp)}")
    console.print(f"{'key':10} {printable(str(found['original']['key']))}", markup=False)
    for name, text in found["original"]["headers"].items():
        console.print(f"{'header':10} {printable(f'{name}: {text}')}", markup=False)
    console.print(f"{'content':10} {_shortened(letter.value)}", markup=False)


@app.command()
def replay(
    where: Annotated[str | None, typer.Argument(metavar="[TOPIC/PARTITION/OFFSET]", help="One letter.")] = None,
    topic: TopicOption = None,
    code: CodeOption = None,
    json: JsonOption = False,
) -> None:
    """Put originals back on their topic, byte for byte, marked with where they first stood.

    Name one letter, or several by --topic and --code; an original that lies in several letters goes back once.
    Replaying twice is safe: services know an event by its id.

    Example: baton dead-letters replay engagement.events.dead/3/0
    Example: baton dead-letters replay --code no_configuration
    """
    if where is None and topic is None and code is None:
        raise UserError("nothing named", fix="name a letter, or give --topic or --code")
    with cluster() as settings:
        done, left = run(_replay(settings, where, topic, code))
    if json:
        say_json({"replayed": done, "left": left})
        return
    for reason in left:
        out().print(f"left: {reason}", markup=False)
    out().print(f"{len(done):,} replayed, {len(left):,} left where they are")


async def _all(settings: Settings, topic: str | None, code: str | None) -> list[tuple[LogRecord, Buried]]:
    if topic is not None and topic.removesuffix(dead_letters.SUFFIX) not in TOPICS:
        raise UserError(f"--topic: {topic}: not in the catalogue", fix=f"one of {', '.join(TOPICS)}")
    known = [each.name for each in TOPICS.values() if settings.shadow or not each.shadow_only]
    names = [topic.removesuffix(dead_letters.SUFFIX)] if topic else known
    found = []
    async with LogClient(settings) as client:
        positions = [
            (dead_letters.dead_topic(name), partition)
            for name in names
            for partition in await client.partitions(dead_letters.dead_topic(name))
        ]
        async for record in client.read_all(positions):
            letter = dead_letters.read(record)
            if code in (None, letter.code):
                found.append((record, letter))
    return sorted(found, key=lambda pair: (pair[0].timestamp, pair[0].topic, pair[0].partition, pair[0].offset))


async def _one(settings: Settings, where: str) -> tuple[LogRecord, Buried]:
    async with LogClient(settings) as client:
        return await _read(client, where)


async def _read(client: LogClient, where: str) -> tuple[LogRecord, Buried]:
    found = _POSITION.match(where)
    if found is None or found["topic"] not in TOPICS:
        raise UserError(f"{where}: not a letter's position", fix="as `baton dead-letters list` shows it")
    name = dead_letters.dead_topic(found["topic"])
    record = await client.record(name, int(found["partition"]), int(found["offset"]))
    return record, dead_letters.read(record)


async def _replay(
    settings: Settings, where: str | None, topic: str | None, code: str | None
) -> tuple[list[str], list[str]]:
    done, left = [], []
    sent = set()
    chosen = [await _one(settings, where)] if where is not None else await _all(settings, topic, code)
    async with LogClient(settings) as client:
        for record, letter in chosen:
            try:
                original = letter.replay()
            except UserError as error:
                if where is not None:
                    raise
                left.append(f"{_where(record)}: {error}")
                continue
            first = (original.topic, next(value for name, value in original.headers if name == ORIGIN_HEADER))
            if first in sent:
                continue
            sent.add(first)
            await client.send(Send(original.topic, original.key, original.value, original.headers))  # type: ignore[arg-type]
            done.append(_where(record))
        await client.flush()
    return done, left


def _where(record: LogRecord) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


def _from(letter: Buried) -> str:
    return "/".join(map(str, letter.origin))


def _plain(record: LogRecord, letter: Buried) -> dict[str, Any]:
    return {
        "letter": _where(record),
        "code": letter.code,
        "field": letter.field,
        "fix": letter.fix,
        "processor": letter.processor,
        "from": _from(letter),
        "cut": letter.cut,
        "timer": letter.of_timer,
    }


def _original(record: LogRecord, letter: Buried) -> LogRecord:
    return record._replace(topic=letter.origin.topic, key=letter.key, value=letter.value, headers=letter.headers)


def _shortened(value: bytes | None) -> str:
    if value is None:
        return "null"
    text = printable(value[:1000].decode(errors="backslashreplace"))
    return text if len(value) <= 1000 else f"{text}... ({len(value):,} bytes)"
