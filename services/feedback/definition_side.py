"""The definition's side: labels become counts, counts become points, points become a model. Keyed by definition.

All labels of a definition meet in one partition, so there is one writer of its chain of models (L5).
"""

from __future__ import annotations

import msgspec
from pydantic import ValidationError

from baton_schemas.contract import Contract
from baton_schemas.envelope import envelop
from baton_schemas.feedback import ModelPublished, OutcomeLabelled
from services.feedback.calibration import Scorecard
from services.feedback.definitions import Agreement
from services.feedback.evidence import Evidence, Label, label_of, newer, replaced
from services.feedback.intake import read
from services.feedback.models import DAY_MS, Chain, Cut, adopted, cut, is_time, model_of
from services.feedback.notices import notice_of, notifications_of
from services.feedback.packing import pack, unpacker
from services.runtime.effects import Effects, Observation, Send
from services.runtime.errors import Permanent
from services.runtime.processor import Context
from services.runtime.record import Record
from services.runtime.state import State, Working

SOURCE = "/baton/feedback"
MODELS_TOPIC = "scoring.models"
LABELS: dict[str, type[OutcomeLabelled]] = {OutcomeLabelled.TYPE: OutcomeLabelled}
LABEL, EVIDENCE, CHAIN = b"y:", b"e:", b"c:"
CONSIDER = "consider"

_unpack_label, _unpack_evidence, _unpack_chain = unpacker(Label), unpacker(Evidence), unpacker(Chain)


class DefinitionSide:
    """One batch or timer of the definition's side."""

    def __init__(self, state: State, context: Context, agreement: Agreement) -> None:
        self._context = context
        self._scorecards = agreement.scorecards
        self._labels = Working(state, decode=_unpack_label, encode=pack, prefix=LABEL)
        self._evidence = Working(state, decode=_unpack_evidence, encode=pack, prefix=EVIDENCE)
        self._chains = Working(state, decode=_unpack_chain, encode=pack, prefix=CHAIN)
        self._effects = Effects()

    def effects(self) -> Effects:
        """All that was decided."""
        self._effects.states = {**self._labels.changes(), **self._evidence.changes(), **self._chains.changes()}
        return self._effects

    def labelled(self, record: Record) -> None:
        """Counts a label in the place of the handoff's earlier one, and looks whether it is time for a new model.

        Labels of another signed text than the one in force are counted too, for the day it comes back.
        """
        arrival = read(record, LABELS)
        data = arrival.data
        name, digest = data.versions.definition, data.versions.definition_digest
        if arrival.key != name:
            raise Permanent("invalid_field", field="key", fix="the record's key is the definition")
        label = _label(data)
        place = f"{name}|{digest}".encode()
        handoff = place + f"|{data.handoff}".encode()
        held = self._labels.get(handoff)
        if not newer(held, label):
            return
        evidence = replaced(self._evidence.get(place) or Evidence(), held, label)
        if held is None:
            evidence.ever += 1
        self._labels.put(handoff, label)
        self._evidence.put(place, evidence)
        card = self._scorecards.get(name)
        if card is not None and card.digest == digest:
            self._look(card, evidence, self._context.time(record), arrival.cause)

    def considered(self, key: bytes, due: int) -> None:
        """The daily look at a definition whose labels changed, or whose points have not arrived yet."""
        chain = self._chains.get(key)
        if chain is None or chain.due != due:
            return
        self._chains.put(key, msgspec.structs.replace(chain, due=None))
        card = self._scorecards.get(key.decode())
        if card is not None:
            evidence = self._evidence.get(f"{card.name}|{card.digest}".encode()) or Evidence()
            self._consider(self._chain(card), card, evidence, due, f"timer:{CONSIDER}@{due}", f"{card.name}/{due}")

    def _look(self, card: Scorecard, evidence: Evidence, now: int, cause: str) -> None:
        chain = self._chain(card)
        if is_time(chain, card, evidence):
            self._consider(chain, card, evidence, now, cause, cause)
        elif chain.due is None:
            self._keep(card, msgspec.structs.replace(chain, due=now + DAY_MS))
        else:
            self._keep(card, chain)

    def _consider(self, chain: Chain, card: Scorecard, evidence: Evidence, at: int, cause: str, event_id: str) -> None:
        next_one = cut(chain, card, evidence)
        looked = msgspec.structs.replace(chain, considered=evidence.ever, due=None)
        if next_one is None:
            self._keep(card, looked)
            return
        self._publish(next_one, card, at, cause, event_id)
        due = at + DAY_MS if next_one.on_the_way else None
        self._keep(card, msgspec.structs.replace(looked, version=next_one.version, tenths=next_one.tenths, due=due))

    def _publish(self, next_one: Cut, card: Scorecard, at: int, cause: str, event_id: str) -> None:
        name = card.name
        self._send(MODELS_TOPIC, name, model_of(next_one, card, at, cause), f"{event_id}/model", at)
        notice = notice_of(next_one, card, at)
        self._send("scoring.notices", name, notice, f"{event_id}/notice", at)
        for told in notifications_of(notice, cause):
            self._send("notifications", told.recipient, told, f"{event_id}/notice/{told.recipient}", at)
        self._effects.observations.append(Observation("baton_model_version", next_one.version, (name,)))
        for move in next_one.moves:
            direction = "up" if move.after > move.before else "down"
            points = abs(move.after - move.before) / 10
            self._effects.observations.append(Observation("baton_points_moved_total", points, (direction,)))

    def _chain(self, card: Scorecard) -> Chain:
        chain = self._chains.get(card.name.encode()) or Chain()
        return adopted(chain, card, self._published(card.name))

    def _published(self, name: str) -> ModelPublished | None:
        packed = self._context.globals.table(MODELS_TOPIC).get(name.encode())
        if packed is None:
            return None
        try:
            return ModelPublished.model_validate_json(packed)
        except ValidationError:
            return None

    def _keep(self, card: Scorecard, chain: Chain) -> None:
        key = card.name.encode()
        self._chains.put(key, chain)
        self._effects.timers[CHAIN + key, CONSIDER] = chain.due

    def _send(self, topic: str, key: str, data: Contract, event_id: str, at: int) -> None:
        headers, value = envelop(data, id=event_id, source=SOURCE, time=at)
        self._effects.sends.append(Send(topic, key.encode(), value, headers))


def _label(data: OutcomeLabelled) -> Label:
    points = data.points or [0.0] * len(data.criteria)
    weights = data.weights or [1.0] * len(data.criteria)
    for field, listed in (("points", points), ("weights", weights)):
        if len(listed) != len(data.criteria):
            raise Permanent("invalid_field", field=field, fix="one for each of criteria, in the same order")
    return label_of(data.revision, data.good, data.criteria, points, weights)
