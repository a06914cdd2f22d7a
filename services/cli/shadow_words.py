"""Differences in words: what Baton would have done, what the CRM shows, and why they are not the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from baton_schemas.crm import DealFacts
from baton_schemas.leads import LeadScored, LeadWithdrawn
from baton_schemas.routing import Clock, LeadRouted
from services.cli.shadow_sides import Decided
from services.cli.story import moment

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000


def gap(ms: int) -> str:
    """A span of time as people say it.

    >>> gap(5_400_000), gap(93_600_000), gap(700_000_000)
    ('1 h 30 min', '26 h', '8 days')
    """
    if ms < 48 * _HOUR:
        hours, minutes = divmod(round(ms / _MINUTE), 60)
        if hours >= 10 or not minutes:
            return f"{round(ms / _HOUR)} h" if hours else "0 min"
        return f"{hours} h {minutes} min" if hours else f"{minutes} min"
    return f"{round(ms / _DAY)} days"


def why_rep(routed: LeadRouted) -> str:
    """Why Baton would have taken this rep.

    By territory, what it matched on, and the team's own reason.
    """
    match = routed.decision.match
    reason = routed.decision.reason.replace("_", " ")
    if match is None:
        return reason
    on = ", ".join(match.matched_on)
    return f"territory {match.territory}{f' on {on}' if on else ''}, {reason}"


def other_owner(routed: LeadRouted, deal: DealFacts, team_of: Mapping[str, str]) -> str:
    """Both reps, and why Baton's."""
    if deal.owner is None:
        had = "nobody"
    else:
        team = team_of.get(deal.owner)
        where = (
            "no rep of Baton's teams" if team is None else "the same team" if team == routed.team else f"team {team}"
        )
        had = f"{deal.owner} ({where})"
    return f"different owner: Baton gives it to {routed.rep} of {routed.team} ({why_rep(routed)}); the CRM had {had}"


def late(clock: Clock, touched_at: int) -> str:
    """By how much, and what Baton would have done meanwhile."""
    when = (
        f"first touch {gap(touched_at - clock.due_at)} late: due {moment(clock.due_at)}, touched {moment(touched_at)}"
    )
    return when + _meanwhile(clock, touched_at)


def untouched(clock: Clock, now: int) -> str:
    """Nobody noted a call."""
    return f"never touched: due {moment(clock.due_at)}{_meanwhile(clock, now)}"


def _meanwhile(clock: Clock, until: int) -> str:
    steps = []
    if clock.warn_at is not None and clock.warn_at < until:
        steps.append(f"warned {moment(clock.warn_at)}")
    if clock.reassign_at is not None and clock.reassign_at < until:
        steps.append(f"given to somebody else {moment(clock.reassign_at)}")
    return f"; Baton would have {' and '.join(steps)}" if steps else ""


def missed(routed: LeadRouted) -> str:
    """Qualified, and nobody in the CRM."""
    qualified = routed.qualified
    evidence = f", {qualified.dossier.evidence[0]}" if qualified.dossier.evidence else ""
    return (
        f"missed: qualified by Baton with {qualified.score:g} points{evidence}; for {routed.rep} by "
        f"{moment(routed.clock.due_at)}; never appeared in the CRM"
    )


def not_qualified(scored: LeadScored | None, *, qualified: bool) -> str:
    """Worked by people; what was missing for Baton."""
    if qualified:
        return "worked in the CRM, over before Baton qualified the person"
    if scored is None:
        return "worked in the CRM, and Baton never heard of the person: no event under this address or id"
    lacking = "; ".join(scored.missing) or "nothing just now: it was qualified before, or is again"
    return (
        f"worked in the CRM, not qualified by Baton: {scored.score:g} points, grade {scored.grade}; missing: {lacking}"
    )


def withdrawal(withdrawn: LeadWithdrawn, deal: DealFacts) -> str:
    """Baton would have called the rep back."""
    said = f"Baton would have withdrawn it {moment(withdrawn.at)}: {withdrawn.reason.replace('_', ' ')}"
    going_on = deal.first_touch_at is not None and deal.first_touch_at > withdrawn.at
    return f"{said}; sales called after that" if going_on else said


def in_spite_of(one: Decided) -> str:
    """Baton gave it to nobody, people worked on it."""
    if one.unrouted is None:
        return "Baton had given it to nobody yet"
    unrouted = one.unrouted
    tell = f" ({unrouted.tell} would have been told)" if unrouted.tell else ""
    return f"Baton gives it to nobody: {unrouted.detail.rstrip('.')}{tell}"
