"""The configuration in force, read from a snapshot of `baton.config`: whole, or not at all (L7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from pydantic import ValidationError

from baton_schemas.configuration import MANIFEST_KEY, ConfigItem, ConfigKind, ConfigManifest, ManifestEntry
from baton_schemas.contract import Contract
from services.runtime.processor import Globals

CONFIG_TOPIC = "baton.config"
C = TypeVar("C", bound=Contract)


@dataclass(frozen=True, slots=True)
class ConfigSet:
    """Documents of the active set by (kind, name), as YAML text. An empty set has the id `none`."""

    set_id: str
    documents: Mapping[tuple[ConfigKind, str], str]
    digests: Mapping[tuple[ConfigKind, str], str]

    def of(self, kind: ConfigKind) -> dict[str, str]:
        """All documents of a kind by name, in name order."""
        return {name: text for (k, name), text in sorted(self.documents.items()) if k == kind}


EMPTY = ConfigSet("none", {}, {})


class BrokenSetError(Exception):
    """The manifest can't be read, or names an item that is absent or altered; the set before stays in force."""


def digest_of(text: str) -> str:
    """SHA-256 (hex) of a document's text."""
    return sha256(text.encode()).hexdigest()


def set_id_of(entries: list[ManifestEntry]) -> str:
    """SHA-256 (hex, 16 digits) over the sorted entries: equal sets have equal ids."""
    lines = sorted(f"{entry.kind}/{entry.name}@{entry.digest}" for entry in entries)
    return sha256("\n".join(lines).encode()).hexdigest()[:16]


def active_set(snapshot: Globals) -> ConfigSet:
    """The set that the manifest names. Raises BrokenSetError when that is no whole, unaltered set."""
    table = snapshot.table(CONFIG_TOPIC)
    packed = table.get(MANIFEST_KEY.encode())
    if packed is None:
        return EMPTY
    manifest = _read(ConfigManifest, packed, "the manifest")
    if set_id_of(manifest.entries) != manifest.set_id:
        raise BrokenSetError("the manifest does not match its own id")
    documents: dict[tuple[ConfigKind, str], str] = {}
    for entry in manifest.entries:
        stored = table.get(f"{entry.kind}/{entry.name}@{entry.digest[:16]}".encode())
        if stored is None:
            raise BrokenSetError(f"{entry.kind}/{entry.name}: absent from the topic")
        item = _read(ConfigItem, stored, f"{entry.kind}/{entry.name}:")
        if digest_of(item.text) != entry.digest:
            raise BrokenSetError(f"{entry.kind}/{entry.name}: altered after it was applied")
        documents[entry.kind, entry.name] = item.text
    return ConfigSet(manifest.set_id, documents, {(entry.kind, entry.name): entry.digest for entry in manifest.entries})


def _read(model: type[C], packed: bytes, what: str) -> C:
    try:
        return model.model_validate_json(packed)
    except ValidationError:
        raise BrokenSetError(f"{what} can't be read") from None
