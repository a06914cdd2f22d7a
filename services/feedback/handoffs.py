"""What feedback keeps of a handoff: what it was judged by, what sales said, what was told. No personal data."""

from __future__ import annotations

import msgspec

from baton_schemas.feedback import OutcomeLabelled
from baton_schemas.leads import LeadQualified, Versions
from baton_schemas.routing import SalesStage
from services.feedback.labels import Told
from services.feedback.lifecycle import Life
from services.feedback.packing import unpacker

FORGET_MS = 400 * 86_400_000
"""How long a handoff is kept after the last thing that happened to it: longer than the longest sales cycle."""


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


class Recycling(msgspec.Struct, frozen=True, array_like=True):
    """A recycling that is in force: the answer that caused it (`ref`), its reason, and until when the lead rests."""

    ref: bytes
    reason: str
    not_before: int
    nurture: str | None = None


class Handoff(msgspec.Struct, frozen=True, array_like=True):
    """One handoff, as far as feedback cares. With two stages of sales, `stage` is its own, and `handed_over` means that
    another one goes on with the lead: what came of the lead is told there. `merged`: another one of the same person was
    kept, and that one counts. New fields go to the end, with defaults."""

    lead: str
    judged: Judged
    life: Life = Life()
    told: Told = Told()
    recycling: Recycling | None = None
    withdrawn: bool = False
    stage: SalesStage | None = None
    handed_over: bool = False
    merged: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing follows for the lead from what is still reported of it."""
        return self.withdrawn or self.handed_over


unpack_handoff = unpacker(Handoff)


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
