"""Random stories under crashes: people answer, pass on, release and forget; leads are withdrawn; records come twice.

Whatever happens: no handoff with two owners, every qualified lead is routed, waits or is unrouted with a reason, each
clock is closed or runs, teams hold exactly what leads have, nobody is over capacity by rotation, nobody is blamed for a
touch that was in the log.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from baton_schemas.envelope import from_record
from baton_schemas.feedback import OutcomeReported
from baton_schemas.leads import LeadQualified, LeadWithdrawn
from baton_schemas.routing import AssignRequest, LeadHandedOver, LeadRouted, SlaEvent
from services.router.handoff import ACTIVE, ROUTED
from services.router.sla import BREACHED
from services.runtime.memory import Faults
from tests.unit.router.story import DOCUMENTS, HOUR, MINUTE, Story

SEEDS = 240
PER_TEST = 20
REPS = ("ann", "ben", "cyn", "pia")
KINDS = (
    "touched", "touched", "accepted", "accepted", "rejected", "passed_on", "owner_changed", "released", "opportunity",
    "won", "lost", "reopened",
)  # fmt: skip
AWAY = DOCUMENTS["teams"].replace(
    "{id: ann, capacity: 3}", "{id: ann, capacity: 3, absences: [{from: 2026-03-03, until: 2026-03-04}]}"
)
SLA = DOCUMENTS["sla"].replace("max_reassignments: 1", "max_reassignments: 1, disposition_minutes: 60")
CAPACITY = {"ann": 3, "ben": 3, "cyn": 3, "pia": 2, "eva": 3, "fay": 3}
TEAMS = ("dach", "big", "field")


class Teller:
    """Makes up what happens next; the same seed tells the same story."""

    def __init__(self, seed: int, story: Story) -> None:
        self.random = Random(seed)
        self.story = story
        self.handoffs: list[tuple[str, str]] = []
        self.number: Counter[str] = Counter()

    def act(self, *, run: bool) -> None:
        random, story = self.random, self.story
        what = random.choices(
            ["qualify", "report", "withdraw", "wait", "facts", "repeat", "config", "down"],
            [30, 40, 4, 25, 3, 5, 2, 4],
        )[0]
        if what == "qualify":
            self._qualify(run=run)
        elif what == "report" and self.handoffs:
            self._report(run=run)
        elif what == "withdraw" and self.handoffs:
            story.withdraw(*random.choice(self.handoffs[-8:]))
        elif what == "wait":
            story.wait(random.choice([MINUTE, 12 * MINUTE, 31 * MINUTE, 3 * HOUR, 17 * HOUR]))
        elif what == "facts" and self.handoffs:
            lead = random.choice(self.handoffs)[0]
            story.person(lead, owner=random.choice([None, "cyn", "sam"]), do_not_contact=random.random() < 0.3)
        elif what == "repeat":
            self._repeat()
        elif what == "config":
            self.configure()
        elif what == "down":
            story.clock.advance(random.choice([5 * MINUTE, 2 * HOUR, 30 * HOUR]))

    def _qualify(self, *, run: bool) -> None:
        random = self.random
        lead = f"k{random.randrange(14)}"
        self.number[lead] += 1
        handoff = self.qualify(
            lead,
            n=self.number[lead],
            tier=random.choice(["hot", "warm", "cool"]),
            country=random.choice(["DE", "DE", "AT", "BR", None]),
            employees=random.choice([None, 20, 5000]),
            owner=random.choice([None, None, None, "ben", "pia"]),
            run=run,
        )
        self.handoffs.append((lead, handoff))

    def qualify(self, lead: str, **more: Any) -> str:
        return self.story.qualify(lead, **more)

    def configure(self) -> None:
        self.story.configure(teams=self.random.choice([AWAY, DOCUMENTS["teams"]]), sla=SLA)

    def _report(self, *, run: bool) -> None:
        random = self.random
        lead, handoff = random.choice(self.handoffs[-8:])
        rep = self.story.owner(handoff) if random.random() < 0.8 else random.choice([*REPS, "nobody"])
        self.story.report(
            lead,
            handoff,
            random.choice(KINDS),
            run=run,
            rep=rep,
            to=random.choice([*REPS, "nobody"]),
            at=self.story.now - random.choice([0, 0, 2 * MINUTE, 90 * MINUTE]),
            automated=random.random() < 0.1,
        )

    def _repeat(self) -> None:
        topic = self.random.choice(["leads.qualified", "routing.requests", "routing.replies", "feedback.events"])
        records = list(dict.fromkeys((r.key, r.value, tuple(r.headers)) for r in self.story.engine.records(topic)))
        if records:
            self.story.engine.publish(topic, *self.random.choice(records))
            self.story.run()


def tell(
    seed: int,
    *,
    actions: int = 60,
    crash: float = 0.01,
    max_batch: int = 7,
    partitions: int = 4,
    pause: float = 0.3,
) -> Story:
    """The story of a seed. With probability `pause` an act is left lying, so that topics are read in any order."""
    faults = Faults(crash, most=1000)
    story = Story(seed=seed, partitions=partitions, faults=faults, max_batch=max_batch, sla=SLA)
    teller = Teller(seed, story)
    for _ in range(actions):
        teller.act(run=teller.random.random() >= pause)
        check_capacity(story)
    story.run()
    return story


def check_capacity(story: Story) -> None:
    charged = {(r.handoff, r.version) for r in story.told("routing.requests", AssignRequest) if r.charged}
    for team in TEAMS:
        held: Counter[str] = Counter()
        for key, claim in story.team(team).claims.items():
            handoff, _, version = key.partition("/")
            held[claim.rep] += (handoff, int(version)) not in charged
        for rep, count in held.items():
            assert count <= CAPACITY[rep]


def check_owners(story: Story) -> None:
    latest: dict[str, int] = {}
    had: dict[str, set[str]] = {}
    gone: set[str] = set()
    seen: set[str] = set()
    for record in story.engine.records("leads.routed"):
        event = from_record(record.headers, record.value)
        if event.id in seen:
            continue
        seen.add(event.id)
        if event.type == LeadWithdrawn.TYPE:
            gone.add(LeadWithdrawn.model_validate_json(event.data or b"").handoff)
            continue
        if event.type == LeadHandedOver.TYPE:
            gone.add(LeadHandedOver.model_validate_json(event.data or b"").handoff)
            continue
        routed = LeadRouted.model_validate_json(event.data or b"")
        assert routed.handoff not in gone, "routed after it was withdrawn or handed over"
        assert routed.version > latest.get(routed.handoff, 0), (
            "two owners for one version, or an older one after a newer"
        )
        if routed.change in ("assigned", "reassigned"):
            assert routed.rep not in had.get(routed.handoff, set()), "assigned back"
        latest[routed.handoff] = routed.version
        had.setdefault(routed.handoff, set()).add(routed.rep)
    for _, handoff in story.handoffs():
        if handoff.stage in ACTIVE and handoff.owner is not None:
            assert story.owner(handoff.id) == handoff.owner.rep, "the CRM and the router disagree"


def check_conservation(story: Story) -> None:
    routed = {r.handoff for r in story.routed()}
    unrouted = {u.handoff: u.reason for u in story.unrouted()}
    gone = {w.handoff for w in story.told("leads.routed", LeadWithdrawn)}
    for qualified in story.told("leads.qualified", LeadQualified):
        assert qualified.handoff in routed | gone or unrouted.get(qualified.handoff)
    active = Counter((lead, handoff.definition) for lead, handoff in story.handoffs() if handoff.stage in ACTIVE)
    assert not active or max(active.values()) == 1


def check_claims(story: Story) -> None:
    """What teams hold is what leads have, and what waits is what leads ask for."""
    held, waiting = set(), set()
    for team in TEAMS:
        held |= set(story.team(team).claims)
        waiting |= {f"{w.handoff}/{w.version}" for w in story.team(team).queue}
    owned, asked = set(), set()
    for _, handoff in story.handoffs():
        if handoff.owner is not None and handoff.stage in ROUTED:
            owned.add(f"{handoff.id}/{handoff.owner.version}")
        if handoff.asked is not None:
            asked.add(f"{handoff.id}/{handoff.asked.version}")
    assert held == owned
    assert waiting == asked


def check_clocks(story: Story) -> None:
    clocks: dict[str, Counter[str]] = {}
    for event in first_touch(story):
        clocks.setdefault(event.handoff, Counter())[event.step] += 1
    timers = {timer.name for timer in story.engine.timers("router")}
    running = {h.id: h for _, h in story.handoffs() if h.clock is not None and h.clock.running}
    for handoff, steps in clocks.items():
        assert steps["started"] == 1
        ended = steps["met"] + steps["closed"] > 0
        assert ended == (handoff not in running), "a clock is neither closed nor open"
    for handoff, state in running.items():
        assert f"sla:{handoff}" in timers or state.escalated


def first_touch(story: Story) -> list[SlaEvent]:
    return [event for event in story.told("sla.events", SlaEvent) if event.clock == "first_touch"]


def check_silence(story: Story) -> None:
    """A disposition clock runs, or not; it is ended before it starts anew, and it takes no lead from anybody."""
    running: dict[str, bool] = {}
    for event in story.told("sla.events", SlaEvent):
        if event.clock == "disposition":
            assert running.get(event.handoff, False) == (event.step != "started")
            assert event.step not in ("reassigned", "escalated")
            running[event.handoff] = event.step not in ("met", "closed")
    timers = {timer.name for timer in story.engine.timers("router")}
    for _, handoff in story.handoffs():
        clock = handoff.silence
        assert running.get(handoff.id, False) == (clock is not None)
        assert (f"disposition:{handoff.id}" in timers) == (clock is not None and clock.step < BREACHED)
        assert clock is None or handoff.stage in ("touched", "accepted")


def check_blame(story: Story) -> None:
    due = {event.handoff: event.due_at for event in first_touch(story)}
    breached = {event.handoff for event in first_touch(story) if event.step == "breached"}
    refused = {record.value for record in story.engine.records("feedback.events.dead")}
    for record in story.engine.records("feedback.events"):
        outcome = OutcomeReported.model_validate_json(record.value or b"")
        human = outcome.kind == "touched" and not outcome.automated
        if human and record.value not in refused and record.timestamp <= due.get(outcome.handoff, 0):
            assert outcome.handoff not in breached, "blamed for a touch that was in the log"


@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_any_story_keeps_the_rules(first: int) -> None:
    hits: Counter[str] = Counter()
    for seed in range(first, first + PER_TEST):
        story = tell(seed)
        for check in (check_owners, check_conservation, check_claims, check_clocks, check_silence, check_blame):
            check(story)
        hits.update(story.steps())
        hits.update(f"silence {step}" for step in story.steps(clock="disposition"))
    assert hits["met"]
    assert hits["breached"]
    assert hits["reassigned"]
    assert hits["silence started"] > hits["silence breached"] > 0


@pytest.mark.parametrize("seed", range(8))
def test_crashes_and_cuts_change_no_decision(seed: int) -> None:
    calm = tell(seed, crash=0.0, max_batch=1000, partitions=1, pause=0)
    rough = tell(seed, crash=0.02, max_batch=1, partitions=1, pause=0)
    assert calm.engine.state("router") == rough.engine.state("router")
    for topic in calm.router.outputs:
        assert unique(calm, topic) == unique(rough, topic)


def unique(story: Story, topic: str) -> set[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]]:
    return {(record.key, record.value, tuple(record.headers)) for record in story.engine.records(topic)}
