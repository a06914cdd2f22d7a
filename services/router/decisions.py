"""Why this rep and not that one: a choice names everybody who was passed over, with the reason (L3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from baton_schemas.contract import format_time
from services.router.rotation import TURN, Rotation, next_of
from services.router.rules import Crew

Absent = Mapping[str, int]
"""When each rep who is away comes back (Baton ms)."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A rep who was looked at and not chosen."""

    rep: str
    reason: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Who gets a lead and why; without a rep, why nobody does. `final` means that waiting would not help."""

    rep: str | None
    reason: str
    passed_over: tuple[Passed, ...]
    final: bool = False


def choose(
    crew: Crew,
    pool: str,
    rotation: Rotation,
    *,
    open_claims: Mapping[str, int],
    absent: Absent,
    preferred: str | None,
    only_preferred: bool,
    excluded: Collection[str],
) -> Choice:
    """The existing owner when he can, else the member of the pool whose turn it is.

    `rotation` must have been brought up to date by `rotation.admit`. Exclusion is said before absence, absence before
    capacity: the reason that lasts longest.
    """

    def unavailable(rep: str) -> Passed | None:
        if rep in excluded:
            return Passed(rep, "had_it_already")
        if rep in absent:
            return Passed(rep, "absent", f"until {format_time(absent[rep])}")
        capacity, used = crew.reps[rep].capacity, open_claims.get(rep, 0)
        return Passed(rep, "full", f"{used} of {capacity}") if used >= capacity else None

    members = crew.pools[pool]
    asked_first: list[Passed] = []
    if preferred is not None and preferred in crew.reps:
        hindered = unavailable(preferred)
        if hindered is None:
            others = tuple(Passed(rep, "not_the_owner") for rep in members if rep != preferred)
            return Choice(preferred, "existing_owner", others)
        asked_first = [] if preferred in members else [hindered]
    if only_preferred:
        hindered = None if preferred not in crew.reps else unavailable(preferred or "")
        return Choice(None, "owner_unavailable", () if hindered is None else (hindered,), final=True)
    hindrances = {rep: unavailable(rep) for rep in members}
    free = [rep for rep in members if hindrances[rep] is None]
    chosen = next_of(rotation, free)
    passed = [*asked_first]
    for rep in members:
        hindered = hindrances[rep]
        if hindered is not None:
            passed.append(hindered)
        elif rep != chosen and chosen is not None:
            passed.append(Passed(rep, "later_turn", _behind(rotation, rep, chosen)))
    if chosen is not None:
        return Choice(chosen, "next_turn", tuple(passed))
    gone = all(rep in excluded or crew.reps[rep].capacity == 0 for rep in members)
    return Choice(None, _nobody(passed, members, gone=gone), tuple(passed), final=gone)


def _behind(rotation: Rotation, rep: str, chosen: str) -> str:
    behind = (rotation.seats[rep].place - rotation.seats[chosen].place) / TURN
    return f"{behind:.3f} turns later" if behind else "same turn, stands later in the pool"


def _nobody(passed: Collection[Passed], members: Collection[str], *, gone: bool) -> str:
    if gone:
        return "nobody_left"
    reasons = {hindered.reason for hindered in passed if hindered.rep in members}
    if reasons <= {"absent", "had_it_already"}:
        return "everybody_absent"
    if reasons <= {"full", "had_it_already"}:
        return "everybody_full"
    return "nobody_available"
