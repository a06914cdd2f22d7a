"""The lead's side: every handoff's life, and what follows from each answer of sales. Keyed by lead.

`leads.routed` brings handoffs, `feedback.events` answers to them. An answer that refers to what has not come yet waits
(see `waiting`); the dead letters of answers that waited are written by the waiting room's timer alone, whatever found
them unusable, because a timer's dead letters go where `feedback.events` keeps its own.
"""

from __future__ import annotations

import msgspec

from baton_schemas.contract import Contract
from baton_schemas.envelope import envelop
from baton_schemas.feedback import InsightReported, OutcomeReported
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadHandedOver, LeadRouted
from services.feedback import insights, labels, recycle
from services.feedback.definitions import Agreement
from services.feedback.erasures import Erasures
from services.feedback.handoffs import FORGET_MS, Handoff, judged_by, label_to_send, unpack_handoff
from services.feedback.intake import Arrival, read
from services.feedback.lifecycle import ImpossibleOrderError, Life, Step, extended, touched, view
from services.feedback.packing import pack
from services.feedback.waiting import WAIT_MS, Waiting, WaitingRoom, waiting_of
from services.runtime.effects import DeadLetter, Effects, Observation, Send
from services.runtime.errors import Permanent
from services.runtime.processor import Context
from services.runtime.record import Record
from services.runtime.state import State, Working

SOURCE = "/baton/feedback"
PREFIX = b"h:"
FORGET = "forget"
ANSWERS: dict[str, type[OutcomeReported | InsightReported]] = {
    OutcomeReported.TYPE: OutcomeReported,
    InsightReported.TYPE: InsightReported,
}
ROUTED: dict[str, type[LeadRouted | LeadWithdrawn | LeadHandedOver]] = {
    model.TYPE: model for model in (LeadRouted, LeadWithdrawn, LeadHandedOver)
}
_ROUTED_BYTES = 1 << 20
_UNKNOWN = ("unknown_handoff", "handoff", "send the id that leads.routed gave; nothing was routed under it")
_APART = "lead and handoff are not from the same record of leads.routed"


class _Wait(Exception):
    """The answer refers to what has not come yet; `letter` is what it becomes if it never does."""

    def __init__(self, *letter: str) -> None:
        super().__init__(letter[0])
        self.letter = (letter[0], letter[1], letter[2])


class HandoffSide:
    """One batch or timer of the lead's side."""

    def __init__(self, state: State, context: Context, agreement: Agreement, erasures: Erasures) -> None:
        self._context = context
        self._catalogue = agreement.catalogue
        self._scorecards = agreement.scorecards
        self._erasures = erasures
        self._handoffs = Working(state, decode=unpack_handoff, encode=pack, prefix=PREFIX)
        self._room = WaitingRoom(state)
        self._effects = Effects()

    def effects(self) -> Effects:
        """All that was decided."""
        self._effects.states = {**self._handoffs.changes(), **self._room.changes()}
        self._effects.timers.update(self._room.timers)
        return self._effects

    def routed(self, record: Record) -> None:
        """A handoff came, changed hands, was withdrawn or handed over. Raises Permanent."""
        arrival = read(record, ROUTED, _ROUTED_BYTES)
        data, now = arrival.data, self._context.time(record)
        _check_key(arrival.key, data.lead)
        key = data.handoff.encode()
        handoff = self._handoffs.get(key)
        if self._erasures.covers(data.lead, now):
            if handoff is not None:
                self.forget(key)
        elif isinstance(data, LeadWithdrawn):
            if handoff is not None:
                self._put(key, self._withdrawn(key, handoff, data, arrival.cause, now), now)
                self._resume(key, now)
        elif isinstance(data, LeadHandedOver):
            if handoff is not None:
                over = msgspec.structs.replace(handoff, handed_over=True)
                self._put(key, self._concluded(key, over, over.life, arrival.cause, now), now)
        else:
            known = handoff or Handoff(data.lead, judged_by(data.qualified))
            self._put(key, msgspec.structs.replace(known, lead=data.lead, stage=data.stage), now)
            self._resume(key, now)

    def answered(self, record: Record) -> None:
        """Sales answered, or told what a conversation brought. Raises Permanent."""
        arrival = read(record, ANSWERS)
        data, now = arrival.data, self._context.time(record)
        _check_key(arrival.key, data.lead)
        if self._erasures.covers(data.lead, now):
            self._count("erased")
            return
        try:
            self._apply(arrival, now, now)
        except _Wait as wait:
            self._wait(data.handoff.encode(), waiting_of(arrival.ref, record, wait.letter, now + WAIT_MS), wait)

    def expired(self, key: bytes, due: int) -> None:
        """What waited long enough becomes a dead letter with its own bytes; what an erasure covers is forgotten."""
        for waiting in self._room.take_due(key, due):
            if self._erasures.covers(waiting.key.decode(), self._context.scale.at(waiting.timestamp)):
                self._count("erased")
                continue
            original = waiting.original(self._context.partition)
            self._effects.dead_letters.append(DeadLetter(original, waiting.code, waiting.field, waiting.fix))

    def forget(self, key: bytes) -> None:
        """Nothing happened for so long that nothing will, or we were asked to."""
        self._handoffs.put(key, None)
        self._effects.timers[PREFIX + key, FORGET] = None

    def _apply(self, arrival: Arrival[OutcomeReported | InsightReported], happened: int, now: int) -> None:
        """Applies an answer that was taken in at `happened`, at `now`. Raises _Wait, Permanent."""
        data = arrival.data
        key = data.handoff.encode()
        handoff = self._handoffs.get(key)
        if handoff is None:
            raise _Wait(*_UNKNOWN)
        if handoff.lead != data.lead:
            raise Permanent("unknown_handoff", field="lead", fix=_APART)
        if isinstance(data, InsightReported):
            if not insights.says_something(data):
                raise Permanent("invalid_field", field="data", fix="name a pain, objection, competitor, or BANT fact")
            self._send("feedback.insights", data.lead, data, f"{arrival.cause}/insight", now)
            self._count("insight", handoff)
            return
        life = self._lived(key, handoff, data, arrival.ref, happened)
        if life == handoff.life:
            self._count("nothing_new", handoff)
            return
        self._count("merged" if handoff.merged else data.kind, handoff)
        self._put(key, self._concluded(key, handoff, life, arrival.cause, now), now)

    def _lived(self, key: bytes, handoff: Handoff, data: OutcomeReported, ref: bytes, happened: int) -> Life:
        """The life with this answer, and with a `reopened` that waited for it. Raises _Wait, Permanent."""
        life = handoff.life
        if data.kind == "touched":
            counts = data.direction == "outbound" and not data.automated
            return touched(life, min(data.at, happened)) if counts else life
        step = self._step(data, ref, happened)
        overtaken = [other for waiting in self._room.of(key) if (other := self._reopening(waiting)) is not None]
        try:
            longer = extended(life, [step, *overtaken])
        except ImpossibleOrderError:
            return self._alone(handoff, step)
        self._room.remove(key, {each.ref for each in overtaken})
        return longer

    def _alone(self, handoff: Handoff, step: Step) -> Life:
        try:
            return extended(handoff.life, [step])
        except ImpossibleOrderError as error:
            if step.kind == "reopened" and handoff.withdrawn:
                return handoff.life  # not sales had closed it but Baton, and the life went on all the time
            if step.kind == "reopened":
                raise _Wait("impossible_order", "kind", error.fix) from None
            raise Permanent("impossible_order", field="kind", fix=error.fix) from None

    def _step(self, data: OutcomeReported, ref: bytes, happened: int) -> Step:
        """The answer as a step of a life. A CRM whose clock runs ahead is taken at the time of arrival."""
        at = min(data.at, happened)
        match data.kind:
            case "rejected" | "lost" as answer:
                reason = self._catalogue.judge(answer, data.reason)
                return Step(at, answer, ref, reason.code, reason.learning)
            case kind:
                return Step(at, kind, ref)

    def _reopening(self, waiting: Waiting) -> Step | None:
        arrival = read(waiting.original(self._context.partition), ANSWERS)
        data = arrival.data
        if isinstance(data, OutcomeReported) and data.kind == "reopened":
            return self._step(data, arrival.ref, self._context.scale.at(waiting.timestamp))
        return None

    def _concluded(self, key: bytes, handoff: Handoff, life: Life, cause: str, now: int) -> Handoff:
        """What follows from the longer life: a label, a recycling, or the taking back of one."""
        seen = view(life)
        told = None
        if not handoff.merged:
            told = labels.revised(handoff.told, seen, handoff.stage, handed_over=handoff.handed_over)
        if told is not None:
            self._label(key, handoff, told, cause, now)
        card = self._scorecards.get(handoff.judged.definition)
        cool_downs = {} if card is None else card.cool_downs
        recycling = None if handoff.over else recycle.due(seen, self._catalogue, cool_downs)
        if recycling != handoff.recycling:
            message = recycle.message(key.decode(), handoff, recycling, now, cause)
            self._send("leads.recycled", handoff.lead, message, f"{cause}/recycled", now)
            if recycling is not None:
                self._observe("baton_leads_recycled_total", recycling.reason)
        return msgspec.structs.replace(handoff, life=life, told=told or handoff.told, recycling=recycling)

    def _withdrawn(self, key: bytes, handoff: Handoff, data: LeadWithdrawn, cause: str, now: int) -> Handoff:
        """The handoff is over. One that was merged with another teaches nothing, neither before nor later: it would
        count twice."""
        gone = msgspec.structs.replace(handoff, withdrawn=True, merged=handoff.merged or data.stays is not None)
        told = labels.taken_back(handoff.told) if gone.merged else None
        if told is None:
            return gone
        self._label(key, gone, told, cause, now)
        return msgspec.structs.replace(gone, told=told)

    def _label(self, key: bytes, handoff: Handoff, told: labels.Told, cause: str, now: int) -> None:
        label = label_to_send(key.decode(), handoff, told, now)
        self._send("feedback.labels", label.versions.definition, label, f"{cause}/label", now)
        self._observe("baton_labels_total", "none" if told.good is None else str(told.good).lower())

    def _wait(self, key: bytes, waiting: Waiting, wait: _Wait) -> None:
        """Keeps the answer whole. Raises Permanent at once when too much waits there already."""
        if self._room.has(key, waiting.ref):
            self._count("nothing_new")
            return
        if not self._room.has_room(key, waiting):
            code, field, fix = wait.letter
            raise Permanent(code, field=field, fix=fix)
        self._count("waiting")
        self._room.add(key, waiting)

    def _resume(self, key: bytes, now: int) -> None:
        """The handoff is there now: applies what waited for it, in the order of arrival."""
        for waiting in self._room.of(key):
            if not self._room.has(key, waiting.ref):
                continue  # went along with an earlier one
            arrival = read(waiting.original(self._context.partition), ANSWERS)
            try:
                self._apply(arrival, self._context.scale.at(waiting.timestamp), now)
            except _Wait as wait:
                self._room.add(key, _turned(waiting, *wait.letter, due=waiting.due))
            except Permanent as error:
                self._room.add(key, _turned(waiting, error.code, error.field, error.fix, due=now))
            else:
                self._room.remove(key, {waiting.ref})

    def _put(self, key: bytes, handoff: Handoff, now: int) -> None:
        self._handoffs.put(key, handoff)
        self._effects.timers[PREFIX + key, FORGET] = now + FORGET_MS

    def _send(self, topic: str, key: str, data: Contract, event_id: str, now: int) -> None:
        headers, value = envelop(data, id=event_id, source=SOURCE, time=now)
        self._effects.sends.append(Send(topic, key.encode(), value, headers))

    def _count(self, kind: str, handoff: Handoff | None = None) -> None:
        stage = "unknown" if handoff is None else handoff.stage or "one"
        self._observe("baton_outcomes_total", kind, stage)

    def _observe(self, metric: str, *labels: str) -> None:
        self._effects.observations.append(Observation(metric, 1.0, labels))


def _turned(waiting: Waiting, code: str, field: str, fix: str, *, due: int) -> Waiting:
    return msgspec.structs.replace(waiting, code=code, field=field, fix=fix, due=due)


def _check_key(key: str, lead: str) -> None:
    if key != lead:
        raise Permanent("invalid_field", field="key", fix="the record's key is the lead, as in leads.routed")
