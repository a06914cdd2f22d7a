"""How configuration travels: every file of a set as a content-addressed item, then one manifest that makes it active.

Items come first, the manifest last, old items' tombstones after it; so a reader in order always sees a whole set, and
a crash in the middle of `baton apply` leaves the old one in force. Beside them stand definitions that are proposed, and
a bounded history of those that were in force, which no service reads; and the one that is coming, while a look-back
counts for it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from baton_schemas.contract import Contract, Name, Part, Text, Time
from baton_schemas.documents.definition import Team

ConfigKind = Literal[
    "definition", "territories", "teams", "calendars", "sla", "reasons", "signers", "campaigns", "fields"
]
MANIFEST_KEY = "set/active"
PROPOSAL, HISTORY = "proposal/", "history/"
COMING_KEY = "coming/definition"
"""What the keys of records begin with that stand beside the active set."""


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


class DefinitionProposed(Contract):
    """A lead definition that one team wants, for the other to look at and sign. In force is none of it.

    `text` is the document, `digest` that of its content, which no signature changes. Whoever signs it writes a record
    of his `team` beside it, his signature in the text: so nobody writes over what the other team signed meanwhile.
    """

    TYPE: ClassVar[str] = "baton.definition.proposed.v1"

    name: Name
    version: int = Field(ge=1)
    digest: Name
    text: str = Field(max_length=900_000)
    at: Time
    by: Name | None = None
    team: Team | None = None

    @property
    def key(self) -> str:
        """Its key on `baton.config`."""
        own = "" if self.team is None else f"/{self.team}"
        return f"{PROPOSAL}definition/{self.name}@{self.digest[:16]}{own}"


class DefinitionComing(Contract):
    """A signed lead definition that will be in force when a look-back is done, and the list of who may sign that comes
    with it. Until then scorers count for its criteria, and judge by what is in force."""

    TYPE: ClassVar[str] = "baton.definition.coming.v1"

    name: Name
    version: int = Field(ge=1)
    digest: Name
    text: str = Field(max_length=800_000)
    signers: str = Field(max_length=100_000)
    at: Time
    by: Name | None = None


class Period(Part):
    """From when to when something was in force; `until` is absent while it is."""

    since: Time
    until: Time | None = None
    by: Name | None = None


class DefinitionRecorded(Contract):
    """A lead definition that is or was in force, as it was signed, and when: what is retired can be looked up."""

    TYPE: ClassVar[str] = "baton.definition.recorded.v1"

    name: Name
    version: int = Field(ge=1)
    digest: Name
    text: str = Field(max_length=900_000)
    periods: list[Period] = Field(min_length=1, max_length=100)

    @property
    def key(self) -> str:
        """Its key on `baton.config`."""
        return f"{HISTORY}definition/{self.name}@{self.digest[:16]}"


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
