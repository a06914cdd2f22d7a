"""What people do with a handoff in the CRM, and what follows: a human decision wins (H1).

An outcome that came before its handoff is known (topics are read independently, above all when a log is replayed) is
held in the state and applied in order once the handoff is there, with the time at which it came in. A timer ends the
wait: it fires only when all inputs have been read up to it, so what is unknown then is unknown for good.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from baton_schemas.feedback import InsightReported, OutcomeReported
from services.router import announce, chain, claims, disposition, ladder, lead, merging, pressure, stages
from services.router.handoff import ROUTED, Early, Handoff, Held, LeadState, judge
from services.router.occasion import LEAD, Occasion
from services.router.where import territory_of
from services.runtime.record import LogRecord, Record

EARLY = "early"
EARLY_MS = 60_000
MOST_EARLY_BYTES = 200_000
"""More than this is not held for one lead: the rest is refused at once."""


class Answer(NamedTuple):
    """An outcome with the record that brought it, and when the log took it in (Baton ms)."""

    outcome: OutcomeReported
    record: Record
    at: int

    @property
    def moment(self) -> int:
        """When it happened: the CRM's time, but never later than the log took it in."""
        return min(self.outcome.at, self.at)


def hear(occasion: Occasion, state: LeadState, answer: Answer) -> None:
    """Applies an outcome, holds it when its handoff is not known yet, or makes a dead letter of it."""
    outcome, record = answer.outcome, answer.record
    handoff = state.handoffs.get(outcome.handoff)
    if handoff is not None:
        _apply(occasion, state, handoff, answer)
    elif sum(len(early.value or b"") for early in state.early) + len(record.value or b"") > MOST_EARLY_BYTES:
        _unknown(occasion, record)
    else:
        headers = [(name, value) for name, value in record.headers]
        state.early.append(
            Early(
                outcome.handoff,
                answer.at + EARLY_MS,
                record.partition,
                record.offset,
                record.timestamp,
                record.key,
                record.value,
                headers,
            )
        )
        _wait(occasion, outcome.lead, state)


def learn(state: LeadState, insight: InsightReported, at: int) -> None:
    """Keeps what a BDR found out for the AE's dossier. What comes before its handoff is known, or after it was handed
    over, is marketing's alone."""
    handoff = state.handoffs.get(insight.handoff)
    if handoff is not None and handoff.qualified:
        chain.learn(handoff.chain, insight, min(insight.at, at))


def early_records(state: LeadState, now: int) -> list[tuple[LogRecord, bool]]:
    """Takes out, in order, the held outcomes whose handoff is known now (True) or whose wait is over (False)."""
    ready: list[tuple[LogRecord, bool]] = []
    kept: list[Early] = []
    for early in state.early:
        known = early.handoff in state.handoffs
        if not known and early.due > now:
            kept.append(early)
            continue
        record = LogRecord(
            "feedback.events",
            early.partition,
            early.offset,
            early.timestamp,
            early.key,
            early.value,
            tuple(early.headers),
        )
        ready.append((record, known))
    state.early = kept
    return ready


def expire(occasion: Occasion, record: Record) -> None:
    """The wait of a held outcome is over: nobody knows its handoff."""
    _unknown(occasion, record)


def wake_early(occasion: Occasion, lead_key: str, state: LeadState) -> None:
    """A handoff has just become known: what was held for it is next in line, before any clock fires."""
    if state.early:
        occasion.timer(LEAD + lead_key.encode(), EARLY, occasion.at)


def set_early_timer(occasion: Occasion, lead_key: str, state: LeadState) -> None:
    """Moves the timer to the end of the first wait, or cancels it."""
    _wait(occasion, lead_key, state)


def _wait(occasion: Occasion, lead_key: str, state: LeadState) -> None:
    due = min((early.due for early in state.early), default=None)
    occasion.timer(LEAD + lead_key.encode(), EARLY, due)


def _unknown(occasion: Occasion, record: Record) -> None:
    occasion.refuse(record, "unknown_handoff", "handoff", "send the handoff id that leads.routed carried")


def _apply(occasion: Occasion, state: LeadState, handoff: Handoff, answer: Answer) -> None:
    outcome = answer.outcome
    verdict = judge(outcome.kind, handoff.stage)
    if verdict == "apply" and outcome.kind == "reopened" and _superseded(state, handoff):
        occasion.refuse(answer.record, "impossible_order", "handoff", "a later handoff of this person took its place")
        return
    if verdict == "impossible":
        fix = f"{outcome.kind} can't follow {handoff.stage}; send what happened between them first"
        if handoff.stage == "handed_over":
            fix = "this handoff was handed over: report on the one that goes on with the lead (LeadHandedOver.to)"
        occasion.refuse(answer.record, "impossible_order", "kind", fix)
        return
    if not _known(occasion, handoff, outcome):
        field = "to" if outcome.kind in ("passed_on", "owner_changed") else "rep"
        occasion.refuse(answer.record, "unknown_rep", field, "use a rep id of config/teams.yaml, or add the rep there")
        return
    if verdict != "apply":
        if verdict == "late":
            if outcome.kind == "reopened" and handoff.stage == "withdrawn":
                lead.withdraw_again(occasion, outcome.lead, state, handoff)
            merging.tell_late(occasion, state, handoff, outcome)
        return
    if outcome.kind in ("passed_on", "owner_changed"):
        if outcome.to is None:
            occasion.refuse(answer.record, "invalid_field", "to", "name the rep who has the lead now")
        else:
            chain.note(handoff.chain, outcome, answer.moment)
            _take_over(occasion, outcome.lead, handoff, outcome.to, outcome.kind, outcome.kind)
        return
    chain.note(handoff.chain, outcome, answer.moment)
    _EFFECTS[outcome.kind](occasion, handoff, answer)
    if outcome.kind == "opportunity" and stages.hand_over(occasion, state, handoff, outcome):
        wake_early(occasion, outcome.lead, state)
    elif outcome.kind in ("won", "lost", "rejected"):
        stages.tell_qualifier(occasion, handoff, outcome.kind, outcome.reason)


def _superseded(state: LeadState, handoff: Handoff) -> bool:
    """Whether opening it again would make two open handoffs of one person, or its story is gone."""
    return state.active(handoff.definition) is not None or not handoff.qualified


def _known(occasion: Occasion, handoff: Handoff, outcome: OutcomeReported) -> bool:
    """Whether the rep who matters is one. A touch counts whoever did it; who had the lead is known though gone."""
    if outcome.kind in ("passed_on", "owner_changed"):
        return outcome.to is None or outcome.to in occasion.rules.crew_of
    if outcome.rep is None or outcome.kind == "touched":
        return True
    owner = handoff.owner
    had_it = outcome.rep in handoff.excluded or (owner is not None and owner.rep == outcome.rep)
    return had_it or outcome.rep in occasion.rules.crew_of


def _touched(occasion: Occasion, handoff: Handoff, answer: Answer) -> None:
    outcome = answer.outcome
    if outcome.automated or outcome.direction != "outbound":
        return
    if handoff.stage == "open":
        handoff.stage = "touched"
    ladder.touch(occasion, outcome.lead, handoff, answer.moment)
    disposition.sign_of_life(occasion, outcome.lead, handoff, answer.moment, "touched")


def _accepted(occasion: Occasion, handoff: Handoff, answer: Answer) -> None:
    _taken_on(occasion, handoff, answer)
    if handoff.stage != "reopened":  # what was reopened uses no capacity, and goes on so
        handoff.stage = "accepted"
        disposition.accepted(occasion, answer.outcome.lead, handoff, answer.moment)


def _taken_on(occasion: Occasion, handoff: Handoff, answer: Answer) -> None:
    """Whoever reports it has the lead now, because a person said so, and has touched it."""
    outcome = answer.outcome
    rep = outcome.rep
    if rep is not None and rep in occasion.rules.crew_of and (handoff.owner is None or handoff.owner.rep != rep):
        _take_over(occasion, outcome.lead, handoff, rep, "accepted", "owner_changed")
    elif handoff.owner is not None:
        handoff.owner.by_person = True
    ladder.touch(occasion, outcome.lead, handoff, answer.moment)


def _opportunity(occasion: Occasion, handoff: Handoff, answer: Answer) -> None:
    outcome = answer.outcome
    disposition.settled(occasion, outcome.lead, handoff, answer.moment, "opportunity")
    _taken_on(occasion, handoff, answer)
    pressure.count(occasion, outcome.lead, handoff)
    claims.drop_request(occasion, outcome.lead, handoff, "opportunity")
    claims.give_back(occasion, outcome.lead, handoff, refund=False, reason="opportunity")
    handoff.stage = "opportunity"
    lead.say_ended(occasion, handoff, "opportunity")


def _won(occasion: Occasion, handoff: Handoff, answer: Answer) -> None:
    disposition.settled(occasion, answer.outcome.lead, handoff, answer.moment, "won")
    ladder.touch(occasion, answer.outcome.lead, handoff, answer.moment)
    lead.close(occasion, answer.outcome.lead, handoff, "won", "won", refund=False)


def _lost(occasion: Occasion, handoff: Handoff, answer: Answer) -> None:
    disposition.settled(occasion, answer.outcome.lead, handoff, answer.moment, "lost")
    lead.close(occasion, answer.outcome.lead, handoff, "lost", "lost", refund=False)


def _rejected(occasion: Occasion, handoff: Handoff, answer: Answer) -> None:
    disposition.settled(occasion, answer.outcome.lead, handoff, answer.moment, "rejected")
    lead.close(occasion, answer.outcome.lead, handoff, "rejected", "rejected", refund=False)


def _reopened(occasion: Occasion, handoff: Handoff, answer: Answer) -> None:
    """Work goes on where it ended: with the same rep, without a clock, and without using his capacity for new leads.
    If it ended before any rep had it, one is asked now."""
    handoff.stage = "reopened"
    handoff.closed_at = None
    if handoff.owner is None:
        handoff.told = False
        pressure.count(occasion, answer.outcome.lead, handoff)
        _ask_again(occasion, answer.outcome.lead, handoff)


def _released(occasion: Occasion, handoff: Handoff, answer: Answer) -> None:
    """The rep gives the lead back: he never gets it again, the turn is his, somebody else is asked."""
    outcome, owner = answer.outcome, handoff.owner
    if owner is None or (outcome.rep is not None and outcome.rep != owner.rep):
        return
    claims.drop_request(occasion, outcome.lead, handoff, "released")
    claims.give_back(occasion, outcome.lead, handoff, refund=True, reason="released")
    claims.exclude(handoff, owner.rep)
    disposition.stop(occasion, outcome.lead, handoff, "released")
    handoff.owner = None
    _ask_again(occasion, outcome.lead, handoff, owner)


def _ask_again(occasion: Occasion, lead_key: str, handoff: Handoff, last: Held | None = None) -> None:
    """Nobody has the lead: the team of its territory is asked, or that of the `last` owner where the territory is no
    more."""
    handoff.stage = "touched" if handoff.clock is not None and not handoff.clock.running else "open"
    territory = territory_of(occasion, handoff)
    if territory is not None:
        claims.ask(occasion, lead_key, handoff, "reassigned", territory.team, territory.pool)
    elif last is not None:
        claims.ask(occasion, lead_key, handoff, "reassigned", last.team, last.pool)
    ladder.set_timer(occasion, lead_key, handoff)


def _take_over(
    occasion: Occasion,
    lead_key: str,
    handoff: Handoff,
    rep: str,
    reason: str,
    change: Literal["owner_changed", "passed_on"],
) -> None:
    """A person gave the lead to `rep`: it is so at once; the clock goes on; turn and capacity follow the lead."""
    owner = handoff.owner
    claims.drop_request(occasion, lead_key, handoff, reason)
    if owner is not None and owner.rep == rep:
        owner.by_person = True
        ladder.set_timer(occasion, lead_key, handoff)
        return
    if owner is not None:
        claims.give_back(occasion, lead_key, handoff, refund=True, reason=reason)
        claims.exclude(handoff, owner.rep)
    pressure.count(occasion, lead_key, handoff)
    holds = handoff.stage in ROUTED
    crew = occasion.rules.crew_of[rep]
    handoff.version += 1
    handoff.owner = Held(
        handoff.version, crew.team.name, occasion.rules.pool_of(rep), rep, occasion.at, by_person=True, holds=holds
    )
    if holds:
        claims.charge(occasion, lead_key, handoff, handoff.owner)
    if handoff.clock is None:
        ladder.start(occasion, lead_key, handoff, occasion.at)
    if handoff.stage == "accepted":
        handoff.stage = "touched"
    disposition.sign_of_life(occasion, lead_key, handoff, occasion.at, reason)
    announce.routed(
        occasion,
        lead_key,
        handoff,
        change,
        previous=None if owner is None else owner.rep,
        reason=reason,
        passed_over=[],
        turn={},
    )
    ladder.set_timer(occasion, lead_key, handoff)


_EFFECTS = {
    "touched": _touched,
    "accepted": _accepted,
    "rejected": _rejected,
    "released": _released,
    "opportunity": _opportunity,
    "won": _won,
    "lost": _lost,
    "reopened": _reopened,
}
