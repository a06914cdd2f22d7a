"""Shadow as one processor: deals of the CRM and handoffs that nobody was given meet in the partition of the person."""

from __future__ import annotations

from pydantic import ValidationError

from baton_schemas.configuration import ErasureRequested
from baton_schemas.crm import DealFacts
from baton_schemas.envelope import envelop
from baton_schemas.feedback import OutcomeReported
from baton_schemas.leads import LeadWithdrawn
from services.runtime.effects import DeadLetter, Effects, Send
from services.runtime.errors import Permanent
from services.runtime.processor import Context
from services.runtime.record import Batch
from services.runtime.state import State, Working
from services.shadow.answers import Answer, answered
from services.shadow.intake import Input, read
from services.shadow.lead import Lead, pack, unpack

SOURCE = "/baton/shadow"
ACTUAL, ROUTED, ANSWERS, ERASURES = "crm.actual", "leads.routed", "feedback.events", "privacy.erasures"
FORGET = "forget"
FORGET_MS = 400 * 86_400_000
"""How long a person is kept after the last thing that was heard of him: as long as feedback keeps a handoff."""


class ShadowProcessor:
    """Topics in and out as declared here; README.md of this service says what always holds."""

    name = "shadow"
    state_version = 1
    inputs = (ACTUAL, ROUTED)
    outputs = (ANSWERS,)
    globals = (ERASURES,)

    def process(self, batch: Batch, state: State, context: Context) -> Effects:
        """Record by record; one that can't be used is a dead letter, the others go on."""
        effects, leads = Effects(), Working(state, decode=unpack, encode=pack)
        for record in batch.records:
            try:
                person, said = read(record)
            except Permanent as error:
                effects.dead_letters.append(DeadLetter(record, error.code, error.field, error.fix))
                continue
            key, now = person.encode(), context.time(record)
            if _erased(person, now, context):
                leads.put(key, None)
                effects.timers[key, FORGET] = None
                continue
            before = leads.get(key)
            after, told = answered(_with(before or Lead(), said))
            if after != before:
                leads.put(key, after)
                effects.timers[key, FORGET] = now + FORGET_MS
            effects.sends += [_send(person, answer, now) for answer in told]
        effects.states = leads.changes()
        return effects

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:  # noqa: ARG002
        """`forget`: nothing was heard of the person for so long that nothing will be."""
        return Effects(states={key: None})


def _with(lead: Lead, said: Input) -> Lead:
    if isinstance(said, DealFacts):
        return lead.seen(said)
    if isinstance(said, LeadWithdrawn):
        return lead.withdrawn(said.handoff)
    return lead.offered(said.handoff, said.qualified.at)


def _send(person: str, answer: Answer, now: int) -> Send:
    """The answer as a connector would have told it; equal answers have equal ids."""
    data = OutcomeReported(lead=person, handoff=answer.handoff, kind=answer.kind, reason=answer.reason, at=answer.at)
    headers, value = envelop(data, id=f"{answer.handoff}-shadow-{answer.number}", source=SOURCE, time=now)
    return Send(ANSWERS, person.encode(), value, headers)


def _erased(person: str, moment: int, context: Context) -> bool:
    """Whether what the log took in at `moment` about a person is to be forgotten (L8)."""
    packed = context.globals.table(ERASURES).get(person.encode())
    if packed is None:
        return False
    try:
        return moment <= ErasureRequested.model_validate_json(packed).at
    except ValidationError:
        return True  # somebody asked, and we can't read since when: forget
