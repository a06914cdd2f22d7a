"""The configuration in force as feedback uses it: reasons, and one scorecard per definition that both teams signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.reasons import Reasons
from baton_schemas.documents.signing import judging_digest
from services.feedback.calibration import Scorecard, SignedCriterion
from services.feedback.reasons import Catalogue
from services.runtime.agreement import agreed_in
from services.runtime.config_set import CONFIG_TOPIC, EMPTY, BrokenSetError, active_set
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
        self.refusal: str | None = None
        """Why the configuration on the topic is not in force, or None when it is."""

    def in_force(self, snapshot: Globals) -> Agreement:
        """What counts now. Raises Transient when there never was a usable set: the lane holds until there is."""
        offset = snapshot.offsets.get(CONFIG_TOPIC, 0)
        if offset != self._offset:
            self._take_up(snapshot)
            self._offset = offset
        if self._agreement is None:
            raise Transient(self.refusal or "no configuration: run `baton apply config/`")
        return self._agreement

    def _take_up(self, snapshot: Globals) -> None:
        try:
            self._agreement = _compiled(snapshot)
            self.refusal = None
        except (BrokenSetError, UserError, ValueError) as error:
            self.refusal = str(error)


def scorecard_of(definition: LeadDefinition) -> Scorecard:
    """What learning needs of a definition."""
    learning = definition.learning
    labels = definition.labels
    return Scorecard(
        name=definition.name,
        digest=judging_digest(definition),
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


def _compiled(snapshot: Globals) -> Agreement:
    """Raises UserError, BrokenSetError or ValueError when a set may not be in force."""
    found = active_set(snapshot)
    if found is EMPTY:
        raise UserError("no configuration", fix="run `baton apply config/`")
    catalogue = Catalogue([parse(Reasons, text, f"reasons/{name}") for name, text in found.of("reasons").items()])
    if len(catalogue) == 0:
        raise UserError("reasons: none")
    cards = [scorecard_of(agreed.definition) for agreed in agreed_in(found).values()]
    return Agreement(catalogue, {card.name: card for card in cards})
