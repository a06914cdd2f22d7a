"""How configuration travels: every file of a set as a content-addressed item, then one manifest that makes it active.

Items come first, the manifest last, old items' tombstones after it; so a reader in order always sees a whole set, and
a crash in the middle of `baton apply` leaves the old one in force.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from baton_schemas.contract import Contract, Name, Part, Text, Time

ConfigKind = Literal["definition", "territories", "teams", "calendars", "sla", "reasons", "signers"]
MANIFEST_KEY = "set/active"


class ConfigItem(Contract):
    """One document, as YAML text. Its record's key is `<kind>/<name>@<first 16 hex of sha256>`."""

    TYPE: ClassVar[str] = "baton.config.item.v1"

    kind: ConfigKind
    name: Name
    digest: Name
    text: str = Field(max_length=900_000)

    @property
    def key(self) -> str:
        """The item's key on `baton.config`."""
        return f"{self.kind}/{self.name}@{self.digest[:16]}"


class ManifestEntry(Part):
    """One member of a set."""

    kind: ConfigKind
    name: Name
    digest: Name


class ConfigManifest(Contract):
    """The active set. `set_id` is the sha256 over its entries, so equal sets have equal ids."""

    TYPE: ClassVar[str] = "baton.config.manifest.v1"

    set_id: Name
    entries: list[ManifestEntry]
    applied_at: Time
    applied_by: Name | None = None


class ErasureRequested(Contract):
    """Forget the person (the record's key). Holds no personal data and never expires."""

    TYPE: ClassVar[str] = "baton.privacy.erasure.v1"

    person: Name
    at: Time


class SkipRequested(Contract):
    """A person's word that workers may pass one record on which they stop: it becomes a dead letter with the reason.

    The record's key is `<topic>/<partition>/<offset>`, the position of the record to pass.
    """

    TYPE: ClassVar[str] = "baton.skip.requested.v1"

    topic: Name
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    reason: Text
    by: Name | None = None
    at: Time
