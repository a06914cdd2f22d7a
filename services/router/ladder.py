"""The clock of a handoff at work: one timer for the next step, and what a step or a touch does (H6).

After downtime only the highest step that is due is carried out; the lower ones are recorded as skipped. A touch that
happened in time is met, whenever its report comes in.
"""

from __future__ import annotations

from baton_schemas.contract import format_time
from services.router import announce, claims, sla
from services.router.handoff import Handoff
from services.router.occasion import LEAD, Occasion
from services.router.sla import BREACHED, STARTED, WARNED, FirstTouch, Step
from services.router.where import team_of, terms_of, territory_of

_REACHED = {"warned": WARNED, "breached": BREACHED, "reassigned": BREACHED, "escalated": BREACHED}


def timer_name(handoff: str) -> str:
    """The name of a handoff's one timer."""
    return f"sla:{handoff}"


def start(occasion: Occasion, lead: str, handoff: Handoff, started_at: int) -> None:
    """Starts the clock. Who was touched while nobody was to call yet counts as touched (H1)."""
    policy, calendar = terms_of(occasion, handoff)
    handoff.clock = sla.start(policy, handoff.tier, calendar, started_at)
    announce.clock_moved(occasion, None, STARTED)
    announce.step(occasion, lead, handoff, "started", at=started_at)
    if handoff.stage != "open":
        _stop(occasion, lead, handoff, handoff.clock, started_at)


def set_timer(occasion: Occasion, lead: str, handoff: Handoff) -> None:
    """Moves the handoff's timer to its next step, or cancels it."""
    steps = ahead(occasion, handoff)
    occasion.timer(LEAD + lead.encode(), timer_name(handoff.id), steps[0].due if steps else None)


def ahead(occasion: Occasion, handoff: Handoff) -> list[Step]:
    """The steps that lie ahead of a handoff, in order."""
    clock = handoff.clock
    return [] if clock is None else sla.ladder(clock, _last(occasion, handoff, clock))


def fire(occasion: Occasion, lead: str, handoff: Handoff) -> None:
    """Carries out the highest step that is due by `occasion.at`, records the lower ones, sets the next timer."""
    clock = handoff.clock
    due = [step for step in ahead(occasion, handoff) if step.due <= occasion.at]
    if clock is not None and due:
        *skipped, highest = due
        for step in skipped:
            announce.step(occasion, lead, handoff, "skipped", at=step.due, reason=step.name)
            if step.name == "breached":
                _count_breach(occasion, handoff)
        _advance(occasion, clock, _REACHED[highest.name])
        _carry_out(occasion, lead, handoff, clock, highest)
    set_timer(occasion, lead, handoff)


def touch(occasion: Occasion, lead: str, handoff: Handoff, touched_at: int) -> None:
    """Somebody has touched the lead. The earliest touch counts; it closes the clock, and no clock takes the lead away
    any more."""
    clock = handoff.clock
    if clock is None:
        return
    moment = max(touched_at, clock.started_at)
    if clock.running:
        _stop(occasion, lead, handoff, clock, moment)
    elif clock.touched_at is not None and moment < clock.touched_at:
        clock.touched_at = moment
        if clock.result == "late" and moment <= clock.due_at:
            clock.result = "met"
            announce.step(occasion, lead, handoff, "met", at=moment, reason="earlier_touch_reported")
    if handoff.owner is not None:
        claims.drop_request(occasion, lead, handoff, "touched")
    set_timer(occasion, lead, handoff)


def stop(occasion: Occasion, lead: str, handoff: Handoff, reason: str) -> None:
    """Closes a running clock without a touch."""
    clock = handoff.clock
    if clock is not None and clock.running:
        announce.clock_moved(occasion, clock.step, None)
        clock.result = "closed"
        announce.step(occasion, lead, handoff, "closed", reason=reason)
    set_timer(occasion, lead, handoff)


def escalate(occasion: Occasion, lead: str, handoff: Handoff, reason: str) -> None:
    """Tells the team's manager that nobody touches the lead. It is the last thing that a clock does."""
    handoff.escalated = True
    announce.step(occasion, lead, handoff, "escalated", reason=reason)
    team = team_of(occasion, handoff)
    manager = None if team is None else occasion.rules.manager(team)
    text = f"{announce.card(handoff)}: nobody has touched this lead ({reason}). Please give it to somebody."
    announce.notify(occasion, handoff, manager, "escalated", "A lead needs you", text, urgent=True)


def _stop(occasion: Occasion, lead: str, handoff: Handoff, clock: FirstTouch, moment: int) -> None:
    calendar = occasion.rules.calendar(clock.calendar)
    elapsed = calendar.business_seconds(clock.started_at, moment)
    occasion.observe("baton_first_touch_seconds", elapsed, handoff.tier, handoff.territory)
    announce.clock_moved(occasion, clock.step, None)
    clock.touched_at = moment
    if moment <= clock.due_at:
        clock.result = "met"
        reason = "reported_late" if clock.step == BREACHED else None
        announce.step(occasion, lead, handoff, "met", at=moment, reason=reason)
        return
    if clock.step < WARNED:
        announce.step(occasion, lead, handoff, "skipped", at=clock.warn_at, reason="warned")
    if clock.step < BREACHED:
        clock.step = BREACHED
        announce.step(occasion, lead, handoff, "breached", at=clock.due_at)
    clock.result = "late"
    announce.step(occasion, lead, handoff, "closed", at=moment, reason="touched")


def _last(occasion: Occasion, handoff: Handoff, clock: FirstTouch) -> Step | None:
    if handoff.escalated:
        return None
    owner, asked = handoff.owner, handoff.asked
    since = max(0 if owner is None else owner.since, 0 if asked is None else asked.at)
    due = sla.last_step_at(clock, occasion.rules.calendar(clock.calendar), since)
    may_move = owner is not None and not owner.by_person and asked is None and handoff.stage == "open"
    if may_move and handoff.reassignments < clock.max_reassignments:
        return Step("reassigned", due)
    return Step("escalated", due)


def _carry_out(occasion: Occasion, lead: str, handoff: Handoff, clock: FirstTouch, step: Step) -> None:
    rep = None if handoff.owner is None else handoff.owner.rep
    if step.name == "warned":
        announce.step(occasion, lead, handoff, "warned", at=step.due)
        text = f"{announce.card(handoff)}: the first touch is due by {format_time(clock.due_at)}."
        announce.notify(occasion, handoff, rep, "warned", "A lead waits for you", text, urgent=False)
    elif step.name == "breached":
        announce.step(occasion, lead, handoff, "breached", at=step.due)
        team = team_of(occasion, handoff)
        recipient = rep or (None if team is None else occasion.rules.manager(team))
        text = f"{announce.card(handoff)}: the first touch was due at {format_time(clock.due_at)}."
        announce.notify(occasion, handoff, recipient, "breached", "A lead is overdue", text, urgent=True)
    elif step.name == "reassigned" and handoff.owner is not None:
        owner = handoff.owner
        claims.exclude(handoff, owner.rep)
        territory = territory_of(occasion, handoff)
        team, pool = (owner.team, owner.pool) if territory is None else (territory.team, territory.pool)
        claims.ask(occasion, lead, handoff, "reassigned", team, pool)
    else:
        escalate(occasion, lead, handoff, "reassigned_enough" if handoff.reassignments else "breached")


def _advance(occasion: Occasion, clock: FirstTouch, reached: int) -> None:
    if reached > clock.step:
        announce.clock_moved(occasion, clock.step, reached)
        clock.step = reached


def _count_breach(occasion: Occasion, handoff: Handoff) -> None:
    """A breach that is only recorded is a breach all the same in the count of clocks in time and late."""
    occasion.observe("baton_sla_steps_total", 1.0, "breached", handoff.tier, handoff.territory)
