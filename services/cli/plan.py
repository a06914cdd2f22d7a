"""`baton plan`: what a change of the configuration would do, tried on past traffic before anybody signs it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from baton_schemas.documents.definition import LeadDefinition
from services.cli.config_folder import Documents, check_set, definitions_of, read_folder
from services.cli.home import cluster
from services.cli.planning.both import both
from services.cli.planning.comparing import compare
from services.cli.planning.loads import loads
from services.cli.planning.telling import Planned, tell
from services.cli.planning.traffic import EVENTS, Traffic, from_file, from_topics
from services.cli.publishing.records import KeyMaker
from services.cli.terminal import JsonOption, late_progress, run, say_json
from services.router.checks import rules_of
from services.runtime.clock import SystemClock
from services.runtime.errors import UserError
from services.runtime.processor import Globals
from services.runtime.settings import Settings, load
from services.scorer.coming import changed_in, new_in
from services.scorer.configuration import model_of
from services.scorer.definition import compile_rules
from services.scorer.identity import Keyring
from services.scorer.scope import Definitions, together

DAY_MS = 86_400_000
_NO_SECRET = b"of a plan that looks at nobody's topics"
app = typer.Typer()


@app.command()
def plan(
    folder: Annotated[Path, typer.Argument(help="The folder with the documents as they would be; signed or not.")],
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="Replay the events of so many days.")] = 30,
    events: Annotated[
        Path | None, typer.Option("--events", metavar="FILE", help="Replay the events of a file of JSON lines instead.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="FOLDER", help="Compare with it, not with what is active."),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=0, help="Name at most so many people.")] = 10,
    json: JsonOption = False,
) -> None:
    """Replay past traffic through the configuration in force and through a changed one, and tell the difference.

    Nothing is changed. It says who becomes a lead and who no more, whose grade moves and by which criterion, what each
    territory and rep would get, and how many first touches would be late.

    Example: baton plan config/
    Example: baton plan config/ --events calls.jsonl --against config/examples/segment
    """
    documents = read_folder(folder)
    check_set(documents, folder, signed=False)
    with uncollected(), late_progress("replay") as advance:
        if events is not None and against is not None:
            settings = load()
            traffic, refused = _of_file(events, settings, days, lambda done: advance(0, done))
        else:
            with cluster() as settings:
                now = SystemClock(settings.scale).now()
                since = None if events is not None else now - days * DAY_MS
                traffic = run(from_topics(settings, since, lambda done: advance(0, done)))
                refused = 0
            if events is not None:
                found, refused = _of_file(events, settings, days, lambda done: advance(0, done))
                traffic = Traffic(found.records, found.reach, traffic.tables, traffic.touches)
        before = traffic.active() if against is None else _checked(against)
        planned = _planned(before, documents, traffic, settings, refused=refused, most=most, advance=advance)
    if json:
        say_json(planned)
    else:
        tell(planned)


@contextmanager
def uncollected() -> Iterator[None]:
    """Without looking for garbage in cycles: there is hardly any, and each look goes over all records read so far."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _of_file(file: Path, settings: Settings, days: int, done: Callable[[int], None]) -> tuple[Traffic, int]:
    if not file.is_file():
        raise UserError(f"{file}: no such file", fix="name a file of events")
    keys = KeyMaker(settings.secret("person_key_secret") or _NO_SECRET, settings.person_key_id)
    now = SystemClock(settings.scale).now()
    return from_file(file, keys, settings.scale, days=days, now=now, done=done)


def _checked(folder: Path) -> Documents:
    documents = read_folder(folder)
    check_set(documents, folder, signed=False)
    return documents


def _planned(
    before: Documents,
    after: Documents,
    traffic: Traffic,
    settings: Settings,
    *,
    refused: int,
    most: int,
    advance: Callable[[int, int], None],
) -> Planned:
    known, wanted = definitions_of(before), definitions_of(after)
    keyring = Keyring(settings.secret("person_key_secret") or _NO_SECRET, settings.person_key_id)
    times = [settings.scale.at(record.timestamp) for record in traffic.records[:1] + traffic.records[-1:]]
    since, until = (times[0], times[-1]) if times else (0, 0)
    old, new = both(
        _scoring(known, traffic),
        _scoring(wanted, traffic),
        keyring,
        settings.scale,
        traffic,
        end=until,
        advance=advance,
    )
    territories_before, reps_before = loads(old.leads, rules_of(before, "before"), traffic.touches)
    territories_after, reps_after = loads(new.leads, rules_of(after, "after"), traffic.touches)
    return Planned(
        documents=_changed(before, after),
        since=since,
        until=until,
        reach=traffic.reach,
        events=sum(record.topic == EVENTS for record in traffic.records),
        refused=refused,
        fresh=list(dict.fromkeys(name for each in wanted for name in new_in(each, known))),
        clashing=list(dict.fromkeys(name for each in wanted for one in known for name in changed_in(each, one))),
        comparison=compare(old, new, most=most),
        territories_before=territories_before,
        territories_after=territories_after,
        reps_before=reps_before,
        reps_after=reps_after,
    )


def _scoring(definitions: Sequence[LeadDefinition], traffic: Traffic) -> Definitions:
    """The definitions' rules, each with the model where it is one of exactly this content. Raises UserError when there
    are none."""
    if not definitions:
        raise UserError("no lead definition to compare with", fix="baton apply one, or name a folder: --against FOLDER")
    models = Globals(traffic.tables)
    return together([compile_rules(each, model_of(models, each.name)) for each in definitions])


def _changed(before: Documents, after: Documents) -> dict[str, list[str]]:
    named = {f"{kind}/{name}" for kind, name in {*before, *after}}
    old, new = ({f"{kind}/{name}": text for (kind, name), text in each.items()} for each in (before, after))
    return {
        "new": sorted(new.keys() - old.keys()),
        "changed": sorted(name for name in named if name in old and name in new and old[name] != new[name]),
        "removed": sorted(old.keys() - new.keys()),
    }
