"""Two leads that turn out to be one person: whose handoff stays, who is told what, and what reaches it afterwards."""

from __future__ import annotations

import pytest

from baton_schemas.configuration import ErasureRequested
from baton_schemas.crm import AccountStanding
from baton_schemas.feedback import Notification
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import MergeRequest, MergeVerdict, ReleaseRequest
from services.router.handoff import ACTIVE, LeadState
from services.router.lead import FORGET_AFTER_MS
from services.router.packing import Packing
from tests.unit.router.story import HOUR, MINUTE, MONDAY_9, Story

A, B, C = "k1", "k2", "k3"


def both(story: Story, *, first: str = B) -> tuple[str, str]:
    """A's and B's handoffs, opened five minutes apart."""
    opened = {first: story.qualify(first)}
    story.wait(5 * MINUTE)
    other = A if first == B else B
    opened[other] = story.qualify(other)
    return opened[A], opened[B]


def closed(story: Story) -> list[tuple[str, str | None, str | None]]:
    """What was closed as merged: the handoff, the one that stays, who has it."""
    gone = [each for each in story.told("leads.routed", LeadWithdrawn) if each.reason == "merged"]
    return [(each.handoff, each.stays, each.stays_with) for each in gone]


def opened(story: Story) -> list[str]:
    return sorted(handoff.id for _, handoff in story.handoffs() if handoff.stage in ACTIVE)


@pytest.mark.parametrize("first", [A, B])
def test_of_two_that_nobody_accepted_the_older_stays(first: str) -> None:
    story = Story()
    a, b = both(story, first=first)
    kept, gone = (a, b) if first == A else (b, a)
    keeper, loser = story.owner(kept), story.owner(gone)
    places = story.places()
    story.merge(B, b, A)
    assert closed(story) == [(gone, kept, keeper)]
    assert opened(story) == [kept]
    assert story.steps(gone)[-1] == "closed"
    assert story.load() == {keeper: 1}
    (note,) = [each for each in story.told("notifications", Notification) if each.subject == "A lead was withdrawn"]
    assert (note.recipient, note.text) == (
        loser,
        f"Handoff {gone} was merged with {kept}, which {keeper} keeps: they are one person.",
    )
    (refund,) = [each for each in story.told("routing.requests", ReleaseRequest) if each.handoff == gone]
    assert (refund.refund, refund.reason) == (True, "merged")
    assert story.places()[str(loser)] < places[str(loser)]


@pytest.mark.parametrize("accepting", [A, B])
def test_the_accepted_one_stays_though_it_is_younger(accepting: str) -> None:
    story = Story()
    a, b = both(story, first=B if accepting == A else A)
    kept, gone = (a, b) if accepting == A else (b, a)
    story.report(accepting, kept, "accepted", rep=story.owner(kept))
    story.merge(B, b, A)
    assert [handoff for handoff, _, _ in closed(story)] == [gone]
    assert opened(story) == [kept]


def test_who_was_given_to_sales_already_gets_no_second_handoff_under_another_identity() -> None:
    story = Story()
    b = story.qualify(B)
    story.merge(B, b, A)
    a = story.qualify(A)
    (refused,) = story.unrouted(a)
    assert (refused.reason, refused.tell) == ("already_open", story.owner(b))
    assert "Interest from your account" in story.notes(str(story.owner(b)))
    assert opened(story) == [b]
    story.report(B, b, "rejected", rep=story.owner(b))
    again = story.qualify(A, n=2)
    assert opened(story) == [again], "B said that its own is closed"


def test_another_definition_is_another_handoff() -> None:
    story = Story()
    a, b = story.qualify(A, definition="events"), story.qualify(B)
    story.merge(B, b, A)
    assert opened(story) == sorted((a, b))


def test_who_is_accepted_between_report_and_verdict_is_judged_again() -> None:
    """The verdict on the report before the acceptance comes after it: it is void."""
    story = Story()
    a, b = both(story, first=A)
    story.merge(B, b, C)  # who has no handoff, so B's stays
    (report,) = reports(story, b)
    story.report(B, b, "accepted", rep=story.owner(b), run=False)
    late = MergeVerdict(lead=B, handoff=b, version=report.version, kind="close", stays=a, at=story.now)
    story.run()
    story.put("routing.replies", B, late)
    story.run()
    assert b in opened(story)
    assert [(each.version, each.accepted) for each in reports(story, b)] == [(1, False), (2, True)]


def test_the_accepted_one_wins_over_what_was_judged_before_it_was() -> None:
    """A's own, older one stays; before B reads that, B's rep accepts: in the end B's stays, and A's rep is told."""
    for seed in range(12):
        story = Story(seed=seed, max_batch=1)
        a, b = both(story, first=A)
        story.merge(B, b, A, run=False)
        story.report(B, b, "accepted", rep=story.owner(b), run=False)
        story.run()
        kept = opened(story)
        assert kept in ([a], [b])
        gone = a if kept == [b] else b
        assert [handoff for handoff, _, _ in closed(story)] == [gone]
        if story.lead(B).handoffs[b].stage == "accepted":
            assert kept == [b]


def test_what_a_rep_reports_of_the_merged_one_is_told_to_who_keeps_the_other() -> None:
    story = Story()
    a, b = both(story, first=A)
    loser = story.owner(b)
    story.merge(B, b, A)
    story.report(B, b, "touched", rep=loser, direction="outbound")
    story.report(B, b, "won", rep=loser)
    assert story.notes(str(story.owner(a))).count("Late news of a merged lead") == 1
    assert opened(story) == [a]
    assert story.dead() == []


def test_a_reopened_one_is_somebodys_work_again() -> None:
    story = Story()
    b = story.qualify(B)
    story.report(B, b, "lost", rep=story.owner(b))
    story.merge(B, b, A)
    a = story.qualify(A)
    assert opened(story) == [a]
    story.report(B, b, "reopened", rep=story.owner(b))
    assert [handoff for handoff, _, _ in closed(story)] == [a]
    assert opened(story) == [b]


def test_a_stop_of_the_person_reaches_the_handoff_that_stays_under_the_other_identity() -> None:
    story = Story()
    b = story.qualify(B)
    story.merge(B, b, A)
    story.person(A, do_not_contact=True)
    assert story.lead(B).handoffs[b].stage == "withdrawn"
    (gone,) = story.told("leads.routed", LeadWithdrawn, b)
    assert (gone.reason, gone.stays) == ("do_not_contact", None)


def test_an_erasure_of_the_person_reaches_it_with_the_next_that_happens() -> None:
    story = Story()
    b = story.qualify(B)
    story.merge(B, b, A)
    story.wait(MINUTE)
    story.engine.publish("privacy.erasures", A.encode(), ErasureRequested(person=A, at=story.now).to_json())
    story.report(B, b, "touched")
    (gone,) = story.told("leads.routed", LeadWithdrawn, b)
    assert gone.reason == "erased"


def test_who_is_merged_on_takes_along_what_was_merged_into_it() -> None:
    story = Story()
    b = story.qualify(B)
    story.merge(B, b, A)
    story.wait(MINUTE)
    c = story.qualify(C)
    story.merge(A, b, C)
    assert closed(story) == [(c, b, story.owner(b))]
    story.unmerge(A, b)
    again = story.qualify(C, n=2)
    assert opened(story) == sorted((b, again)), "C is somebody else after all"
    story.qualify(A)
    assert opened(story) == sorted((b, again)), "A is B still"


def test_who_is_a_person_of_its_own_again_keeps_its_handoff() -> None:
    story = Story()
    b = story.qualify(B)
    story.merge(B, b, A)
    story.unmerge(B, b)
    story.wait(MINUTE)
    a = story.qualify(A)
    assert opened(story) == sorted((a, b))
    story.merge(B, b, A)
    assert closed(story) == [(a, b, story.owner(b))]


def test_who_qualifies_is_a_person_of_its_own_whether_that_was_said_or_not() -> None:
    story = Story()
    b = story.qualify(B)
    story.merge(B, b, A)
    story.report(B, b, "rejected", rep=story.owner(b))
    a = story.qualify(A)
    again = story.qualify(B, n=2)
    assert opened(story) == sorted((a, again))


def test_an_older_word_on_who_is_whom_is_void() -> None:
    story = Story()
    a, b = both(story)
    told = LeadWithdrawn(lead=B, handoff=b, reason="merged", merged_into=A, at=story.now, cause="/scorer#1")
    story.wait(MINUTE)
    story.unmerge(B, b)
    story.put("leads.qualified", B, told)
    story.run()
    assert opened(story) == sorted((a, b))


def test_what_was_told_to_close_does_not_count_though_it_was_not_heard_of_since() -> None:
    """Else the one that it was closed for could be closed for it in turn, and none would be left."""
    story = Story()
    young = report_of(B, "h-young", version=1, accepted=True, opened_at=MONDAY_9 + HOUR)
    old = report_of(A, "h-old", version=1, accepted=True, opened_at=MONDAY_9)
    for each in (young, old, old.model_copy(update={"version": 2, "accepted": False})):
        story.put("routing.replies", C, each)
        story.run()
    verdicts = [(each.handoff, each.kind, each.stays) for each in story.told("routing.replies", MergeVerdict)]
    assert verdicts == [("h-young", "close", "h-old")]
    story.put("routing.replies", C, young.model_copy(update={"version": 2, "rep": "ben"}))
    story.run()
    assert story.told("routing.replies", MergeVerdict)[-1].handoff == "h-old", "it is open all the same: judged again"


def report_of(lead: str, handoff: str, *, version: int, accepted: bool, opened_at: int) -> MergeRequest:
    return MergeRequest(
        lead=C,
        merged=lead,
        handoff=handoff,
        version=version,
        definition="b2b",
        standing="open",
        accepted=accepted,
        opened_at=opened_at,
        rep="ann",
        at=opened_at,
    )


def test_a_customers_opportunity_stays_and_other_stops_end_it() -> None:
    story = Story()
    a, b = story.qualify(A), story.qualify(B)
    story.report(A, a, "opportunity", rep=story.owner(a))
    for lead, handoff in ((A, a), (B, b)):
        story.withdraw(lead, handoff, "customer")
    assert opened(story) == [a]
    story.withdraw(A, a, "unsubscribed")
    assert opened(story) == []


def test_a_withdrawal_of_what_was_refused_reaches_what_was_open_then() -> None:
    story = Story()
    first = story.qualify(A)
    story.wait(HOUR)
    second = story.qualify(A, n=2)
    assert story.unrouted(second)[0].reason == "already_open"
    story.withdraw(A, second, "unsubscribed")
    assert opened(story) == []
    third = story.qualify(A, n=3)
    story.copy("leads.qualified", 2)
    assert opened(story) == [third], "a repeat of it means nothing that came later"
    assert [each.handoff for each in story.told("leads.routed", LeadWithdrawn)] == [first]


@pytest.mark.parametrize("topic", ["leads.qualified", "routing.replies"])
def test_nothing_that_comes_again_changes_anything(topic: str) -> None:
    story = Story()
    _, b = both(story)
    story.merge(B, b, A)
    story.unmerge(B, b)
    story.merge(B, b, C)
    before = story.engine.state("router")
    for index in range(len(story.engine.records(topic))):
        story.copy(topic, index)
    after = story.engine.state("router")
    assert [decoded(before, lead) for lead in (A, B, C)] == [decoded(after, lead) for lead in (A, B, C)]
    assert len(closed(story)) == 1


def test_what_is_over_is_forgotten_on_both_sides() -> None:
    story = Story()
    b = story.qualify(B)
    story.merge(B, b, A)
    story.report(B, b, "rejected", rep=story.owner(b))
    story.wait(2 * FORGET_AFTER_MS)
    assert story.lead(A).blank
    assert story.lead(B).blank


def test_a_customers_identity_is_refused_as_before() -> None:
    story = Story()
    b = story.qualify(B)
    story.merge(B, b, A)
    a = story.qualify(A, standing=AccountStanding(owner="pia", customer_since=1))
    assert story.unrouted(a)[0].reason == "customer"


def reports(story: Story, handoff: str) -> list[MergeRequest]:
    return story.told("routing.replies", MergeRequest, handoff)


def decoded(state: dict[bytes, bytes], lead: str) -> object:
    packed = state.get(b"l:" + lead.encode())
    if packed is None:
        return None
    found = unpack(packed)
    return found.merge, {name: (each.stage, each.version) for name, each in found.handoffs.items()}


def unpack(packed: bytes) -> LeadState:
    return Packing(LeadState).unpack(packed)
