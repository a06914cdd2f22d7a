"""What a rep does with a lead: calls in time, late or never; accepts or rejects with a reason; passes on; wins; loses.

A plan is a function of the seed and of what was handed over, so a world replays the same whatever the timing. Sales
cycles take hours here and weeks outside.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random
from typing import NamedTuple

from baton_schemas.feedback import InsightReported, OutcomeKind, OutcomeReported
from baton_schemas.routing import LeadRouted
from services.simulator.journeys import MINUTE_MS
from services.simulator.odds import truth
from services.simulator.people import Person

SOURCE = "/simulator/crm"
_REJECTED = ("not_a_fit", "wrong_person", "no_interest", "not_now", "student_or_job_seeker", "bad_data")
_LOST = ("no_interest", "not_now", "no_budget", "price", "chose_competitor")
_FORGETS, _LATE, _PASSES_ON, _WAITS_WITH_CRM = 0.10, 0.12, 0.03, 0.05


class Answer(NamedTuple):
    """Something the CRM will report at `at` (Baton ms)."""

    at: int
    id: str
    data: OutcomeReported | InsightReported


def plan(
    routed: LeadRouted, person: Person | None, colleagues: Sequence[str], *, seed: int, protagonist: bool = False
) -> list[Answer]:
    """All answers to this version of the handoff, in order of time; none when the rep forgets it.

    `colleagues` are reps of the same team whom the rep may pass the lead on to.
    """
    desk = _Desk(routed, Random(f"{seed}/{routed.handoff}/{routed.version}"))
    if protagonist:
        return _protagonist(desk)
    random = desk.random
    others = [rep for rep in colleagues if rep not in (routed.rep, routed.previous_rep)]
    if others and routed.version == 1 and random.random() < _PASSES_ON:
        return [desk.says(desk.share_of_window(0.3), "passed_on", to=random.choice(others))]
    if routed.version < 3 and random.random() < _FORGETS:
        return []
    late = random.random() < _LATE
    touched = desk.share_of_window(random.uniform(1.02, 1.3) if late else random.uniform(0.08, 0.85))
    answers = [desk.says(touched, "touched", channel=random.choice(("phone", "phone", "email")))]
    return answers + _after_touch(desk, person, touched, _actions(routed))


def _after_touch(desk: _Desk, person: Person | None, touched: int, actions: Collection[str]) -> list[Answer]:
    random = desk.random
    odds = truth(person, actions)
    heard = touched + random.randint(5, 40) * MINUTE_MS
    if random.random() < _WAITS_WITH_CRM:
        return []
    if random.random() > odds.accepted:
        return [desk.says(heard, "rejected", reason=random.choice(_REJECTED))]
    answers = [desk.says(heard, "accepted")]
    if random.random() < 0.4:
        answers.append(desk.heard(heard))
    offered = heard + random.randint(20, 120) * MINUTE_MS
    answers.append(desk.says(offered, "opportunity"))
    closed = offered + random.randint(30, 150) * MINUTE_MS
    won = random.random() < odds.won
    answers.append(desk.says(closed, "won") if won else desk.says(closed, "lost", reason=random.choice(_LOST)))
    return answers


def _protagonist(desk: _Desk) -> list[Answer]:
    """The first rep forgets her; whoever gets her then calls soon, and wins."""
    if desk.routed.version == 1:
        return []
    touched = desk.routed.at + 20 * MINUTE_MS
    return [
        desk.says(touched, "touched", channel="phone"),
        desk.says(touched + 10 * MINUTE_MS, "accepted"),
        desk.heard(touched + 10 * MINUTE_MS),
        desk.says(touched + 35 * MINUTE_MS, "opportunity"),
        desk.says(touched + 120 * MINUTE_MS, "won"),
    ]


def _actions(routed: LeadRouted) -> set[str]:
    return {engaged.action for engaged in routed.qualified.dossier.engaged}


class _Desk:
    """One rep's desk, with one handoff on it."""

    def __init__(self, routed: LeadRouted, random: Random) -> None:
        self.routed = routed
        self.random = random

    def share_of_window(self, share: float) -> int:
        """The moment when this share of the time to first touch has gone by, never before the rep has the lead."""
        clock = self.routed.clock
        start = max(clock.started_at, self.routed.at)
        window = max(clock.due_at - start, 5 * MINUTE_MS)
        return start + int(window * share)

    def says(self, at: int, kind: OutcomeKind, **fields: str) -> Answer:
        """An outcome in the name of the rep."""
        routed = self.routed
        data = OutcomeReported(
            lead=routed.lead, handoff=routed.handoff, kind=kind, rep=routed.rep, at=at, **fields  # type: ignore[arg-type]
        )  # fmt: skip
        return Answer(at, f"{routed.handoff}-v{routed.version}-{kind}", data)

    def heard(self, at: int) -> Answer:
        """What the conversation brought."""
        routed, random = self.routed, self.random
        data = InsightReported(
            lead=routed.lead,
            handoff=routed.handoff,
            pains=[random.choice(("leads wait for days", "no idea which leads are good", "two systems, two truths"))],
            competitors=random.choice(([], ["spreadsheets"], ["a suite"])),
            timeline=random.choice(("this quarter", "next quarter", "this year")),
            at=at,
        )
        return Answer(at, f"{routed.handoff}-v{routed.version}-insight", data)
