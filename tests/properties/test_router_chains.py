"""Two stages under crashes, repeats and reports in any order: each lead that a BDR qualified goes on as one handoff,
nobody has two, and the lead teaches once. The stories are those of `test_router_stories`; feedback listens to them.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from baton_schemas.configuration import ErasureRequested
from baton_schemas.keys import sale_id
from baton_schemas.routing import LeadHandedOver
from services.cli.conservation import INPUTS, OUTPUTS, Evidence
from services.feedback.processors import FeedbackProcessor
from services.router.handoff import ACTIVE
from services.runtime.memory import Faults
from tests.properties.test_router_stories import (
    AWAY,
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
from tests.unit.feedback.stories import definition, reasons, yaml_of
from tests.unit.router.story import DOCUMENTS, MINUTE, Story
from tests.unit.router.test_router_stages import SLA, TEAMS, TERRITORIES

SEEDS = 80
PER_TEST = 20
KINDS = (
    "touched", "accepted", "opportunity", "opportunity", "opportunity", "won", "lost", "rejected", "reopened",
    "passed_on", "owner_changed", "released",
)  # fmt: skip
AGREED = {"definition": yaml_of(definition()), "reasons": yaml_of(reasons())}
SILENT = SLA.replace("max_reassignments: 1", "max_reassignments: 1, disposition_minutes: 60")
ONE_STAGE = DOCUMENTS["territories"]


class Relay(Teller):
    """People who hand leads over, and report on either handoff afterwards."""

    calm = False

    def act(self, *, run: bool) -> None:
        if not self.calm and self.random.random() < 0.02 and self.handoffs:
            lead, _ = self.random.choice(self.handoffs)
            erasure = ErasureRequested(person=lead, at=self.story.now - self.random.choice([0, 40 * MINUTE]))
            self.story.engine.publish("privacy.erasures", lead.encode(), erasure.to_json())
        else:
            super().act(run=run)

    def configure(self) -> None:
        """Sometimes the company works in one stage for a while."""
        home = self.random.choice([TERRITORIES, TERRITORIES, ONE_STAGE])
        away = TEAMS.replace(DOCUMENTS["teams"], self.random.choice([AWAY, DOCUMENTS["teams"]]))
        self.story.configure(teams=away, sla=SILENT, territories=home, **AGREED)

    def _report(self, *, run: bool) -> None:
        random = self.random
        lead, handoff = random.choice(self.handoffs[-8:])
        if sale_id(handoff) in self.story.lead(lead).handoffs or random.random() < 0.1:  # a few come too early
            handoff = random.choice([sale_id(handoff), sale_id(handoff), handoff])
        rep = self.story.owner(handoff) if random.random() < 0.9 else random.choice(["ann", "eva", "nobody"])
        self.story.report(
            lead,
            handoff,
            random.choice(KINDS),
            run=run,
            rep=rep,
            to=random.choice(["ann", "eva", "fay", "pia"]),
            reason="not_now",
            note=random.choice([None, "what was said"]),
            at=self.story.now - random.choice([0, 0, 2 * MINUTE]),
        )


def tell(seed: int, *, crash: float = 0.01, max_batch: int = 7, partitions: int = 4, pause: float = 0.3) -> Story:
    documents: dict[str, Any] = {"territories": TERRITORIES, "teams": TEAMS, "sla": SILENT, **AGREED}
    story = Story(
        seed=seed,
        partitions=partitions,
        faults=Faults(crash, most=1000),
        max_batch=max_batch,
        beside=[FeedbackProcessor()],
        **documents,
    )
    relay = Relay(seed, story)
    relay.calm = pause == 0
    for _ in range(70):
        relay.act(run=relay.random.random() >= pause)
        check_capacity(story)
    story.run()
    return story


def check_chains(story: Story) -> None:
    """Each handing over is of one handoff to one that follows from it, and the state says the same."""
    told = story.told("leads.routed", LeadHandedOver)
    to = {over.handoff: over.to for over in told}
    assert len(told) == len(to), "handed over twice"
    assert all(second == sale_id(first) for first, second in to.items())
    heard = {routed.handoff for routed in story.routed()} | {gone.handoff for gone in story.unrouted()}
    for _, handoff in story.handoffs():
        if handoff.chain is not None and not handoff.qualified:
            assert handoff.chain.notes == [], "notes are kept no longer than the story"
        if handoff.stage == "handed_over":
            assert to[handoff.id] == (handoff.chain and handoff.chain.other)
        if handoff.chain is not None and handoff.chain.stage == "sell":
            assert handoff.chain.other in to
            assert handoff.stage not in ACTIVE or handoff.id in heard
            assert handoff.place is None


def check_laws(story: Story) -> None:
    """The laws as `baton verify` judges them, learning included."""
    evidence = Evidence()
    for topic in (*INPUTS, *OUTPUTS):
        for record in story.engine.records(topic):
            evidence.take(record)
    assert [(each.law, each.broken) for each in evidence.verdicts() if not each.holds] == []


@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_any_story_of_two_stages_keeps_the_rules(first: int) -> None:
    hits: Counter[str] = Counter()
    checks = (check_owners, check_conservation, check_claims, check_clocks, check_silence, check_blame, check_chains)
    for seed in range(first, first + PER_TEST):
        story = tell(seed)
        for check in (*checks, check_laws):
            check(story)
        hits.update(str(routed.stage) for routed in story.routed())
        hits.update(handoff.stage for _, handoff in story.handoffs())
        hits["labels"] += len(story.engine.records("feedback.labels"))
    assert hits["sell"] > 20, hits
    assert hits["None"], "named accounts keep one rep"
    assert hits["handed_over"]
    assert hits["labels"]


@pytest.mark.parametrize("seed", range(6))
def test_crashes_and_cuts_change_no_handover(seed: int) -> None:
    calm = tell(seed, crash=0.0, max_batch=1000, partitions=1, pause=0)
    rough = tell(seed, crash=0.02, max_batch=1, partitions=1, pause=0)
    assert calm.engine.state("router") == rough.engine.state("router")
    for topic in calm.router.outputs:
        assert unique(calm, topic) == unique(rough, topic)
