"""When points move: a chain of model versions per definition, each one bounded step from the one before.

A version is considered after every `every_labels` newly labelled handoffs, and once a day while labels changed or the
points have not arrived where the labels call for. Handoffs count here only when they are labelled for the first time:
so a storm of contradictory answers for the same handoffs moves points by one bounded step a day at most, and by nothing
once the answers cancel out. No version is cut when no criterion moves by 0.1 points or more.

Learning belongs to one signed text: when both teams sign a new one, its points are the new prior and count alone.
Version numbers go on.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from baton_schemas.feedback import CriterionPoints, ModelPublished
from services.feedback.calibration import Finding, Scorecard, findings, stepped
from services.feedback.evidence import Evidence

DAY_MS = 86_400_000


class Chain(msgspec.Struct, frozen=True, array_like=True):
    """Where a definition's chain of models stands: the last version, the signed text it is for, the points in force
    (tenths), how many handoffs had been labelled when one was last considered, and when the next look is due."""

    version: int = 0
    digest: str = ""
    tenths: dict[str, int] = {}
    considered: int = 0
    due: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One criterion's step, in tenths of a point, with what the labels say of it."""

    finding: Finding
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A new version: what moved, all points in force now, and whether points have not arrived yet."""

    version: int
    parent: int
    moves: tuple[Move, ...]
    tenths: dict[str, int]
    found: tuple[Finding, ...]
    labels: int
    on_the_way: bool


def adopted(chain: Chain, card: Scorecard, published: ModelPublished | None) -> Chain:
    """The chain for the scorecard in force; `published` is the definition's model on the topic, if there is one.

    A chain of another signed text starts again from the points that the scorer now takes: those of the model on the
    topic where it was made for this text, else the signed ones. Numbers go on from the highest ever given, also when
    the state was rebuilt, so that no version is there twice.
    """
    if chain.digest == card.digest:
        return chain
    points: dict[str, int] = {}
    if published is not None and published.definition_digest == card.digest:
        points = {name: round(line.points * 10) for name, line in published.criteria.items()}
    last = max(chain.version, published.version if published is not None else 0)
    return Chain(last, card.digest, points, 0, chain.due)


def is_time(chain: Chain, card: Scorecard, evidence: Evidence) -> bool:
    """Whether enough handoffs were labelled for the first time since a version was last considered."""
    return evidence.ever - chain.considered >= card.every_labels


def cut(chain: Chain, card: Scorecard, evidence: Evidence) -> Cut | None:
    """The next version, or None when nothing moves by 0.1 points."""
    found = findings(card, evidence)
    moves, points, on_the_way = [], {}, False
    for finding in found:
        code = finding.criterion.code
        before = chain.tenths.get(code, finding.criterion.tenths)
        after = stepped(card, finding, before)
        points[code] = after
        on_the_way = on_the_way or after != finding.target
        if after != before:
            moves.append(Move(finding, before, after))
    if not moves:
        return None
    parent = chain.version
    return Cut(parent + 1, parent, tuple(moves), points, found, evidence.labels, on_the_way)


def model_of(cut: Cut, card: Scorecard, at: int, cause: str) -> ModelPublished:
    """What the scorer gets: points in force of every criterion, beside the signed ones."""
    return ModelPublished(
        definition=card.name,
        definition_digest=card.digest,
        version=cut.version,
        parent=cut.parent,
        criteria={
            finding.criterion.code: CriterionPoints(
                points=cut.tenths[finding.criterion.code] / 10,
                signed=finding.criterion.tenths / 10,
                good=finding.good_with,
                bad=finding.bad_with,
            )
            for finding in cut.found
        },
        labels=cut.labels,
        at=at,
        cause=cause,
    )
