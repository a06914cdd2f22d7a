"""Many people, of whom ever more turn out to be one, and some not after all, while reps accept, close and reopen.

Whatever happens, in whatever order it is read, under crashes and repeats: when all is read, one person has at most one
open handoff, both sides know which; an accepted one was never closed in favour of one that nobody accepted; whose
handoff was closed was told so once. The scorer's part is played here by its rules for linked identities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given

from baton_schemas.feedback import Notification, OutcomeReported
from baton_schemas.leads import LeadWithdrawn
from services.router.handoff import ACTIVE, Handoff
from services.router.merge import Candidate, stays
from services.runtime.memory import Faults
from tests.properties.test_router_stories import (
    SLA,
    Teller,
    check_blame,
    check_capacity,
    check_claims,
    check_clocks,
    check_conservation,
    check_owners,
    check_silence,
    unique,
)
from tests.unit.router.story import Story

SEEDS = 200
PER_TEST = 20
PEOPLE = 9
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.integers(0, 50).map(lambda number: f"h{number}"),
        st.sampled_from(["k1.a", "k1.b"]),
        st.booleans(),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda each: each.handoff,
)


@given(CANDIDATES, st.randoms(use_true_random=False))
def test_the_accepted_one_stays_else_the_older_whoever_asks(candidates: list[Candidate], random: Random) -> None:
    kept = stays(candidates)
    assert stays(random.sample(candidates, len(candidates))) == kept
    if any(each.accepted for each in candidates):
        assert kept.accepted
    rivals = [each for each in candidates if each.accepted == kept.accepted]
    assert kept.opened_at == min(each.opened_at for each in rivals)


class Family(Teller):
    """Links between people, as the scorer keeps them and tells of them: a forest; only a root qualifies."""

    def __init__(self, seed: int, story: Story) -> None:
        super().__init__(seed, story)
        self.parent: dict[str, str] = {}
        self.announced: dict[str, str] = {}
        self.told: dict[str, str] = {}

    def act(self, *, run: bool) -> None:
        what = self.random.choices(["act", "merge", "unmerge", "stop", "facts"], [80, 14, 4, 1, 1])[0]
        if what == "act":
            super().act(run=run)
        elif what == "merge":
            self._merge(run=run)
        elif what == "unmerge" and self.parent:
            self._unmerge(self.random.choice(sorted(self.parent)), run=run)
        elif what == "stop":
            self._stop(f"k{self.random.randrange(PEOPLE)}")
        elif what == "facts":
            root = self.root(f"k{self.random.randrange(PEOPLE)}")
            self.story.person(root, do_not_contact=self.random.random() < 0.5)

    def _qualify(self, *, run: bool) -> None:
        lead = self.root(f"k{self.random.randrange(PEOPLE)}")
        self.number[lead] += 1
        tier, country = self.random.choice(["hot", "warm"]), self.random.choice(["DE", "DE", "DE", "AT", None])
        handoff = self.story.qualify(lead, n=self.number[lead], tier=tier, country=country, run=run)
        self.handoffs.append((lead, handoff))
        self.announced[lead] = handoff

    def _merge(self, *, run: bool) -> None:
        lead, into = self.random.sample([f"k{number}" for number in range(PEOPLE)], 2)
        if lead in (into, *self.above(into)) or self.parent.get(lead) == into:
            return
        before = {each: self.known(each) for each in (into, *self.above(into))}
        self.parent[lead] = into
        for handoff in self.known(lead)[:1]:
            self._tell(lead, handoff, run=run)
        for each, known in before.items():
            if each in self.parent:
                for handoff in self.known(each):
                    if handoff not in known:
                        self._tell(each, handoff, run=run)

    def _tell(self, lead: str, handoff: str, *, run: bool) -> None:
        self.told[lead] = handoff
        self.story.merge(lead, handoff, self.parent[lead], run=run)

    def _unmerge(self, lead: str, *, run: bool) -> None:
        del self.parent[lead]
        if lead in self.told:
            self.story.unmerge(lead, self.told.pop(lead), run=run)

    def _stop(self, lead: str) -> None:
        for each in self.below(self.root(lead)):
            if each in self.announced:
                self.story.withdraw(each, self.announced[each])

    def root(self, lead: str) -> str:
        return [lead, *self.above(lead)][-1]

    def above(self, lead: str) -> list[str]:
        return [] if lead not in self.parent else [self.parent[lead], *self.above(self.parent[lead])]

    def below(self, lead: str) -> Iterator[str]:
        yield lead
        for each in sorted(self.parent):
            if self.parent[each] == lead:
                yield from self.below(each)

    def known(self, lead: str) -> list[str]:
        return [self.announced[each] for each in self.below(lead) if each in self.announced]


def tell(
    seed: int,
    *,
    actions: int = 90,
    crash: float = 0.01,
    max_batch: int = 7,
    partitions: int = 4,
    pause: float = 0.4,
) -> tuple[Story, Family]:
    faults = Faults(crash, most=1000)
    story = Story(seed=seed, partitions=partitions, faults=faults, max_batch=max_batch, sla=SLA)
    family = Family(seed, story)
    for _ in range(actions):
        family.act(run=family.random.random() >= pause)
        check_capacity(story)
    story.run()
    return story, family


def opened(story: Story, family: Family) -> dict[str, list[tuple[str, Handoff]]]:
    """Open handoffs by the root of the one for whom they were opened."""
    found: dict[str, list[tuple[str, Handoff]]] = {}
    for lead, handoff in story.handoffs():
        if handoff.stage in ACTIVE:
            found.setdefault(family.root(lead), []).append((lead, handoff))
    return found


def check_one_person_one_handoff(story: Story, family: Family) -> None:
    for root, handoffs in opened(story, family).items():
        assert len(handoffs) == 1, f"{root}: {[handoff.id for _, handoff in handoffs]}"
        assert not story.lead(root).do_not_contact, "may not be contacted, whoever it is"


def check_both_sides_agree(story: Story, family: Family) -> None:
    """The root knows exactly the open handoffs of those who belong to it; so does everybody on the way."""
    everybody = {lead for lead, _ in family.handoffs}
    for root in sorted(everybody | set(family.parent.values())):
        merge = story.lead(root).merge
        heard = {} if merge is None else {name: kin for name, kin in merge.kin.items() if kin.standing == "open"}
        belongs = {lead: story.lead(lead) for lead in family.below(root) if lead != root}
        own = {name: each for state in belongs.values() for name, each in state.handoffs.items()}
        assert set(heard) == {name for name, each in own.items() if each.stage in ACTIVE}
        for name, kin in heard.items():
            rep = own[name].owner
            assert (kin.rep, kin.told) == (None if rep is None else rep.rep, "")


def check_the_accepted_one_stayed(story: Story) -> int:
    """Losers, of which none was accepted unless the one that stayed was, too."""
    refused = {record.value for record in story.engine.records("feedback.events.dead")}
    taken: dict[str, int] = {}
    lost: set[str] = set()
    for record in story.engine.records("feedback.events"):
        outcome = OutcomeReported.model_validate_json(record.value or b"")
        if record.value not in refused and outcome.kind in ("accepted", "opportunity", "reopened"):
            taken.setdefault(outcome.handoff, record.timestamp)
        elif record.value not in refused and outcome.kind in ("passed_on", "owner_changed", "released"):
            lost.add(outcome.handoff)
    gone = [each for each in story.told("leads.routed", LeadWithdrawn) if each.stays is not None]
    for each in gone:
        assert each.stays is not None
        accepted = taken.get(each.handoff, each.at) < each.at and each.handoff not in lost
        assert not accepted or taken.get(each.stays, each.at + 1) <= each.at, "closed in favour of an unaccepted one"
    return len(gone)


def check_told_once(story: Story) -> None:
    gone = [each for each in story.told("leads.routed", LeadWithdrawn) if each.stays is not None]
    assert all(count == 1 for count in Counter(each.handoff for each in gone).values())
    told = Counter(
        (note.recipient, note.about["handoff"])
        for note in story.told("notifications", Notification)
        if note.subject == "A lead was withdrawn"
    )
    for each in gone:
        assert each.rep is None or told[each.rep, each.handoff] == 1
        assert each.stays in {handoff for _, handoff in opened_ever(story)}


def opened_ever(story: Story) -> set[tuple[str, str]]:
    return {(lead, handoff.id) for lead, handoff in story.handoffs()}


@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_whoever_turns_out_to_be_one_has_one_open_handoff(first: int) -> None:
    merged = 0
    for seed in range(first, first + PER_TEST):
        story, family = tell(seed)
        for check in (check_owners, check_conservation, check_claims, check_clocks, check_silence, check_blame):
            check(story)
        check_one_person_one_handoff(story, family)
        check_both_sides_agree(story, family)
        check_told_once(story)
        merged += check_the_accepted_one_stayed(story)
    assert merged > PER_TEST // 4


@pytest.mark.parametrize("seed", range(6))
def test_crashes_and_cuts_change_no_verdict(seed: int) -> None:
    calm, _ = tell(seed, crash=0.0, max_batch=1000, partitions=1, pause=0)
    rough, _ = tell(seed, crash=0.02, max_batch=1, partitions=1, pause=0)
    assert calm.engine.state("router") == rough.engine.state("router")
    for topic in calm.router.outputs:
        assert unique(calm, topic) == unique(rough, topic)
