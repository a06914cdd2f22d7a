"""What an apply writes: documents become one active set, whole or not at all (L7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from baton_schemas.configuration import MANIFEST_KEY, ConfigItem, ConfigKind, ConfigManifest, ManifestEntry
from baton_schemas.contract import Contract
from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.signing import content_digest
from baton_schemas.envelope import envelop
from services.cli.config_folder import Documents, definitions_of, remarks_of
from services.cli.definitions.topic import recorded, stands_beside
from services.runtime.config_set import CONFIG_TOPIC, BrokenSetError, active_set, digest_of, set_id_of
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.processor import Globals
from services.scorer import definition as definitions
from services.scorer.coming import changed_in, new_in

SOURCE = "/baton/apply"


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What an apply changed against the set that was active. Documents are `kind/name`; `warnings` say of definitions
    what both teams should know though they are in force, `fresh` are criteria that know nothing of the past."""

    set_id: str
    before: str
    added: list[str] = []
    changed: list[str] = []
    removed: list[str] = []
    same: list[str] = []
    applied: bool = False
    warnings: list[str] = []
    fresh: list[str] = []


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
    """Makes `documents` the active set. Raises UserError when a definition counts something else under a known id."""
    present = await client.table(CONFIG_TOPIC)
    fresh = fresh_criteria(documents, in_force(present))
    changes, steps = plan_set(documents, present, now=now, by=by)
    for step in steps:
        for record in step:
            await client.send(record)
        await client.flush()
    return msgspec.structs.replace(changes, warnings=remarks_of(documents, now), fresh=fresh if changes.applied else [])


def in_force(present: Mapping[bytes, bytes]) -> list[LeadDefinition]:
    """The definitions of the active set in the table; none when that is broken."""
    try:
        found = active_set(Globals({CONFIG_TOPIC: present})).of("definition")
        return [definitions.read(text, name) for name, text in found.items()]
    except (BrokenSetError, UserError):
        return []


def fresh_criteria(documents: Documents, known: Sequence[LeadDefinition]) -> list[str]:
    """The criteria that count what nothing counted before, if there was a definition before; whatever its name was, for
    what was counted is kept by criterion. Raises UserError when one counts something else than before."""
    fresh: dict[str, None] = {}
    for definition in definitions_of(documents) if known else ():
        for before in known:
            if changed := changed_in(definition, before):
                raise UserError(
                    f"definition {definition.name}: {', '.join(changed)}: counts something else than {before.name}, "
                    "which is in force",
                    fix="an id names what is counted: give it another id",
                )
        fresh |= dict.fromkeys(new_in(definition, known))
    return list(fresh)


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
