"""The configuration in force as feedback uses it: reasons, and one scorecard per definition that both teams signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.reasons import Reasons
from baton_schemas.documents.signing import signed_digest
from services.feedback.calibration import Scorecard, SignedCriterion
from services.feedback.reasons import Catalogue
from services.runtime.config_set import CONFIG_TOPIC, BrokenSetError, active_set
from services.runtime.documents import parse
from services.runtime.errors import Transient, UserError
from services.runtime.processor import Globals


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both teams agreed on: why sales may say no, and the scorecards by definition name."""

    catalogue: Catalogue
    scorecards: Mapping[str, Scorecard]


class Agreements:
    """Compiles a configuration set once; a set that can't be used leaves the last good one in force (L7)."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self._agreement: Agreement | None = None

    def in_force(self, snapshot: Globals) -> Agreement:
        """What counts now. Raises Transient when there never was a usable set: the lane holds until there is."""
        offset = snapshot.offsets.get(CONFIG_TOPIC, 0)
        if offset != self._offset:
            self._agreement = _compiled(snapshot) or self._agreement
            self._offset = offset
        if self._agreement is None:
            raise Transient("no configuration: run `baton apply config/`")
        return self._agreement


def scorecard_of(definition: LeadDefinition) -> Scorecard | None:
    """What learning needs of a definition, or None unless both teams signed exactly this content."""
    digest = signed_digest(definition)
    if digest is None:
        return None
    learning = definition.learning
    labels = definition.labels
    return Scorecard(
        name=definition.name,
        digest=digest,
        points_to_double_odds=definition.points_to_double_odds,
        criteria=tuple(
            SignedCriterion(code, labels[code], round(points * 10), frozen=points == 0 or code in learning.frozen)
            for code, points in definition.criteria.items()
        ),
        min_sample=learning.min_sample,
        max_step=max(1, round(learning.max_step * 10)),
        max_drift=max(1, round(learning.max_drift * 10)),
        every_labels=learning.every_labels,
        cool_downs=definition.cool_downs,
    )


def _compiled(snapshot: Globals) -> Agreement | None:
    try:
        documents = active_set(snapshot)
        reasons = [parse(Reasons, text, f"reasons/{name}") for name, text in documents.of("reasons").items()]
        definitions = [
            parse(LeadDefinition, text, f"definition/{name}") for name, text in documents.of("definition").items()
        ]
        catalogue = Catalogue(reasons)
    except (BrokenSetError, UserError, ValueError):
        return None
    cards = [card for definition in definitions if (card := scorecard_of(definition)) is not None]
    if len(catalogue) == 0 or not cards:
        return None
    return Agreement(catalogue, {card.name: card for card in cards})
