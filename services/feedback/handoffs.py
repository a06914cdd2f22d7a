"""What feedback keeps of a handoff: what it was judged by, when it came, what was told of it, and who waits for it."""

from __future__ import annotations

import msgspec

from baton_schemas.feedback import OutcomeLabelled
from baton_schemas.leads import LeadQualified, Versions
from services.feedback.labels import Told
from services.feedback.lifecycle import Life
from services.feedback.packing import unpacker
from services.feedback.recycle import Recycling

HOUR_MS = 3_600_000
WAIT_MS = HOUR_MS
"""How long an answer waits for what it refers to: the topics it comes from and goes by are not in one order."""
FORGET_MS = 400 * 24 * HOUR_MS
"""How long a handoff is kept after the last thing that happened to it: longer than the longest sales cycle."""
MOST_WAITING = 64
MOST_WAITING_BYTES = 300 * 1024


class Judged(msgspec.Struct, frozen=True, array_like=True):
    """The snapshot that qualified the lead: criteria with the points they gave and how often they counted, and which
    versions judged. No personal data."""

    definition: str
    definition_version: int
    definition_digest: str
    model_version: int
    criteria: tuple[str, ...]
    points: tuple[float, ...]
    weights: tuple[float, ...]

    @property
    def versions(self) -> Versions:
        """As contracts carry them."""
        return Versions(
            definition=self.definition,
            definition_version=self.definition_version,
            definition_digest=self.definition_digest,
            model_version=self.model_version,
        )


class Handoff(msgspec.Struct, frozen=True, array_like=True):
    """One handoff, as far as feedback cares."""

    lead: str
    judged: Judged
    life: Life = Life()
    told: Told = Told()
    recycling: Recycling | None = None
    withdrawn: bool = False


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """An answer that can't be applied yet, whole, so that it can become a dead letter with its original bytes."""

    ref: bytes
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes | None], ...]
    code: str
    field: str
    fix: str
    due: int

    @property
    def size(self) -> int:
        """Bytes of the original."""
        return len(self.key) + len(self.value) + sum(len(name) + len(text or b"") for name, text in self.headers)


class Queue(msgspec.Struct, frozen=True, array_like=True):
    """What waits for one handoff, in the order of arrival."""

    waiting: tuple[Waiting, ...] = ()

    def has_room(self, one_more: Waiting) -> bool:
        """Whether it stays within its bounds; a sender's mistake must not grow the state without end."""
        size = one_more.size + sum(waiting.size for waiting in self.waiting)
        return len(self.waiting) < MOST_WAITING and size <= MOST_WAITING_BYTES


unpack_handoff = unpacker(Handoff)
unpack_queue = unpacker(Queue)


def judged_by(qualified: LeadQualified) -> Judged:
    """The snapshot in a qualified lead's dossier: every criterion it met, also one that gives no points just now."""
    met = [line for line in qualified.dossier.ledger if line.points != 0 or line.count > 0]
    versions = qualified.versions
    return Judged(
        versions.definition,
        versions.definition_version,
        versions.definition_digest,
        versions.model_version,
        tuple(line.criterion for line in met),
        tuple(line.points for line in met),
        tuple(1.0 if line.weight is None else line.weight for line in met),
    )


def label_to_send(handoff_id: str, handoff: Handoff, told: Told, at: int) -> OutcomeLabelled:
    """The label as it goes to the definition's side."""
    return OutcomeLabelled(
        lead=handoff.lead,
        handoff=handoff_id,
        revision=told.revision,
        good=told.good,
        stage=told.stage,
        reason=told.reason,
        criteria=list(handoff.judged.criteria),
        points=list(handoff.judged.points),
        weights=list(handoff.judged.weights),
        versions=handoff.judged.versions,
        at=at,
    )
