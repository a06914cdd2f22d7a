"""One call of the processor: what it has read and decided so far, and the decisions about people.

A decision follows each record, never a batch, so the result does not depend on how the log is cut. What makes that
cheap: after a full reading a person notes how many points may come (`slack`) and until when (`check_at`) before
anything can change; while both hold, an event is folded in and nothing more is computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from baton_schemas.feedback import LeadRecycled
from services.runtime.effects import Effects, Observation, Send
from services.runtime.processor import Context
from services.runtime.state import State, Working
from services.scorer import account as accounts
from services.scorer import announcement as say
from services.scorer import identity, person, rest, scope
from services.scorer.account import Account
from services.scorer.configuration import ERASURES_TOPIC, erased_at
from services.scorer.definition import AlertRule, Rules
from services.scorer.engagement import Change
from services.scorer.expressions import take_failed
from services.scorer.hops import Signal
from services.scorer.identity import Keyring, Publication
from services.scorer.ledger import HOUR_MS
from services.scorer.limit import Limit
from services.scorer.pacing import ANNOUNCE, Slots
from services.scorer.past import last_active, ledgers_of
from services.scorer.person import Link, Person
from services.scorer.profile import Profile
from services.scorer.profile import unpack as unpack_profile
from services.scorer.qualification import (
    Course,
    Judgement,
    is_customer,
    judge,
    next_change,
    said_stop,
    slack,
    tier_of,
    total,
    traits_known,
    unchanged,
)
from services.scorer.reading import Reading, read_lines
from services.scorer.scope import Definitions

TIMER = "grade"
EVENTS = "baton_events_total"
ADJUSTED = "baton_events_adjusted_total"
CUT = "baton_people_cut_total"
UNEVALUATED = "baton_expressions_failed_total"
REFUSED = "baton_config_refused_total"
QUALIFIED = "baton_leads_qualified_total"
WITHDRAWN = "baton_leads_withdrawn_total"
LATENCY = "baton_event_to_qualified_seconds"
ERASED = "erased"
_LONGEST_ROLE = 60


class Turn:
    """The working view of state and what is to be done. `now`, `cause`, `event_at` are those of the current record;
    `paced` says that it tells of the past: who qualifies by it is announced in turn (`pacing.py`)."""

    def __init__(self, definitions: Definitions, keyring: Keyring, state: State, context: Context) -> None:
        self.definitions = definitions
        self.keyring = keyring
        self.context = context
        self.limit = Limit(definitions)
        self.people = Working[Person](state, decode=self.limit.unpack, encode=person.pack, prefix=person.PREFIX)
        self.accounts = Working[Account](state, decode=accounts.unpack, encode=accounts.pack, prefix=accounts.PREFIX)
        self.effects = Effects()
        self.now = 0
        self.event_at = 0
        self.cause = ""
        self.paced = False
        self._slots = Slots(state)
        self._erasures = context.globals.table(ERASURES_TOPIC)
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()

    def count(self, metric: str, *labels: str, number: int = 1) -> None:
        """Adds to a counter."""
        self._counts[metric, labels] += number

    def send(self, *sends: Send) -> None:
        """Tells the world."""
        self.effects.sends.extend(sends)

    def finish(self) -> Effects:
        """Everything decided, as a value."""
        self.effects.states.update(self.people.changes())
        self.effects.states.update(self.accounts.changes())
        self.effects.states.update(self._slots.changes())
        for expression, number in take_failed().items():
            for name in self.definitions.saying(expression):
                self.count(UNEVALUATED, name, number=number)
        for part, number in self.limit.gone.items():
            self.count(CUT, part, number=number)
        for (metric, labels), number in self._counts.items():
            self.effects.observations.append(Observation(metric, float(number), labels))
        return self.effects

    def erased_at(self, packed_key: bytes) -> int | None:
        """When the person asked to be forgotten (ms), or None."""
        return erased_at(self._erasures, packed_key) if self._erasures else None

    def find(self, key: str) -> Person | None:
        """The person under `key`, unless nothing is known of it; one who was erased since is forgotten here."""
        packed_key = key.encode()
        found = self.people.get(packed_key)
        if found is not None and self._erasures:
            at = self.erased_at(packed_key)
            if at is not None and found.born <= at:
                self.forget(key, found, at)
                return None
        return found

    def find_or_new(self, key: str) -> Person:
        """The person under `key`, a new one if need be."""
        return self.find(key) or Person(born=self.now)

    def keep(self, key: str, one: Person) -> None:
        """Notes that the person changed."""
        self.people.put(key.encode(), one)

    # what judges

    @property
    def alerts(self) -> AlertRule | None:
        """When owners are told."""
        return self.definitions.alerts

    def judged_by(self, one: Person) -> Rules | None:
        """The rules that judged the person last; None when they are no longer in force, or nobody did."""
        return self.definitions.by_judged.get(one.lead.judged)

    def counting(self, one: Person) -> Rules:
        """Those, or others that count the same."""
        return self.definitions.by_judged.get(one.lead.judged) or self.definitions.first

    # what follows a change

    def after_event(self, key: str, one: Person, change: Change) -> None:
        """Tells or decides what an event of the person calls for."""
        if change.adjusted:
            self.count(ADJUSTED, change.adjusted)
        if one.root is not None:
            if change.touched:
                self.publish(key, one, identity.publish_own(one, key))
            return
        lead = one.lead
        rules = self.definitions.by_judged.get(lead.judged)
        if rules is None or change.fit or change.stop or (lead.check_at is not None and self.now >= lead.check_at):
            self.decide(key, one, keep_check=not change.lower)
        elif change.lower or change.gain >= lead.slack:
            self._read(key, one, rules, lower=change.lower)
        else:
            lead.slack -= change.gain

    def after_backfill(self, key: str, one: Person, change: Change) -> None:
        """Tells or decides what a day of the past calls for."""
        if change.adjusted:
            self.count(ADJUSTED, change.adjusted)
        if one.root is None:
            self.decide(key, one)
        else:
            self.publish(key, one, identity.publish_own(one, key))

    def _read(self, key: str, one: Person, rules: Rules, *, lower: bool) -> None:
        """Reads the engagement's lines after an ordinary event: they alone may show that nothing changes. Then the
        slack is noted anew, and when points were taken away (`lower`), when time alone changes something."""
        lead = one.lead
        profiles = profiles_of(one)
        now = max(self.now, lead.judged_at)
        hour = now // HOUR_MS
        readings = read_lines(rules.scorecard, ledgers_of(profiles), hour)
        same = unchanged(rules, lead.fit, readings, grade=lead.grade, qualified=lead.qualified)
        if not same or (lower and lead.held_at):
            self.decide(key, one, keep_check=not lower, readings=readings)
            return
        lead.slack = slack(rules, lead.fit, readings, qualified=lead.qualified)
        engagement, above = total(readings)
        if lower or (engagement != above and not lead.slack):  # negative points that fade may lift the sum, and sooner
            lead.judged_at = now
            course = Course(rules, profiles, hour, readings, lead.fit, engagement)
            self._check_at(key, one, next_change(course, qualified=lead.qualified))

    def decide(
        self,
        key: str,
        one: Person,
        *,
        keep_check: bool = False,
        unmerged: bool = False,
        readings: Sequence[Reading] | None = None,
        was_qualified: bool | None = None,
    ) -> None:
        """Judges a root and tells what changed. `keep_check` says that nothing can have brought the next change of
        time forward; `unmerged` that a linked identity left; `readings` are the lines as of now, if they are at hand;
        `was_qualified` what was told last, if something else than a judgement has changed it.
        """
        lead, profiles = one.lead, profiles_of(one)
        now = max(self.now, lead.judged_at)
        traits = traits_known(profiles)
        rules = self.definitions.of(traits)
        same = lead.judged == rules.judged
        judgement = judge(profiles, rules, now, readings, traits)
        before = (lead.grade, lead.qualified if was_qualified is None else was_qualified)
        moved = scope.move(lead, rules.definition.name, self.definitions)
        keep_check = (
            keep_check and same and lead.fit == judgement.fit and (lead.check_at is None or now < lead.check_at)
        )
        self._tell_account(key, one, judgement)
        qualifies = self._stand(key, one, judgement, unmerged=unmerged)
        changed = moved or before != (judgement.grade, lead.qualified)
        lead.judged, lead.judged_at, lead.grade = rules.judged, now, judgement.grade
        lead.fit = judgement.fit
        lead.slack = slack(rules, judgement.fit, judgement.readings, qualified=lead.qualified)
        rises = not lead.slack and judgement.engagement != total(judgement.readings)[1]
        if changed or rises or not keep_check:
            self._check_at(key, one, next_change(judgement, qualified=lead.qualified))
        if changed:
            person.note_grade(lead, now, judgement.grade, judgement.score)
            self.tell_scored(key, one, judgement, now)
        if qualifies:
            event_at, cause = lead.held_at or self.event_at, lead.held_cause or self.cause
            lead.held_at, lead.held_cause = 0, ""
            self.tell_qualified(key, one, judgement, now, event_at, cause)
            self.count(QUALIFIED, tier_of(rules, judgement.grade))
            self.effects.observations.append(Observation(LATENCY, max(now - event_at, 0) / 1000))
        self.keep(key, one)

    def tell_scored(self, key: str, one: Person, judgement: Judgement, now: int) -> None:
        """Says how the lead stands."""
        self.send(say.scored(key, one, judgement, cause=self.cause, now=now))

    def tell_qualified(self, key: str, one: Person, judgement: Judgement, now: int, event_at: int, cause: str) -> None:
        """Hands the lead to sales."""
        self.send(say.qualified(key, one, judgement, cause=cause, now=now, event_at=event_at))

    def _stand(self, key: str, one: Person, judgement: Judgement, *, unmerged: bool) -> bool:
        """Withdraws, ends or begins the qualification; answers whether the person has just qualified."""
        lead, rules = one.lead, judgement.rules
        self._take_back(key, one, judgement, unmerged=unmerged)
        if lead.qualified:
            lead.qualified = judgement.stop is None and judgement.score >= rules.exit
            return False
        if not judgement.qualifies or rest.rests(lead, rules, judgement.profiles, max(self.now, lead.judged_at)):
            lead.held_at, lead.held_cause = 0, ""
            return False
        if self.paced:
            if lead.announce_at < self.now:
                lead.announce_at = self._slots.take(self.now)
                self.effects.timers[person.PREFIX + key.encode(), ANNOUNCE] = lead.announce_at
            return False
        if one.membership.account is not None and not one.membership.heard:  # it might be a customer's (H2)
            if not lead.held_at:
                lead.held_at, lead.held_cause = self.event_at, self.cause
            return False
        lead.qualified = True
        lead.rested_at, lead.rests_until, lead.rest_reason = 0, 0, ""
        lead.qualification += 1
        lead.handoff = lead.last = say.handoff_of(key, rules, lead.qualification)
        lead.as_customer = one.membership.customer
        return True

    def _take_back(self, key: str, one: Person, judgement: Judgement, *, unmerged: bool) -> None:
        """Withdraws what must not stay a lead (H3): here, under other definitions, with linked identities."""
        lead, rules = one.lead, judgement.rules
        customer = "customer" if one.membership.customer else None
        if one.held:
            self._stop_linked(one, judgement.stop or customer)
        if lead.aside and (reason := said_stop(judgement.profiles, rules) or customer) is not None:
            self._withdraw_aside(key, one, reason)
        if lead.handoff is None:
            return
        reason = judgement.stop
        if reason is None and customer and not lead.as_customer:
            reason = customer
        if reason is None and unmerged and not (judgement.score >= rules.exit and judgement.supported):
            reason = "unmerged"
            lead.qualified = False
        if reason is not None:
            self.withdraw(key, one, reason)

    def withdraw(self, key: str, one: Person, reason: str) -> None:
        """Takes back the last handoff. What became of it is not known here: a customer's may stay with its rep, so
        whatever forbids the person later is said of it, too."""
        if one.lead.handoff is None:
            return
        self.send(say.withdrawn(key, one.lead.handoff, reason, cause=self.cause, now=self._said(one)))
        self.count(WITHDRAWN, reason)
        if reason == "customer":
            one.lead.as_customer = True
        else:
            one.lead.handoff = None

    def withdraw_all(self, key: str, one: Person, reason: str) -> None:
        """Takes back the last handoff under every definition."""
        self.withdraw(key, one, reason)
        self._withdraw_aside(key, one, reason)

    def _withdraw_aside(self, key: str, one: Person, reason: str) -> None:
        """Takes back what was announced under definitions that do not judge at present, for a reason that holds under
        every one."""
        for standing in one.lead.aside.values():
            if standing.handoff is None or (reason == "customer" and standing.as_customer):
                continue
            self.send(say.withdrawn(key, standing.handoff, reason, cause=self.cause, now=self._said(one)))
            self.count(WITHDRAWN, reason)
            if reason == "customer":
                standing.as_customer = True
            else:
                standing.handoff = None

    def _stop_linked(self, one: Person, reason: str | None) -> None:
        """Tells linked identities, once for each handoff and reason, that the person is no lead any more."""
        lead = one.lead
        if lead.stopped:
            known = one.handoffs
            lead.stopped = {handoff: said for handoff, said in lead.stopped.items() if handoff in known}
        if reason is None:
            return
        for source, held in one.held.items():
            if held.packed is None or held.handoff is None or lead.stopped.get(held.handoff) == reason:
                continue
            lead.stopped[held.handoff] = reason
            self.send(say.stopped(source, held.handoff, reason, cause=self.cause, now=self.now))

    def hear_stopped(self, key: str, one: Person, handoff: str, reason: str) -> None:
        """The person that a linked identity belongs to is no lead any more: neither is what was announced for it. Heard
        again, it is not said again: a later record would give it another time."""
        said = reason == "customer" and one.lead.as_customer
        if one.root is not None and one.lead.handoff == handoff and not said:
            self.withdraw_all(key, one, reason)
            self.keep(key, one)

    def hear_recycled(self, key: str, one: Person, recycled: LeadRecycled) -> None:
        """Sales gave the lead back, or took it up again. Whom a linked identity belongs to rests with it."""
        if one.root is not None:
            self.send(say.recycled(one.root, recycled, cause=self.cause, now=self.now))
            return
        was_qualified = one.lead.qualified
        if rest.hear(one.lead, recycled, one.handoffs):
            self.keep(key, one)
            self.decide(key, one, was_qualified=was_qualified)

    def tell_merged(self, key: str, one: Person, handoff: str) -> None:
        """Says of an identity to whom it belongs now. Which of their handoffs stays is the router's to decide, so what
        was announced is still known here."""
        one.lead.merged = handoff
        at = self._said(one)
        self.send(say.withdrawn(key, handoff, "merged", cause=self.cause, now=at, merged_into=one.root))
        self.count(WITHDRAWN, "merged")

    def _said(self, one: Person) -> int:
        """The time for a word on a lead: never before the word before it, whichever topic was read later."""
        one.lead.judged_at = max(self.now, one.lead.judged_at)
        return one.lead.judged_at

    def _check_at(self, key: str, one: Person, hour: int | None) -> None:
        rested = rest.ends_at(one.lead, max(self.now, one.lead.judged_at))
        hour = min((each for each in (hour, rested) if each is not None), default=None)
        due = None if hour is None else hour * HOUR_MS
        if one.lead.check_at != due or due is None:
            one.lead.check_at = due
            self.effects.timers[person.PREFIX + key.encode(), TIMER] = due

    # accounts

    def _tell_account(self, key: str, one: Person, judgement: Judgement) -> None:
        """Tells the account when the person's company, role or grade changed; all that is cold is one grade."""
        named = judgement.traits.get("company_domain") or judgement.traits.get("account")
        account = self.keyring.account(str(named)) if named else None
        membership = one.membership
        if account is None and membership.account is None:
            return
        title = judgement.traits.get("job_title")
        role = title if isinstance(title, str) else None
        grade = judgement.grade
        told = f"{account}|{'cold' if grade[-1] == '4' else grade}|{_in_short(role)}"
        if told == membership.told:
            return
        if membership.account is not None and membership.account != account:
            self._leave_account(key, one)
        membership.told = told
        membership.account = account
        if account is not None:
            membership.version += 1
            summary = say.member(
                account,
                key,
                membership.version,
                grade=grade,
                job_title=role,
                engaged_at=last_active(judgement.profiles),
                cause=self.cause,
                now=self.now,
            )
            self.send(summary)

    def _leave_account(self, key: str, one: Person) -> None:
        membership = one.membership
        if membership.account is not None:
            membership.version += 1
            version, cause = membership.version, self.cause
            self.send(say.member(membership.account, key, version, removed=True, cause=cause, now=self.now))
        membership.account, membership.told, membership.heard = None, "", 0
        membership.customer, membership.story = False, None

    def hear(self, key: str, one: Person, signal: Signal) -> None:
        """Takes the account's story in: it goes with the next dossier; a customer's handoff is withdrawn (H3), and who
        waited for the first answer qualifies."""
        membership = one.membership
        if signal.account != membership.account or signal.version <= membership.heard:
            return
        membership.heard = signal.version
        membership.story = signal.to_json()
        cut = self.limit.keep(one, len(membership.story))
        customer = is_customer(signal.standing)
        news = cut or customer != membership.customer or one.lead.held_at
        membership.customer = customer
        self.keep(key, one)
        if news and one.root is None:
            self.decide(key, one)

    # identities

    def publish(self, key: str, one: Person, publications: list[Publication]) -> None:
        """Sends profiles to roots."""
        if one.link is not None:
            for each in publications:
                self.send(say.published(each, key, one.link, cause=self.cause, now=self.now))

    def relink(self, key: str, one: Person, link: Link) -> None:
        """Takes a link in; what is linked is no lead, what is not is one again."""
        was_root = one.root is None
        publications = identity.relink(one, key, link)
        self.keep(key, one)
        if publications is None:
            return
        self.publish(key, one, publications)
        if one.root is None:
            self.own_again(key, one)
            return
        for handoff in one.handoffs[:1]:
            self.tell_merged(key, one, handoff)
        if was_root:
            self.resign(key, one)

    def own_again(self, key: str, one: Person) -> None:
        """What was linked is a root again: its handoff stays if it stands on its own."""
        if one.lead.merged is not None:
            self.send(say.unmerged(key, one.lead.merged, cause=self.cause, now=self._said(one)))
            one.lead.merged = None
        self.decide(key, one, unmerged=True)

    def resign(self, key: str, one: Person) -> None:
        """Ends what was told of a root as a lead, but for its handoff."""
        one.lead.qualified = False
        if one.lead.grade:
            self.send(say.unscored(key))
            one.lead.grade = one.lead.judged = ""
        if one.lead.check_at is not None:
            self._check_at(key, one, None)
        self._leave_account(key, one)

    def forget(self, key: str, one: Person, at: int) -> None:
        """Erases a person: its handoff is withdrawn, its score forgotten, its profile taken back, its state dropped;
        what was linked to it forgets, too."""
        self.withdraw_all(key, one, ERASED)
        self.resign(key, one)
        if one.root is not None:
            gone = Link(None, at, ERASED)
            self.publish(key, one, identity.relink(one, key, gone) or [])
        for source in one.held:
            self.disown(source, at)
        self.effects.timers[person.PREFIX + key.encode(), TIMER] = None
        self.people.put(key.encode(), None)

    def disown(self, source: str, at: int) -> None:
        """Tells a linked identity that the person it belonged to was erased at `at`, and itself with it."""
        self.send(say.linked(source, None, at=at, evidence=ERASED, cause=self.cause, now=self.now))


def _in_short(role: str | None) -> str | None:
    """A role as it is remembered: what stands for it where it is long."""
    if role is None or len(role) <= _LONGEST_ROLE:
        return role
    return blake2b(role.encode(errors="replace"), digest_size=16).hexdigest()


def profiles_of(one: Person) -> list[Profile]:
    """The person's own profile, then those of the identities linked to it, in the order of their keys."""
    if not one.held:
        return [one.profile]
    return [one.profile, *(unpack_profile(each.packed) for each in one.held.values() if each.packed is not None)]
