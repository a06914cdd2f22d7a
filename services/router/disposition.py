"""The disposition clock: who has accepted a lead owes a word on it, again and again, until it has an end.

It starts with the acceptance and anew with every sign of life: a person's touch, another owner. It ends with the word
that settles the handoff (opportunity, won, lost, rejected), or when nobody is to say anything any more (released,
withdrawn). In silence the rep is warned, then rep and manager are told, and that is all: the lead stays where a person
took it (H1). After downtime only the highest step that is due is carried out; the lower one is recorded (H6).
"""

from __future__ import annotations

from baton_schemas.contract import format_time
from services.router import announce, sla
from services.router.handoff import Handoff
from services.router.occasion import LEAD, Occasion
from services.router.sla import BREACHED, STARTED, WARNED, Silence, Step, untold
from services.router.where import team_of, terms_of

TIMER = "disposition"
_LEVEL = "baton_disposition_clocks"


def timer_name(handoff: str) -> str:
    """The name of the one timer of a handoff's disposition clock."""
    return f"{TIMER}:{handoff}"


def accepted(occasion: Occasion, lead: str, handoff: Handoff, moment: int) -> None:
    """Starts the clock, where the policy has one. Another acceptance, by who was given it since, is a sign of life."""
    if handoff.silence is not None:
        sign_of_life(occasion, lead, handoff, moment, "accepted")
    else:
        _start(occasion, lead, handoff, max(moment, handoff.qualified_at))


def sign_of_life(occasion: Occasion, lead: str, handoff: Handoff, moment: int, what: str) -> None:
    """Somebody did something with the lead: a running clock starts anew. What was before it started changes nothing."""
    clock = handoff.silence
    if clock is None or moment <= clock.started_at:
        return
    _end(occasion, lead, handoff, clock, moment, what)
    _start(occasion, lead, handoff, moment)


def settled(occasion: Occasion, lead: str, handoff: Handoff, moment: int, what: str) -> None:
    """Sales said what became of the lead: that is what the clock waited for."""
    if handoff.silence is not None:
        _end(occasion, lead, handoff, handoff.silence, max(moment, handoff.silence.started_at), what)


def stop(occasion: Occasion, lead: str, handoff: Handoff, reason: str) -> None:
    """Closes a running clock: nobody owes a word any more."""
    clock = handoff.silence
    if clock is not None:
        announce.silence_step(occasion, lead, handoff, "closed", reason=reason)
        _forget(occasion, lead, handoff, clock)


def fire(occasion: Occasion, lead: str, handoff: Handoff) -> None:
    """Carries out the highest step that is due by `occasion.at`, records the lower one, sets the next timer."""
    clock = handoff.silence
    if clock is None:
        return
    due = [step for step in untold(clock) if step.due <= occasion.at]
    if due:
        *skipped, highest = due
        for step in skipped:
            announce.silence_step(occasion, lead, handoff, "skipped", at=step.due, reason=step.name)
        _carry_out(occasion, lead, handoff, clock, highest)
    _set_timer(occasion, lead, handoff)


def _start(occasion: Occasion, lead: str, handoff: Handoff, moment: int) -> None:
    policy, calendar = terms_of(occasion, handoff)
    handoff.silence = sla.silence(policy, handoff.tier, calendar, moment)
    if handoff.silence is not None:
        announce.clock_moved(occasion, None, STARTED, _LEVEL)
        announce.silence_step(occasion, lead, handoff, "started", at=moment)
        _set_timer(occasion, lead, handoff)


def _end(occasion: Occasion, lead: str, handoff: Handoff, clock: Silence, moment: int, what: str) -> None:
    """The silence is over. In time it is met, however late the report; else the breach is on the log first."""
    if moment <= clock.due_at:
        reason = "reported_late" if clock.step == BREACHED else what
        announce.silence_step(occasion, lead, handoff, "met", at=moment, reason=reason)
    else:
        if clock.step < WARNED:
            announce.silence_step(occasion, lead, handoff, "skipped", at=clock.warn_at, reason="warned")
        if clock.step < BREACHED:
            announce.silence_step(occasion, lead, handoff, "breached", at=clock.due_at)
        announce.silence_step(occasion, lead, handoff, "closed", at=moment, reason=what)
    _forget(occasion, lead, handoff, clock)


def _carry_out(occasion: Occasion, lead: str, handoff: Handoff, clock: Silence, step: Step) -> None:
    reached = WARNED if step.name == "warned" else BREACHED
    announce.clock_moved(occasion, clock.step, reached, _LEVEL)
    clock.step = reached
    announce.silence_step(occasion, lead, handoff, "warned" if reached == WARNED else "breached", at=step.due)
    rep = None if handoff.owner is None else handoff.owner.rep
    card, due = announce.card(handoff), format_time(clock.due_at)
    if reached == WARNED:
        text = f"{card}: you accepted this lead. Please say by {due} what became of it."
        announce.notify(
            occasion, handoff, rep, f"silent-{clock.started_at}", "What became of your lead?", text, urgent=False
        )
        return
    team = team_of(occasion, handoff)
    text = f"{card}: accepted, then silence. A word on it was due at {due}."
    for recipient in dict.fromkeys((rep, None if team is None else occasion.rules.manager(team))):
        announce.notify(
            occasion, handoff, recipient, f"silent-{clock.started_at}", "Accepted, then silence", text, urgent=True
        )


def _forget(occasion: Occasion, lead: str, handoff: Handoff, clock: Silence) -> None:
    announce.clock_moved(occasion, clock.step, None, _LEVEL)
    handoff.silence = None
    _set_timer(occasion, lead, handoff)


def _set_timer(occasion: Occasion, lead: str, handoff: Handoff) -> None:
    steps = [] if handoff.silence is None else untold(handoff.silence)
    occasion.timer(LEAD + lead.encode(), timer_name(handoff.id), steps[0].due if steps else None)
