"""Feedback as one processor: the lead's side hears what came of handoffs, the definition's side learns from it.

The two sides share nothing but the topic between them (`feedback.labels`): the one is keyed by lead, the other by
definition. State keys say whose they are: `h:` handoffs, `w:` answers that wait; `y:` labels, `e:` counts, `c:` chains.
"""

from __future__ import annotations

from services.feedback import definition_side, handoff_side, waiting
from services.feedback.definition_side import DefinitionSide
from services.feedback.definitions import Agreement, Agreements
from services.feedback.erasures import Erasures
from services.feedback.handoff_side import HandoffSide
from services.runtime.effects import DeadLetter, Effects, Observation
from services.runtime.errors import Permanent
from services.runtime.processor import Context
from services.runtime.record import Batch
from services.runtime.state import State

LABELS_TOPIC = "feedback.labels"
REFUSED = "baton_config_refused_total"


class FeedbackProcessor:
    """Topics in and out as declared here; see README.md of this service for the invariants.

    `feedback.events` stays the first input: dead letters that a timer writes go where the first input keeps its own.
    """

    name = "feedback"
    state_version = 1
    inputs = (waiting.TOPIC, "leads.routed", LABELS_TOPIC)
    outputs = (
        LABELS_TOPIC,
        "leads.recycled",
        "feedback.insights",
        "scoring.models",
        "scoring.notices",
        "notifications",
    )
    globals = ("baton.config", "scoring.models", "privacy.erasures")

    def __init__(self) -> None:
        self._agreements = Agreements()

    def process(self, batch: Batch, state: State, context: Context) -> Effects:
        """Record by record; one that can't be used is a dead letter, the others go on. Raises Transient while there
        is no configuration."""
        agreement, refused = self._in_force(context)
        side: HandoffSide | DefinitionSide
        if batch.topic == LABELS_TOPIC:
            side = definitions = DefinitionSide(state, context, agreement)
            take = definitions.labelled
        else:
            side = handoffs = HandoffSide(state, context, agreement, Erasures(context.globals))
            take = handoffs.answered if batch.topic == waiting.TOPIC else handoffs.routed
        letters = []
        for record in batch.records:
            try:
                take(record)
            except Permanent as error:
                letters.append(DeadLetter(record, error.code, error.field, error.fix))
        effects = side.effects()
        effects.observations.extend(refused)
        effects.dead_letters.extend(letters)
        return effects

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:
        """`expire`: answers that waited in vain. `forget`: a handoff that is over. `consider`: the daily look."""
        agreement, refused = self._in_force(context)
        if name == definition_side.CONSIDER:
            definitions = DefinitionSide(state, context, agreement)
            definitions.considered(key.removeprefix(definition_side.CHAIN), due)
            effects = definitions.effects()
            effects.observations.extend(refused)
            return effects
        handoffs = HandoffSide(state, context, agreement, Erasures(context.globals))
        if name == waiting.EXPIRE:
            handoffs.expired(key.removeprefix(waiting.PREFIX), due)
        elif name == handoff_side.FORGET:
            handoffs.forget(key.removeprefix(handoff_side.PREFIX))
        effects = handoffs.effects()
        effects.observations.extend(refused)
        return effects

    def _in_force(self, context: Context) -> tuple[Agreement, list[Observation]]:
        """The agreement in force; a newer set that was refused just now is told once."""
        before = self._agreements.refusal
        agreement, refusal = self._agreements.in_force(context.globals), self._agreements.refusal
        told = refusal is not None and refusal != before
        return agreement, [Observation(REFUSED, 1.0, (self.name,))] if told else []
