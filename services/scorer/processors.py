"""The scorer: composes the pure parts and dispatches by topic. See README.md for its topics and what always holds."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from msgspec import DecodeError
from pydantic import ValidationError

from baton_schemas.alerts import AccountSpiked, MemberEngaged
from baton_schemas.backfill import DayBackfilled
from baton_schemas.contract import parse_time
from baton_schemas.crm import AccountFacts, PersonFacts
from baton_schemas.engagement import PersonUnlinked
from baton_schemas.feedback import LeadRecycled
from baton_schemas.identity import LedgerRecounted
from services.runtime.config_set import CONFIG_TOPIC
from services.runtime.effects import DeadLetter, Effects
from services.runtime.errors import Permanent, Transient, UserError
from services.runtime.processor import Context
from services.runtime.record import Batch, Record
from services.runtime.state import State
from services.scorer import account as accounts
from services.scorer import announcement as say
from services.scorer import backfill, hot, identity, person, profile, spikes, watching
from services.scorer.account import Account, Story
from services.scorer.configuration import ERASURES_TOPIC, MODELS_TOPIC, InForce
from services.scorer.engagement import ENGAGEMENT, fold
from services.scorer.hops import (
    Linked,
    Published,
    Signal,
    Stopped,
    Summary,
    read_linked,
    read_published,
    read_signal,
    read_stopped,
    read_summary,
)
from services.scorer.identity import Keyring
from services.scorer.intake import (
    HORIZON_MS,
    RECORDED_HEADER,
    Envelope,
    clamp,
    open_envelope,
    refusal,
    tie_of,
    unknown_type,
)
from services.scorer.joining import join
from services.scorer.pacing import ANNOUNCE
from services.scorer.past import NOTHING
from services.scorer.person import Held, Link, Person
from services.scorer.profile import Facts
from services.scorer.turn import ADJUSTED, ERASED, EVENTS, REFUSED, TIMER, Turn

A = TypeVar("A", Summary, AccountFacts)
BULK = "engagement.bulk"
_REFUSALS = ("contact", "sales_contact", "direct_marketing")
"""Purposes of consent without which sales may not call."""


class _Route(NamedTuple):
    """How a type of records is read, and what is done with its content."""

    read: Callable[[bytes], Any]
    handle: Callable[[Turn, Record, Envelope, Any], str]


class ScorerProcessor:
    """Events in, scores and qualified leads out."""

    name = "scorer"
    state_version = person.STATE_VERSION
    inputs = (
        "engagement.events",
        BULK,
        "engagement.linked",
        "accounts.members",
        "accounts.signals",
        "crm.facts",
        "leads.recycled",
    )
    outputs = (
        "engagement.linked",
        "accounts.members",
        "accounts.signals",
        "accounts.spikes",
        "leads.scored",
        "leads.qualified",
    )
    globals = (CONFIG_TOPIC, MODELS_TOPIC, ERASURES_TOPIC)

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._seal, self._fingerprint = keyring.seal()
        self.in_force = InForce()
        published = {model.TYPE: _Route(hot.reader(model), self._event) for model in ENGAGEMENT}
        relayed = {model.TYPE: _Route(hot.reader(model), self._relayed) for model in ENGAGEMENT}
        bulk = {model.TYPE: _Route(hot.reader(model), self._past) for model in ENGAGEMENT[1:]}
        bulk[DayBackfilled.TYPE] = _Route(DayBackfilled.model_validate_json, self._backfilled)
        links = {
            Linked.TYPE: _Route(read_linked, self._identity),
            Published.TYPE: _Route(read_published, self._ledger),
            Stopped.TYPE: _Route(read_stopped, self._stopped),
            LedgerRecounted.TYPE: _Route(LedgerRecounted.model_validate_json, self._recounted),
            LeadRecycled.TYPE: _Route(LeadRecycled.model_validate_json, self._recycled),
        }
        facts = {
            AccountFacts.TYPE: _Route(AccountFacts.model_validate_json, self._account_facts),
            PersonFacts.TYPE: _Route(PersonFacts.model_validate_json, self._person_facts),
        }
        self._topics: dict[str, dict[str, _Route]] = {
            "engagement.events": published,
            BULK: bulk,
            "engagement.linked": relayed | links,
            "accounts.members": {
                Summary.TYPE: _Route(read_summary, self._member),
                MemberEngaged.TYPE: _Route(MemberEngaged.model_validate_json, self._member_engaged),
            },
            "accounts.signals": {
                Signal.TYPE: _Route(read_signal, self._signal),
                AccountSpiked.TYPE: _Route(AccountSpiked.model_validate_json, self._spiked),
            },
            "crm.facts": facts,
            "leads.recycled": {LeadRecycled.TYPE: _Route(LeadRecycled.model_validate_json, self._recycled)},
        }

    def process(self, batch: Batch, state: State, context: Context) -> Effects:
        """Record by record: a record that can't be used is a dead letter, the next one goes on. Raises UserError when
        the secret is another than that of the people who are in the state: they would all become strangers."""
        self._check_seal(state)
        turn = self._turn(state, context)
        results, paced = [], batch.topic == BULK
        for record in batch.records:
            turn.paced = paced
            results.append(self.take(turn, batch.topic, record))
        for (kind, result), number in Counter(results).items():
            turn.count(EVENTS, kind, result, number=number)
        return self._sealed(turn.finish(), state)

    def take(self, turn: Turn, topic: str, record: Record) -> tuple[str, str]:
        """Works one record of a topic off: its type, and what came of it. A turn may live as long as one wants: a
        replay, which keeps nothing but what it learns, takes one for all records."""
        turn.now = turn.event_at = turn.context.scale.at(record.timestamp)
        kind, routes = "unknown", self._topics[topic]
        try:
            if record.value is None and topic == "crm.facts":
                return "fact", "forgotten"
            envelope = open_envelope(record)
            route = routes.get(envelope.type)
            if route is None:
                raise unknown_type(routes)
            read, handle = route
            try:
                event = read(envelope.data)
            except ValidationError as error:
                raise refusal(error) from None
            kind = envelope.type
            turn.cause = say.cause_of(envelope.source, envelope.id)
            return kind, handle(turn, record, envelope, event)
        except Permanent as error:
            turn.effects.dead_letters.append(DeadLetter(record, error.code, error.field, error.fix))
            return kind, "refused"

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:
        """Time alone may have changed a grade: judges as of the due time, and sets the next."""
        self._check_seal(state)
        turn = self._turn(state, context)
        self.ring(turn, key, name, due)
        return turn.finish()

    def ring(self, turn: Turn, key: bytes, name: str, due: int) -> None:
        """What a timer calls for in a turn."""
        turn.now = turn.event_at = due
        turn.cause = say.timer_cause(name, due)
        person_key = key.removeprefix(person.PREFIX).decode()
        one = turn.find(person_key)
        if name in (TIMER, ANNOUNCE) and one is not None and one.root is None:
            turn.limit.keep(one, 0)
            turn.decide(person_key, one)
            watching.pass_over(turn, person_key, one)

    def _sealed(self, effects: Effects, state: State) -> Effects:
        """With the first person of a partition goes the fingerprint of the secret of its key."""
        if state.get(self._seal) is None and any(key.startswith(person.PREFIX) for key in effects.states):
            effects.states[self._seal] = self._fingerprint
        return effects

    def _check_seal(self, state: State) -> None:
        found = state.get(self._seal)
        if found is not None and found != self._fingerprint:
            raise UserError(
                f"BATON_PERSON_KEY_SECRET: not the secret of the people in the journal (key id {self._keyring.key_id})",
                fix="start the worker with the secret that its journal was written with",
            )

    def _turn(self, state: State, context: Context) -> Turn:
        before = self.in_force.refusal
        turn = Turn(self.in_force.definitions(context.globals), self._keyring, state, context)
        if self.in_force.refusal is not None and self.in_force.refusal != before:
            turn.count(REFUSED, self.name)
        return turn

    def _event(self, turn: Turn, record: Record, envelope: Envelope, event: hot.Event) -> str:
        """An event as it was published: folded in here if its owner's key is this record's, else sent on."""
        at = envelope.time
        if at is None or not turn.now - HORIZON_MS <= at <= turn.now:
            at, clamped = clamp(envelope, turn.now)
            if clamped:
                turn.count(ADJUSTED, "clamped")
        return self._engaged(turn, record, envelope, event, at, direct=True)

    def _relayed(self, turn: Turn, record: Record, envelope: Envelope, event: hot.Event) -> str:
        """An event that was sent on."""
        turn.event_at = _recorded(record, turn.now)
        at = envelope.time if envelope.time is not None else turn.now
        return self._engaged(turn, record, envelope, event, at, direct=False)

    def _engaged(
        self, turn: Turn, record: Record, envelope: Envelope, event: hot.Event, at: int, *, direct: bool
    ) -> str:
        tie = tie_of(envelope)
        if type(event) is PersonUnlinked:
            for key in self._keyring.unlinked(event):
                turn.send(say.linked(key, None, at=at, evidence=tie.hex(), cause=turn.cause, now=turn.now))
            return "unlinked"
        owner, key_bytes, weaker = self._keyring.owned(event)
        if record.key != key_bytes:
            if not direct:
                raise Permanent("misdirected", field="key", fix="publish to engagement.events")
            turn.send(say.rekeyed(record, envelope, owner.key, at, turn.now))
            return "rekeyed"
        erased = turn.erased_at(key_bytes)
        one = turn.find(owner.key)
        if erased is not None and at <= erased:
            return ERASED
        if one is None:
            one = Person(born=turn.now)
        change = fold(one.profile, turn.counting(one), event, at, tie)
        if owner.email is not None and one.profile.email is None:
            one.profile.email = owner.email
            change = change._replace(fit=True, touched=True)
        if weaker:
            self._claim(turn, owner.key, one, weaker, at, tie.hex())
        if turn.limit.keep(one, len(envelope.data)):
            change = change._replace(lower=True, fit=True, touched=True)
        turn.people.put(key_bytes, one)
        judged = one.lead.judged
        turn.after_event(owner.key, one, change)
        watching.look(turn, owner.key, one, judged)
        return change.result

    def _past(self, turn: Turn, record: Record, envelope: Envelope, event: hot.Event) -> str:
        """What a backfill says of who somebody is: as old as it may be, since the latest word counts, once."""
        if type(event) is not PersonUnlinked and record.key != self._keyring.owned(event).key:
            raise _misdirected_bulk()
        at = turn.now if envelope.time is None else min(envelope.time, turn.now)
        return self._engaged(turn, record, envelope, event, at, direct=False)

    def _backfilled(self, turn: Turn, record: Record, _envelope: Envelope, event: DayBackfilled) -> str:
        """A day of the past, said anew: in the place of what the same backfill said of it before."""
        day = backfill.day_of(event, turn.now)
        owner, key_bytes, weaker = self._keyring.owned(event)
        if record.key != key_bytes or weaker:
            raise _misdirected_bulk()
        erased = turn.erased_at(key_bytes)
        one = turn.find_or_new(owner.key)
        change, lost = backfill.fold_day(one.profile, turn.counting(one), event, day, -1 if erased is None else erased)
        if lost:
            turn.count(ADJUSTED, "cut", number=lost)
        if change.touched:
            one.profile.email = owner.email
            turn.limit.keep(one, None)
            turn.keep(owner.key, one)
            judged = one.lead.judged
            turn.after_backfill(owner.key, one, change)
            watching.look(turn, owner.key, one, judged, past=True)
        return change.result

    def _claim(self, turn: Turn, key: str, one: Person, weaker: tuple[str, ...], at: int, evidence: str) -> None:
        for each in weaker:
            if len(one.claims) >= identity.MAX_CLAIMS and each not in one.claims:
                turn.limit.gone["claim"] += 1
            if identity.claim(one, each, at, evidence):
                turn.send(say.linked(each, key, at=at, evidence=evidence, cause=turn.cause, now=turn.now))

    def _identity(self, turn: Turn, record: Record, _envelope: Envelope, event: Linked) -> str:
        key = _own_key(record, event.person)
        one = turn.find_or_new(key)
        link = Link(event.root, parse_time(event.at), event.cause)
        if event.cause == ERASED and (one.link is None or one.link.stamp < link.stamp):
            one.profile = profile.Profile()
            turn.withdraw_all(key, one, ERASED)
        turn.relink(key, one, link)
        return "linked"

    def _ledger(self, turn: Turn, record: Record, _envelope: Envelope, event: Published) -> str:
        """A linked identity's profile: held, passed on, or proof of a ring."""
        key = _own_key(record, None)
        stamp = Link(None, parse_time(event.linked_at), event.link_cause)
        one = turn.find(key)
        if event.source == key:
            if one is not None and one.link is not None and one.root and one.link.stamp < stamp.stamp:
                publications = identity.yield_link(one, key)
                turn.keep(key, one)
                turn.publish(key, one, publications)
                turn.own_again(key, one)
            return "ring"
        erased = turn.erased_at(key.encode())
        if erased is not None and stamp.at <= erased and event.packed is not None:
            turn.disown(event.source, erased)
            return ERASED
        if one is None:
            if event.packed is None:
                return "repeated"
            one = Person(born=turn.now)
        packed, past = (None, NOTHING) if event.packed is None else _unpacked(event.packed)
        turn.paced = backfill.is_news(past, one.held.get(event.source))
        before = one.handoffs
        if not identity.hold(one, event.source, Held(event.version, event.via, packed, event.handoff)):
            return "repeated"
        claim = one.claims.get(event.source)
        if packed is None and event.via == event.source and claim and (claim.at, claim.cause) > stamp.stamp:
            turn.send(say.linked(event.source, key, at=claim.at, evidence=claim.cause, cause=turn.cause, now=turn.now))
        passed_on = identity.passed_on(one, event.source)
        turn.limit.keep(one, len(record.value or b""))
        turn.keep(key, one)
        if one.root is not None:
            turn.publish(key, one, passed_on)
            if event.handoff is not None and event.handoff not in before:
                turn.tell_merged(key, one, event.handoff)
        else:
            judged = one.lead.judged
            turn.decide(key, one, unmerged=packed is None)
            watching.look(turn, key, one, judged)
        return "held"

    def _stopped(self, turn: Turn, record: Record, _envelope: Envelope, event: Stopped) -> str:
        key = _own_key(record, event.person)
        one = turn.find(key)
        if one is not None:
            turn.hear_stopped(key, one, event.handoff, event.reason)
        return "stopped"

    def _recounted(self, turn: Turn, record: Record, _envelope: Envelope, event: LedgerRecounted) -> str:
        """What a look-back found is joined to what is known; without anything found, the person is judged anew."""
        key = _own_key(record, event.person)
        if turn.context.globals.offsets.get(CONFIG_TOPIC, 0) < event.config_read:
            raise Transient("a look-back's definition is not here yet")
        one = turn.find(key)
        if event.packed is None:
            if one is not None and one.root is None and turn.judged_by(one) is None:
                judged = one.lead.judged
                turn.decide(key, one)
                watching.look(turn, key, one, judged, past=True)
            return "judged"
        erased = turn.erased_at(key.encode())
        if erased is not None and erased >= event.since:  # what was read may be from before it
            return ERASED
        one = one or Person(born=turn.now)
        before = profile.pack(one.profile)
        join(one.profile, profile.unpack(_unpacked(event.packed)[0]))
        turn.limit.keep(one, None)
        if profile.pack(one.profile) == before:
            return "repeated"
        turn.keep(key, one)
        if one.root is not None:
            turn.publish(key, one, identity.publish_own(one, key))
        else:
            judged = one.lead.judged
            turn.decide(key, one)
            watching.look(turn, key, one, judged, past=True)
        return "recounted"

    def _recycled(self, turn: Turn, record: Record, _envelope: Envelope, event: LeadRecycled) -> str:
        key = _own_key(record, None)
        one = turn.find(key)
        if one is not None:
            turn.hear_recycled(key, one, event)
        return "recycled"

    def _member(self, turn: Turn, record: Record, _envelope: Envelope, event: Summary) -> str:
        self._at_account(turn, record, event, accounts.member_changed)
        return "member"

    def _signal(self, turn: Turn, record: Record, _envelope: Envelope, event: Signal) -> str:
        key = _own_key(record, event.person)
        one = turn.find(key)
        if one is not None:
            judged, arrived = one.lead.judged, not one.membership.heard
            turn.hear(key, one, event)
            watching.look(turn, key, one, judged, arrived=arrived)
        return "signal"

    def _member_engaged(self, turn: Turn, record: Record, _envelope: Envelope, event: MemberEngaged) -> str:
        """What a member did in its last days: who tips the account over is told so."""
        key, rule = _own_key(record, event.account), turn.alerts
        if rule is not None:
            account = turn.accounts.get(key.encode()) or Account()
            crossing = spikes.hear_member(account, event, rule, turn.now)
            turn.accounts.put(key.encode(), account)
            if crossing is not None:
                turn.send(watching.signal(turn, account.spikes, event, crossing))
        return "member"

    def _spiked(self, turn: Turn, record: Record, _envelope: Envelope, event: AccountSpiked) -> str:
        key = _own_key(record, event.person)
        one = turn.find(key)
        if one is not None:
            watching.hear_spiked(turn, key, one, event)
        return "signal"

    def _account_facts(self, turn: Turn, record: Record, _envelope: Envelope, event: AccountFacts) -> str:
        self._at_account(turn, record, event, accounts.facts_changed)
        return "fact"

    def _person_facts(self, turn: Turn, record: Record, envelope: Envelope, event: PersonFacts) -> str:
        key = _own_key(record, event.person)
        one = turn.find_or_new(key)
        facts = Facts(event.at, tie_of(envelope), event.owner, _stop(event))
        known = one.profile.facts
        if known is not None and (known.at, known.tie) >= (facts.at, facts.tie):
            return "repeated"
        one.profile.facts = facts
        turn.limit.keep(one, len(envelope.data))
        turn.keep(key, one)
        if one.root is not None:
            turn.publish(key, one, identity.publish_own(one, key))
        elif one.lead.judged:
            judged = one.lead.judged
            turn.decide(key, one)
            watching.look(turn, key, one, judged)
        return "fact"

    def _at_account(
        self, turn: Turn, record: Record, event: A, change: Callable[[Account, str, A], list[Story]]
    ) -> None:
        """Changes the account that the event names, and tells its members what they should hear."""
        key = _own_key(record, event.account)
        account = turn.accounts.get(key.encode()) or Account()
        stories = change(account, key, event)
        turn.accounts.put(key.encode(), account)
        for story in stories:
            turn.send(say.signal(story, cause=turn.cause, now=turn.now))


def _own_key(record: Record, named: str | None) -> str:
    """The record's key, which must be the one that its data names."""
    key = (record.key or b"").decode()
    if not key or (named is not None and named != key):
        raise Permanent("misdirected", field="key", fix="the record's key is the key that its data names")
    return key


def _misdirected_bulk() -> Permanent:
    return Permanent("misdirected", field="key", fix="publish with baton publish --backfill, under the person's key")


def _recorded(record: Record, otherwise: int) -> int:
    for name, value in record.headers:
        if name == RECORDED_HEADER and value.isdigit():
            return int(value)
    return otherwise


def _unpacked(text: str) -> tuple[bytes, bytes]:
    """The packed profile, checked by reading it, and its past. Raises Permanent: invalid_field."""
    try:
        packed = b64decode(text, validate=True)
        return packed, profile.unpack(packed).past
    except (Base64Error, DecodeError, ValueError):
        raise Permanent("invalid_field", field="packed", fix="is not a packed profile of this version") from None


def _stop(facts: PersonFacts) -> str | None:
    """Why the CRM's facts forbid a lead, or None."""
    if facts.do_not_contact:
        return "do_not_contact"
    if facts.disqualified is not None:
        return facts.disqualified
    refused = any(not consent.granted and consent.purpose in _REFUSALS for consent in facts.consents)
    return "consent_refused" if refused else None
