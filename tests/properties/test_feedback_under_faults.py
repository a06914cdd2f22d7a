"""Feedback under crashes at every step: a chain of models without gap or double, that ends where the answers say."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from baton_schemas.contract import Contract
from baton_schemas.envelope import envelop
from baton_schemas.feedback import ModelPublished, OutcomeKind, OutcomeLabelled, OutcomeReported
from services.runtime.memory import Faults
from services.runtime.memory.faults import Gap
from tests.unit.feedback.stories import DAY, NOW, Story, definition, routed

HANDOFFS = 60
Answer = tuple[OutcomeKind, str | None]
ENDINGS: list[list[Answer]] = [
    [("accepted", None), ("opportunity", None), ("won", None)],
    [("rejected", "not_now")],
    [("rejected", "not_a_fit"), ("reopened", None), ("opportunity", None)],
    [("touched", None), ("lost", "price")],
    [("rejected", "not_now"), ("reopened", None)],
]


def told_at_once(story: Story, random: Random) -> None:
    """All handoffs and all answers on the log at once, in any order among leads, each answer sent twice."""
    leads = []
    for number in range(HANDOFFS):
        handoff, lead = f"h{number}", f"k1.{number:032x}"
        met = ("director", "pricing") if number % 2 else ("director",)
        told: list[tuple[str, Contract]] = [("leads.routed", routed(story.definition, handoff, met, lead))]
        for step, (kind, reason) in enumerate(ENDINGS[number % len(ENDINGS)]):
            answer = OutcomeReported(lead=lead, handoff=handoff, kind=kind, reason=reason, at=NOW - 1000 + step)
            told += [("feedback.events", answer)] * 2
        leads.append((lead, told))
    while leads:
        lead, told = random.choice(leads)
        topic, data = told.pop(0)
        event_id = f"{lead}/{data.kind if isinstance(data, OutcomeReported) else topic}"
        headers, value = envelop(data, id=event_id, source="/crm", time=NOW)
        story.engine.publish(topic, lead.encode(), value, headers)
        leads = [each for each in leads if each[1]]


def ended(seed: int, faults: Faults | None) -> tuple[Story, list[ModelPublished]]:
    story = Story(
        definition(min_sample=5, max_step=2.0, max_drift=10.0, every_labels=10), seed=seed, faults=faults, max_batch=7
    )
    told_at_once(story, Random(seed))
    story.engine.run_until_idle()
    story.engine.advance(60 * DAY)
    return story, story.told("scoring.models")


@pytest.fixture(scope="module")
def undisturbed() -> ModelPublished:
    """Where it ends when nothing goes wrong."""
    return ended(0, None)[1][-1]


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_chain_has_no_gap_and_no_double_and_ends_at_the_same_model(seed: int, undisturbed: ModelPublished) -> None:
    faults = Faults(0.08, transient=0.02)
    story, models = ended(seed, faults)
    assert faults.hits.total() > 20, "the run was disturbed"
    assert len(models) > 3
    assert [model.version for model in models] == list(range(1, len(models) + 1))
    assert [model.parent for model in models] == list(range(len(models)))
    assert models[-1].criteria == undisturbed.criteria
    assert models[-1].labels == undisturbed.labels == HANDOFFS * 4 // 5
    notices = story.told("scoring.notices")
    assert [notice.version for notice in notices] == [model.version for model in models]
    labels: list[OutcomeLabelled] = story.told("feedback.labels")
    revisions = Counter((label.handoff, label.revision) for label in labels)
    assert set(revisions.values()) == {1}, "one label a revision"
    assert story.dead() == []
    recycled = Counter((each.handoff, each.revoked) for each in story.told("leads.recycled"))
    assert set(recycled.values()) == {1}


def test_every_gap_is_hit_and_a_timer_too() -> None:
    faults = Faults(0.05, at={Gap.IN_TIMER: (0, 2)}, most=400)
    _, models = ended(99, faults)
    assert set(faults.hits) == set(Gap)
    assert [model.version for model in models] == list(range(1, len(models) + 1))
