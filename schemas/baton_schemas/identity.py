"""What the scorer tells itself on `engagement.linked`: links and whole ledgers, between partitions.

Keys are person keys; no identifier in clear travels here except inside a re-keyed original event.
"""

from __future__ import annotations

from typing import ClassVar

from baton_schemas.contract import Contract, Count, Name, Time


class IdentityLinked(Contract):
    """`person` (the record's key) belongs to `root` since an event at `at`; root None unlinks. The latest (at, cause)
    wins, in whatever order the links arrive."""

    TYPE: ClassVar[str] = "baton.identity.linked.v1"

    person: Name
    root: Name | None = None
    at: Time
    cause: Name


class LedgerPublished(Contract):
    """The whole ledger of `source` for its root (the record's key). The latest `version` per source counts; `packed`
    (base64 of the scorer's own packed layout) absent means: unlinked, remove it.

    `via` is the identity that says so: the source itself, or one on the way that passes it on; `linked_at` and
    `link_cause` are the stamp of the link that `via` follows, or of the one that took it elsewhere. `handoff` is
    what was announced last for the source: the root sees to it that facts about the person reach it."""

    TYPE: ClassVar[str] = "baton.identity.ledger.v1"

    source: Name
    version: Count
    packed: str | None = None
    via: Name
    linked_at: Time
    link_cause: Name
    handoff: Name | None = None


class LedgerRecounted(Contract):
    """What the log says of `person` (the record's key), read once more from `since` to `until` for criteria that were
    not counted then: `packed` (base64 of the scorer's own packed layout) is joined to what is known. Absent: nothing
    is added, and the person is judged anew by the definition in force. Whoever takes it in must have read
    `baton.config` up to `config_read`. The record's id is the cause of what follows."""

    TYPE: ClassVar[str] = "baton.ledger.recounted.v1"

    person: Name
    packed: str | None = None
    since: Time
    until: Time
    config_read: Count


class IdentityStopped(Contract):
    """What `person` (the record's key) belongs to is no lead any more, for `reason`: its `handoff` is to be withdrawn.
    The root says so to the identity, because an identity alone speaks of its own handoffs."""

    TYPE: ClassVar[str] = "baton.identity.stopped.v1"

    person: Name
    handoff: Name
    reason: Name
