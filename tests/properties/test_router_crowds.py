"""Whatever happens, in whatever order it is read: no person and no account is given to sales more often than the limit
allows, a place is held by exactly those who were let in, and whoever waits gets on in the end.

The stories are those of `test_router_stories`, with few accounts, so that colleagues meet.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from baton_schemas.configuration import ErasureRequested
from baton_schemas.envelope import from_record
from baton_schemas.routing import PressureReply, PressureRequest
from services.router.handoff import ACTIVE, Handoff
from services.runtime.memory import Faults
from tests.properties.test_router_stories import (
    SLA,
    Teller,
    check_blame,
    check_claims,
    check_clocks,
    check_conservation,
    check_owners,
    check_silence,
    unique,
)
from tests.unit.router.story import DAY, DOCUMENTS, HOUR, Story

SEEDS = 160
PER_TEST = 20
ACCOUNTS = ("k1.acme", "k1.bolt")
PERSON, ACCOUNT = 2, 3
DAYS = {"person": 20, "account": 9}
LIMITS = f"""contact_pressure:
  per_person: {{handoffs: {PERSON}, days: {DAYS["person"]}}}
  per_account: {{handoffs: {ACCOUNT}, days: {DAYS["account"]}}}
"""
ROOMY = DOCUMENTS["teams"].replace("capacity: 3", "capacity: 9")


class Crowd(Teller):
    """Many colleagues of few companies, over days."""

    calm = False

    def act(self, *, run: bool) -> None:
        what = self.random.choices(["act", "days", "erase", "crowd"], [74, 10, 2, 14])[0]
        if what == "act":
            super().act(run=run)
        elif what == "days":
            self.story.wait(self.random.choice([7 * HOUR, DAY, 3 * DAY]))
        elif what == "erase" and self.handoffs:
            lead, _ = self.random.choice(self.handoffs)
            erasure = ErasureRequested(person=lead, at=self.story.now)
            self.story.engine.publish("privacy.erasures", lead.encode(), erasure.to_json())
        elif what == "crowd":
            for _ in range(5):
                self._qualify(run=self.calm)

    def qualify(self, lead: str, **more: Any) -> str:
        account = (*ACCOUNTS, None)[int(lead[1:]) % 3]
        return self.story.qualify(lead, account=account, **more)

    def configure(self) -> None:
        self.story.configure(teams=self.random.choice([ROOMY, DOCUMENTS["teams"]]), sla=SLA + LIMITS)


def tell(seed: int, *, partitions: int = 4, crash: float = 0.01, max_batch: int = 7, pause: float = 0.4) -> Story:
    faults = Faults(crash, most=1000)
    story = Story(seed=seed, partitions=partitions, faults=faults, max_batch=max_batch, sla=SLA + LIMITS, teams=ROOMY)
    crowd = Crowd(seed, story)
    crowd.calm = not pause
    for _ in range(60):
        crowd.act(run=crowd.random.random() >= pause)
        check_limits(story)
    story.run()
    return story


def let_in(story: Story) -> dict[tuple[str, int], int]:
    """Places that were asked for and granted: not those that a person's doing took."""
    taken = {
        (request.handoff, request.version)
        for request in story.told("routing.requests", PressureRequest)
        if request.kind == "take"
    }
    return {
        (reply.handoff, reply.version): reply.at
        for reply in story.told("routing.replies", PressureReply)
        if reply.status == "granted" and (reply.handoff, reply.version) in taken
    }


def check_limits(story: Story) -> None:
    """At this moment: places under each limit, by what the leads hold and by what the accounts keep."""
    granted = let_in(story)
    by_account: Counter[str] = Counter()
    by_person: Counter[str] = Counter()
    for lead, handoff in story.handoffs():
        place = handoff.place
        if place is None or place.status != "taken":
            continue
        asked = (handoff.id, place.version) in granted
        if asked and place.account and granted[handoff.id, place.version] > story.now - DAYS["account"] * DAY:
            by_account[place.account] += 1
        if place.at > story.now - DAYS["person"] * DAY and not by_hand(handoff):
            by_person[lead] += 1
    assert all(count <= ACCOUNT for count in by_account.values())
    assert all(count <= PERSON for count in by_person.values())
    for account in ACCOUNTS:
        kept = [key.rpartition("/") for key in story.account(account).places]
        asked_for = [(handoff, version) for handoff, _, version in kept if (handoff, int(version)) in granted]
        alive = [key for key in asked_for if granted[key[0], int(key[1])] > story.now - DAYS["account"] * DAY]
        assert len(alive) <= ACCOUNT


def by_hand(handoff: Handoff) -> bool:
    """Whether a person has it because a person gave it to him: that is counted, and not held back."""
    return bool(handoff.excluded) or handoff.owner is None or handoff.owner.by_person


def check_places(story: Story) -> None:
    """When all is read, accounts keep exactly the places that leads hold, and those wait there who wait."""
    kept, waiting = set(), set()
    for account in ACCOUNTS:
        state = story.account(account)
        kept |= {key for key, at in state.places.items() if at > story.now - DAYS["account"] * DAY}
        waiting |= {f"{waiter.handoff}/{waiter.version}" for waiter in state.queue}
    held, asked = set(), set()
    for _, handoff in story.handoffs():
        place = handoff.place
        if place is None or place.version == 0:
            continue
        name = f"{handoff.id}/{place.version}"
        if place.status == "taken" and place.at > story.now - DAYS["account"] * DAY:
            held.add(name)
        elif place.status in ("asked", "waiting"):
            asked.add(name)
    assert kept == held
    assert waiting == asked


def check_held(story: Story) -> None:
    """Who waits was told so, has a timer or a place in a queue, and neither clock nor rep; the level counts them."""
    told = {one.handoff for one in story.unrouted() if one.reason == "contact_pressure" and one.waiting}
    timers = {timer.name for timer in story.engine.timers("router")}
    level = 0
    for _, handoff in story.handoffs():
        place = handoff.place
        held = place is not None and place.status == "held"
        assert (f"pressure:{handoff.id}" in timers) == held
        if place is not None and place.status in ("held", "waiting"):
            level += 1
            assert handoff.id in told
            assert handoff.stage in ACTIVE
            assert (handoff.clock, handoff.owner, handoff.asked) == (None, None, None)
    assert story.engine.observed.get(("baton_leads_held", ()), 0) == level


def check_nobody_waits_for_ever(story: Story) -> None:
    story.configure(teams=ROOMY, sla=SLA + LIMITS)
    story.wait(90 * DAY)
    assert [h.id for _, h in story.handoffs() if h.place is not None and h.place.status in ("held", "waiting")] == []


@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_any_story_keeps_the_limits(first: int) -> None:
    held = 0
    for seed in range(first, first + PER_TEST):
        story = tell(seed)
        for check in (check_owners, check_conservation, check_claims, check_clocks, check_silence, check_blame):
            check(story)
        check_places(story)
        check_held(story)
        held += sum(one.reason == "contact_pressure" for one in story.unrouted())
        check_nobody_waits_for_ever(story)
    assert held > 2 * PER_TEST


@pytest.mark.parametrize("seed", range(6))
def test_crashes_and_cuts_change_no_place(seed: int) -> None:
    calm = tell(seed, crash=0.0, max_batch=1000, partitions=1, pause=0)
    rough = tell(seed, crash=0.02, max_batch=1, partitions=1, pause=0)
    assert calm.engine.state("router") == rough.engine.state("router")
    for topic in calm.router.outputs:
        assert unique(calm, topic) == unique(rough, topic)


def test_no_key_says_who_somebody_is() -> None:
    story = tell(1)
    for topic in ("routing.requests", "routing.replies"):
        for record in story.engine.records(topic):
            assert from_record(record.headers, record.value).id
            assert b"@" not in (record.key or b"") + (record.value or b"")
