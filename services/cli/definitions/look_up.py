"""Finds the definition that somebody names: a file, or a version on the topic."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from baton_schemas.contract import format_time
from baton_schemas.documents.signers import Signers
from services.cli.definitions import exchange, topic, words
from services.cli.definitions.files import read_text, signers_beside
from services.cli.home import cluster
from services.cli.terminal import run
from services.runtime.clock import SystemClock
from services.runtime.errors import UserError


class Found(NamedTuple):
    """A definition's text and where it comes from. `signers` is None when there is no list to check signatures
    against, `state` when it is a file's; `now` in the time of its cluster."""

    where: str
    text: str
    signers: Signers | None
    state: str | None
    now: int


def look_up(ref: str, signers: Path | None) -> Found:
    """The definition that `ref` names. Raises UserError when there is none."""
    path = Path(ref)
    if path.is_file() or path.suffix in (".yaml", ".yml"):
        return Found(ref, read_text(path), signers_beside(path, signers), None, SystemClock().now())
    with cluster() as settings:
        table = run(exchange.table_of(settings))
        now = SystemClock(settings.scale).now()
    version = topic.find(table, ref)
    try:
        listed = exchange.signers_of(table, signers)
    except UserError:
        if signers is not None:
            raise
        return Found(version.ref, version.text, None, _state(version), now)
    return Found(version.ref, version.text, listed, _state(version), now)


def _state(version: topic.Version) -> str:
    until = version.periods[-1].until if version.periods else None
    if version.state == "retired":
        return "retired" if until is None else f"retired on {words.day(until)}"
    return f"{version.state} since {format_time(version.at)}"
