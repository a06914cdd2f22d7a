"""The router: the lead's, the team's and the account's side in one processor, told apart by the state's prefix.

`l:<lead>` belongs to the lead's partition, `t:<team>` to the team's, `a:<account>` (contact pressure) and `w:<account>`
(alerts) to the account's; they meet on routing.requests and routing.replies.
The first input is feedback.events because a dead letter that a timer writes (an outcome whose handoff never came)
belongs on its dead topic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from baton_schemas.alerts import EngagementSpiked
from baton_schemas.crm import AccountFacts, PersonFacts
from baton_schemas.feedback import InsightReported, OutcomeReported
from baton_schemas.leads import LeadQualified, LeadUnmerged, LeadWithdrawn
from baton_schemas.routing import (
    AssignRequest,
    HandoffHeld,
    MergeRequest,
    MergeVerdict,
    PressureReply,
    PressureRequest,
    ReleaseRequest,
    RoutingReply,
)
from services.router import disposition, holders, ladder, lead, merging, opening, outcomes, pressure
from services.router.accounts import AccountState, Gate
from services.router.alerts import AlertState, Bell
from services.router.erasures import erased_at
from services.router.handoff import LeadState
from services.router.intake import Arrived, accepted, key_of, read
from services.router.occasion import ACCOUNT, ALERTS, LEAD, TEAM, Occasion
from services.router.packing import STATE_VERSION, Packing
from services.router.refusals import Refusal
from services.router.repeats import ACCOUNT_MEMORY, LEAD_MEMORY, TEAM_MEMORY, mark_of, remember
from services.router.rulebook import Rulebook
from services.router.team import QUEUE, Desk, TeamState
from services.runtime.effects import DeadLetter, Effects
from services.runtime.errors import Permanent
from services.runtime.processor import Context
from services.runtime.record import Batch, Record
from services.runtime.state import State, Working

_LEADS = Packing(LeadState)
_TEAMS = Packing(TeamState)
_ACCOUNTS = Packing(AccountState)
_ALERTS = Packing(AlertState)

_QUALIFIED = accepted("lead", LeadQualified, LeadWithdrawn, LeadUnmerged)
_REQUESTS = {**accepted("team", AssignRequest, ReleaseRequest), **accepted("account", PressureRequest, HandoffHeld)}
_SPIKES = accepted("subject", EngagementSpiked)
_REPLIES = accepted("lead", RoutingReply, PressureReply, MergeRequest, MergeVerdict)
_OUTCOMES = accepted("lead", OutcomeReported, InsightReported)
_FACTS = {**accepted("person", PersonFacts), **accepted("account", AccountFacts)}


class RouterProcessor:
    """See services/runtime/processor.py. Holds nothing but the compiled rules of the last good configuration."""

    name = "router"
    state_version = STATE_VERSION
    inputs = (
        "feedback.events",
        "leads.qualified",
        "routing.requests",
        "routing.replies",
        "crm.facts",
        "accounts.spikes",
    )
    outputs = (
        "routing.requests",
        "routing.replies",
        "leads.routed",
        "leads.unrouted",
        "sla.events",
        "accounts.alerts",
        "notifications",
    )
    globals = ("baton.config", "privacy.erasures")

    def __init__(self) -> None:
        self._rulebook = Rulebook()

    def process(self, batch: Batch, state: State, context: Context) -> Effects:
        """Decides record by record, so that cutting the log elsewhere changes nothing."""
        shift = Shift(self._rulebook, state, context)
        decide = shift.by_topic[batch.topic]
        for record in batch.records:
            try:
                decide(record)
            except Permanent as error:
                letter = DeadLetter(record, error.code, error.field, error.fix)
                shift.effects.dead_letters.append(letter)
        return shift.done()

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:
        """A clock's next step, the end of an outcome's wait, a look at a queue, or forgetting what is long closed."""
        shift = Shift(self._rulebook, state, context)
        shift.ring(key, name, due)
        return shift.done()


class Shift:
    """One call: the working state, the rules in force and what comes of it. Every method decides before it changes
    anything, so a record that is refused leaves no trace."""

    def __init__(self, rulebook: Rulebook, state: State, context: Context) -> None:
        self.effects = Effects()
        self._context = context
        self._rules = rulebook.rules(context.globals, self.effects)
        self._leads = Working(state, decode=_LEADS.unpack, encode=_LEADS.pack, prefix=LEAD)
        self._teams = Working(state, decode=_TEAMS.unpack, encode=_TEAMS.pack, prefix=TEAM)
        self._accounts = Working(state, decode=_ACCOUNTS.unpack, encode=_ACCOUNTS.pack, prefix=ACCOUNT)
        self._alerts = Working(state, decode=_ALERTS.unpack, encode=_ALERTS.pack, prefix=ALERTS)
        self.by_topic: dict[str, Callable[[Record], None]] = {
            "leads.qualified": self._qualified,
            "routing.requests": self._request,
            "routing.replies": self._reply,
            "feedback.events": self._outcome,
            "crm.facts": self._facts,
            "accounts.spikes": self._spike,
        }

    def done(self) -> Effects:
        """The effects, with what changed in the state."""
        self.effects.states = {}
        for each in (self._leads, self._teams, self._accounts, self._alerts):
            self.effects.states.update(each.changes())
        return self.effects

    def ring(self, key: bytes, name: str, due: int) -> None:
        """Carries out a timer."""
        occasion = Occasion(f"timer:{name}@{due}", self._context.read_to, self._rules, self.effects)
        if key.startswith(TEAM) and name == QUEUE:
            team = key.removeprefix(TEAM).decode()
            desk = Desk(occasion, team, self._teams.get(team.encode()) or TeamState())
            desk.serve_queue()
            desk.set_timer()
            self._teams.put(team.encode(), desk.state)
            return
        if key.startswith(ACCOUNT):
            account = key.removeprefix(ACCOUNT).decode()
            gate = Gate(occasion, account, self._accounts.get(account.encode()) or AccountState())
            gate.serve()
            self._close(gate)
            return
        if key.startswith(ALERTS):
            self._hang_up(self._bell(occasion, key.removeprefix(ALERTS).decode()))
            return
        person = key.removeprefix(LEAD).decode()
        state = self._lead(occasion, person)
        self._hear_early(occasion, person, state)
        if name == lead.FORGET:
            lead.forget(occasion, person, state)
        elif (handoff := state.handoffs.get(name.partition(":")[2])) is not None:
            if name == pressure.timer_name(handoff.id):
                opening.try_again(occasion, state, handoff)
            else:
                fire = disposition.fire if name == disposition.timer_name(handoff.id) else ladder.fire
                fire(occasion, person, handoff)
        self._keep(occasion, person, state)

    def _qualified(self, record: Record) -> None:
        arrived = read(record, _QUALIFIED)
        occasion = self._occasion(record, arrived)
        state = self._lead(occasion, arrived.key)
        data = arrived.data
        if isinstance(data, LeadQualified):
            if data.handoff not in state.handoffs and erased_at(self._context.globals, arrived.key) >= data.at:
                opening.refuse(occasion, state, data, Refusal("erased", "This person was erased after qualifying."))
            else:
                opening.qualify(occasion, state, data)
            outcomes.wake_early(occasion, arrived.key, state)
        elif isinstance(data, LeadUnmerged):
            self._follow(occasion, arrived, state, None, data.at)
        elif isinstance(data, LeadWithdrawn) and data.merged_into is not None:
            self._follow(occasion, arrived, state, data.merged_into, data.at)
        elif isinstance(data, LeadWithdrawn):
            self._withdraw(occasion, arrived, state, data)
        self._keep(occasion, arrived.key, state)

    def _withdraw(self, occasion: Occasion, arrived: Arrived, state: LeadState, data: LeadWithdrawn) -> None:
        mark = mark_of(arrived.cause)
        if mark in state.marks:
            return
        if not lead.withdraw_named(occasion, state, data):
            raise Permanent("unknown_handoff", field="handoff", fix="withdraw what leads.qualified announced")
        remember(state.marks, mark, LEAD_MEMORY)

    def _follow(self, occasion: Occasion, arrived: Arrived, state: LeadState, into: str | None, at: int) -> None:
        mark = mark_of(arrived.cause)
        if mark not in state.marks:
            merging.follow(occasion, arrived.key, state, into, at)
            remember(state.marks, mark, LEAD_MEMORY)

    def _request(self, record: Record) -> None:
        arrived = read(record, _REQUESTS)
        key, mark = arrived.key.encode(), mark_of(arrived.cause)
        if isinstance(arrived.data, PressureRequest):
            gate = Gate(self._occasion(record, arrived), arrived.key, self._accounts.get(key) or AccountState())
            if mark not in gate.state.marks:
                remember(gate.state.marks, mark, ACCOUNT_MEMORY)
                gate.hear(arrived.data)
                self._close(gate)
            return
        if isinstance(arrived.data, HandoffHeld):
            bell = self._bell(self._occasion(record, arrived), arrived.key)
            if mark not in bell.state.marks:
                remember(bell.state.marks, mark, ACCOUNT_MEMORY)
                bell.hear_holder(arrived.data)
                self._hang_up(bell)
            return
        desk = Desk(self._occasion(record, arrived), arrived.key, self._teams.get(key) or TeamState())
        if mark in desk.state.marks:
            return
        remember(desk.state.marks, mark, TEAM_MEMORY)
        if isinstance(arrived.data, AssignRequest):
            desk.assign(arrived.data)
        elif isinstance(arrived.data, ReleaseRequest):
            desk.release(arrived.data)
        self._teams.put(key, desk.state)

    def _spike(self, record: Record) -> None:
        arrived = read(record, _SPIKES)
        bell, mark = self._bell(self._occasion(record, arrived), arrived.key), mark_of(arrived.cause)
        if mark not in bell.state.marks and isinstance(arrived.data, EngagementSpiked):
            spike = arrived.data
            remember(bell.state.marks, mark, ACCOUNT_MEMORY)
            bell.hear_spike(spike, erased=erased_at(self._context.globals, spike.lead) >= spike.at)
            self._hang_up(bell)

    def _reply(self, record: Record) -> None:
        arrived = read(record, _REPLIES)
        occasion = self._occasion(record, arrived)
        state = self._lead(occasion, arrived.key)
        mark = mark_of(arrived.cause)
        if mark not in state.marks:
            if isinstance(arrived.data, RoutingReply):
                lead.answer(occasion, state, arrived.data)
            elif isinstance(arrived.data, PressureReply):
                opening.hear_account(occasion, state, arrived.data)
            elif isinstance(arrived.data, MergeRequest):
                merging.hear_report(occasion, state, arrived.data)
            elif isinstance(arrived.data, MergeVerdict):
                merging.hear_verdict(occasion, state, arrived.data)
            if state.handoffs:
                remember(state.marks, mark, LEAD_MEMORY)
        self._keep(occasion, arrived.key, state)

    def _outcome(self, record: Record) -> None:
        arrived = read(record, _OUTCOMES)
        occasion = self._occasion(record, arrived)
        state = self._lead(occasion, arrived.key)
        self._hear_early(occasion, arrived.key, state)
        if isinstance(arrived.data, OutcomeReported):
            self._hear(occasion, state, outcomes.Answer(arrived.data, record, occasion.at))
        elif isinstance(arrived.data, InsightReported):
            outcomes.learn(state, arrived.data, occasion.at)
        self._keep(occasion, arrived.key, state)

    def _facts(self, record: Record) -> None:
        if record.value is None:
            key, facts = key_of(record), None
            cause = f"crm.facts#{record.partition}/{record.offset}"
            occasion = Occasion(cause, self._context.time(record), self._rules, self.effects)
        else:
            arrived = read(record, _FACTS)
            if not isinstance(arrived.data, PersonFacts):
                return
            key, facts = arrived.key, arrived.data
            occasion = self._occasion(record, arrived)
        state = self._lead(occasion, key)
        lead.learn(occasion, key, state, facts)
        self._keep(occasion, key, state)

    def _hear_early(self, occasion: Occasion, person: str, state: LeadState) -> None:
        """Applies what was held for handoffs that are known by now; refuses what waited in vain."""
        if not state.early:
            return
        while ready := outcomes.early_records(state, occasion.at):  # one may begin the handoff that the next is about
            for record, known in ready:
                arrived = read(record, _OUTCOMES)
                earlier = replace(occasion, cause=arrived.cause)
                if known and isinstance(arrived.data, OutcomeReported):
                    self._hear(earlier, state, outcomes.Answer(arrived.data, record, self._context.time(record)))
                else:
                    outcomes.expire(earlier, record)
        outcomes.set_early_timer(occasion, person, state)

    def _hear(self, occasion: Occasion, state: LeadState, answer: outcomes.Answer) -> None:
        """Applies an outcome once; one that is held or refused may come again."""
        mark, refused = mark_of(occasion.cause), len(self.effects.dead_letters)
        if mark in state.marks:
            return
        outcomes.hear(occasion, state, answer)
        if len(self.effects.dead_letters) == refused and answer.outcome.handoff in state.handoffs:
            remember(state.marks, mark, LEAD_MEMORY)

    def _occasion(self, record: Record, arrived: Arrived) -> Occasion:
        return Occasion(arrived.cause, self._context.time(record), self._rules, self.effects)

    def _lead(self, occasion: Occasion, person: str) -> LeadState:
        """The lead's state; what belongs to an erased person is withdrawn first (L8)."""
        state = self._leads.get(person.encode()) or LeadState()
        erased = erased_at(self._context.globals, person)
        if state.merge is not None and state.merge.into is not None:
            erased = max(erased, erased_at(self._context.globals, state.merge.into))
        older = [handoff for handoff in state.handoffs.values() if handoff.qualified and handoff.qualified_at <= erased]
        for handoff in older:
            lead.withdraw(occasion, person, handoff, "erased")
        if older:
            state.early = []
            self._keep(occasion, person, state)
        return state

    def _close(self, gate: Gate) -> None:
        gate.set_timer()
        self._accounts.put(gate.account.encode(), None if gate.over else gate.state)

    def _bell(self, occasion: Occasion, subject: str) -> Bell:
        return Bell(occasion, subject, self._alerts.get(subject.encode()) or AlertState())

    def _hang_up(self, bell: Bell) -> None:
        bell.set_timer()
        self._alerts.put(bell.subject.encode(), None if bell.over else bell.state)

    def _keep(self, occasion: Occasion, person: str, state: LeadState) -> None:
        merging.settle(occasion, person, state)
        holders.settle(occasion, person, state)
        self._leads.put(person.encode(), None if state.blank else state)
