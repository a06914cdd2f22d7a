"""`baton apply`: documents become one active set, whole or not at all (L7)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from baton_schemas.configuration import MANIFEST_KEY, ConfigItem, ConfigKind, ConfigManifest, ManifestEntry
from baton_schemas.contract import Contract
from baton_schemas.documents.signing import content_digest
from baton_schemas.envelope import envelop
from services.cli.config_folder import Documents, check_set, read_folder, remarks_of
from services.cli.definitions.topic import recorded, stands_beside
from services.cli.home import cluster
from services.cli.terminal import JsonOption, out, run, say_json, warn
from services.runtime.clock import SystemClock
from services.runtime.config_set import CONFIG_TOPIC, BrokenSetError, active_set, digest_of, set_id_of
from services.runtime.effects import Send
from services.runtime.kafka.log_client import LogClient
from services.runtime.processor import Globals
from services.runtime.settings import Settings
from services.scorer import definition as definitions

SOURCE = "/baton/apply"
app = typer.Typer()


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What an apply changed against the set that was active. Documents are `kind/name`; `warnings` say of definitions
    what both teams should know though they are in force."""

    set_id: str
    before: str
    added: list[str] = []
    changed: list[str] = []
    removed: list[str] = []
    same: list[str] = []
    applied: bool = False
    warnings: list[str] = []


@app.command()
def apply(
    folder: Annotated[Path, typer.Argument(help="The folder with your YAML documents.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only validate; nothing is published, no Kafka needed.")
    ] = False,
    by: Annotated[str | None, typer.Option("--by", help="Who applies it, for the record.")] = None,
    json: JsonOption = False,
) -> None:
    """Validate the documents of a folder and make them the active configuration of all services.

    Every problem is named with file, line and field; then nothing is published (exit code 2).

    Example: baton apply config/ --by "Ops"
    """
    documents = read_folder(folder)
    check_set(documents, folder)
    if check:
        warnings = remarks_of(documents, SystemClock().now())
        if json:
            say_json({"valid": True, "warnings": warnings})
            return
        out().print(f"{folder}: {len(documents)} documents, no problem")
        warn(warnings)
        return
    with cluster() as settings:
        changes = run(_apply(settings, documents, by))
    _tell(changes, json=json)


def plan_set(
    documents: Documents, present: Mapping[bytes, bytes], *, now: int, by: str | None = None
) -> tuple[Changes, list[list[Send]]]:
    """What an apply publishes over the table `present`, in steps of which each must be on the log before the next.

    First the items, then the manifest that makes them active, then the history of definitions, and tombstones of items
    that are not named any more. Nothing when nothing changed.
    """
    try:
        active = active_set(Globals({CONFIG_TOPIC: present}))
        before, digests = active.set_id, dict(active.digests)
    except BrokenSetError:
        before, digests = "broken", {}
    items = [ConfigItem(kind=k, name=n, digest=digest_of(t), text=t) for (k, n), t in sorted(documents.items())]
    entries = [ManifestEntry(kind=item.kind, name=item.name, digest=item.digest) for item in items]
    manifest = ConfigManifest(set_id=set_id_of(entries), entries=entries, applied_at=now, applied_by=by)
    changes = _changes(manifest, before, digests)
    kept = {item.key.encode() for item in items} | {MANIFEST_KEY.encode()}
    agreed = [(definitions.read(text, name), text) for (kind, name), text in documents.items() if kind == "definition"]
    history = recorded(present, {content_digest(each): (each, text) for each, text in agreed}, now, by)
    old = [Send(CONFIG_TOPIC, key, None) for key in present if key not in kept and not stands_beside(key)]
    if not changes.applied:
        return changes, [history + old] if history or old else []
    fresh = [item for item in items if present.get(item.key.encode()) != item.to_json()]
    return changes, [
        [_record(item.key, item, f"{item.key}:{manifest.set_id}", now) for item in fresh],
        [_record(MANIFEST_KEY, manifest, f"{manifest.set_id}:{now}", now)],
        history + old,
    ]


async def publish_set(client: LogClient, documents: Documents, *, now: int, by: str | None = None) -> Changes:
    """Makes `documents` the active set."""
    table = {record.key: record.value async for record in client.read(CONFIG_TOPIC) if record.key is not None}
    present = {key: value for key, value in table.items() if value is not None}
    changes, steps = plan_set(documents, present, now=now, by=by)
    for step in steps:
        for record in step:
            await client.send(record)
        await client.flush()
    return msgspec.structs.replace(changes, warnings=remarks_of(documents, now))


async def _apply(settings: Settings, documents: Documents, by: str | None) -> Changes:
    now = SystemClock(settings.scale).now()
    async with LogClient(settings) as client:
        return await publish_set(client, documents, now=now, by=by)


def _record(key: str, data: Contract, id: str, now: int) -> Send:
    headers, value = envelop(data, id=id, source=SOURCE, time=now)
    return Send(CONFIG_TOPIC, key.encode(), value, headers)


def _changes(manifest: ConfigManifest, before: str, digests: dict[tuple[ConfigKind, str], str]) -> Changes:
    named = {(entry.kind, entry.name): entry.digest for entry in manifest.entries}
    return Changes(
        set_id=manifest.set_id,
        before=before,
        added=[f"{kind}/{name}" for kind, name in named if (kind, name) not in digests],
        changed=[f"{k}/{n}" for (k, n), digest in named.items() if digests.get((k, n), digest) != digest],
        removed=[f"{kind}/{name}" for kind, name in digests if (kind, name) not in named],
        same=[f"{k}/{n}" for (k, n), digest in named.items() if digests.get((k, n)) == digest],
        applied=manifest.set_id != before,
    )


def _tell(changes: Changes, *, json: bool) -> None:
    if json:
        say_json(changes)
        return
    console = out()
    if not changes.applied:
        console.print(f"set {changes.set_id} was active already; nothing changed")
        warn(changes.warnings)
        return
    for word, names, colour in (
        ("new", changes.added, "green"),
        ("changed", changes.changed, "yellow"),
        ("removed", changes.removed, "red"),
        ("same", changes.same, "dim"),
    ):
        for name in names:
            console.print(f"[{colour}]{word:8}[/] {name}")
    console.print(f"set {changes.set_id} is active (before: {changes.before})")
    warn(changes.warnings)
