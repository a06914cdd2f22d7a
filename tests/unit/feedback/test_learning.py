"""From labels to a model: when one is cut, how far points go, what both teams are told."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from baton_schemas.documents.definition import Liaison, Liaisons
from baton_schemas.documents.signing import content_digest
from baton_schemas.envelope import envelop
from baton_schemas.feedback import ChangeNotice, CriterionPoints, ModelPublished, Notification
from services.feedback.definitions import scorecard_of
from services.feedback.evidence import Evidence, label_of, replaced
from services.feedback.models import Chain, adopted, cut
from services.scorer.definition import compile_rules
from tests.unit.feedback.stories import DAY, NOW, Story, definition

GENTLE: dict[str, Any] = {"min_sample": 4, "max_step": 1.0, "max_drift": 5.0, "every_labels": 8}


def teach(story: Story, good_with: int, bad_with: int, good_without: int, bad_without: int, tag: str = "h") -> None:
    """Handoffs with and without `pricing`, good and bad; alike otherwise."""
    groups = [
        (good_with, True, True),
        (bad_with, False, True),
        (good_without, True, False),
        (bad_without, False, False),
    ]
    number = 0
    for count, good, met in groups:
        for _ in range(count):
            number += 1
            handoff = f"{tag}{number}"
            story.route(handoff, ("director", "pricing") if met else ("director",))
            story.answer(handoff, "opportunity" if good else "rejected", None if good else "not_a_fit")


def models(story: Story) -> list[ModelPublished]:
    return story.told("scoring.models")


def test_a_criterion_that_told_more_than_its_points_gains_by_one_step() -> None:
    story = Story(definition(**GENTLE))
    teach(story, 4, 0, 0, 4)
    [model] = models(story)
    assert (model.version, model.parent, model.labels) == (1, 0, 8)
    assert model.definition_digest == story.definition.signatures[0].digest
    assert model.criteria["pricing"] == CriterionPoints(points=9.0, signed=8.0, good=4, bad=0)
    assert model.criteria["director"] == CriterionPoints(points=10.0, signed=10.0, good=4, bad=4)
    assert list(model.criteria) == list(story.definition.criteria)


def test_a_criterion_that_told_less_loses() -> None:
    story = Story(definition(**GENTLE))
    teach(story, 0, 4, 4, 0)
    assert models(story)[0].criteria["pricing"].points == 7.0


def test_points_go_on_day_by_day_until_they_arrive_and_then_rest() -> None:
    story = Story(definition(**GENTLE))
    teach(story, 12, 0, 0, 12)
    story.engine.advance(30 * DAY)
    versions = models(story)
    points = [model.criteria["pricing"].points for model in versions]
    assert points == [9.0, 10.0, 11.0, 12.0, 13.0], "bounded steps, up to the drift"
    assert [model.version for model in versions] == [1, 2, 3, 4, 5]
    assert [model.parent for model in versions] == [0, 1, 2, 3, 4]
    assert [timer for timer in story.engine.timers("feedback") if timer.name == "consider"] == []


def test_no_version_when_nothing_moves() -> None:
    story = Story(definition(min_sample=4, every_labels=2))
    teach(story, 1, 1, 1, 1)
    story.engine.advance(10 * DAY)
    assert models(story) == []


@pytest.mark.parametrize(("with_it", "without_it"), [(3, 20), (20, 3)])
def test_too_few_on_either_side_move_nothing(with_it: int, without_it: int) -> None:
    story = Story(definition(**{**GENTLE, "every_labels": 1}))
    teach(story, with_it, 0, 0, without_it)
    story.engine.advance(3 * DAY)
    assert models(story) == []


def test_frozen_criteria_never_move() -> None:
    story = Story(definition(**GENTLE, frozen=["pricing"]))
    teach(story, 12, 0, 0, 12)
    story.engine.advance(10 * DAY)
    assert models(story) == []


def test_a_plus_never_becomes_a_minus() -> None:
    story = Story(definition({"director": 10, "pricing": 2}, **GENTLE))
    teach(story, 0, 12, 12, 0)
    story.engine.advance(30 * DAY)
    assert models(story)[-1].criteria["pricing"].points == 0.0


def test_a_few_labels_are_looked_at_within_a_day() -> None:
    story = Story(definition(**{**GENTLE, "every_labels": 1000}))
    teach(story, 4, 0, 0, 4)
    assert models(story) == []
    story.engine.advance(DAY)
    assert [model.version for model in models(story)] == [1]


def test_a_storm_of_contradictory_answers_moves_points_by_one_step_at_most() -> None:
    story = Story(definition(**GENTLE))
    teach(story, 4, 4, 4, 4)
    before = models(story)
    for turn in range(1, 60):
        for number in range(1, 5):
            story.answer(f"h{number}", "reopened")
            good = turn % 2 == 0
            story.answer(f"h{number}", "opportunity" if good else "rejected", None if good else "not_a_fit")
            if good:
                story.answer(f"h{number}", "lost", "price")
    after = models(story)
    assert len(after) - len(before) <= 1, "they all came within an hour"
    points = [8.0, *(model.criteria["pricing"].points for model in after)]
    assert max(abs(a - b) for a, b in pairwise(points)) <= 1.0


def test_the_notice_names_every_moved_criterion_with_its_numbers_for_both_teams() -> None:
    story = Story(definition({"director": 10, "pricing": 8, "student": -10}, **GENTLE))
    number = 0
    for met, good, count in [(("pricing",), True, 5), (("student",), False, 5), ((), True, 2), ((), False, 2)]:
        for _ in range(count):
            number += 1
            story.route(f"h{number}", ("director", *met))
            story.answer(f"h{number}", "won" if good else "rejected", None if good else "not_a_fit")
    story.engine.advance(DAY)
    model, notice = models(story)[-1], story.told("scoring.notices")[-1]
    assert isinstance(notice, ChangeNotice)
    before = {**story.definition.criteria, **{k: v.points for m in models(story)[:-1] for k, v in m.criteria.items()}}
    moved = {line.criterion: (line.before, line.after) for line in notice.moved}
    assert moved == {
        name: (before[name], line.points) for name, line in model.criteria.items() if line.points != before[name]
    }
    assert {"pricing", "student"} <= set(moved)
    for line in notice.moved:
        assert f"{line.label}: {line.before:g} -> {line.after:g} points" in notice.text
        assert f"{line.good} of {line.good + line.bad}" in line.why
        assert line.why in notice.text
    told: list[Notification] = [
        each for each in story.told("notifications") if each.about["model_version"] == model.version
    ]
    assert sorted(each.recipient for each in told) == ["marketing", "sales"]
    assert all(each.text == notice.text for each in told)


def test_a_newly_signed_definition_starts_from_its_own_points_and_numbers_go_on() -> None:
    story = Story(definition(**GENTLE))
    teach(story, 4, 0, 0, 4)
    story.configure(definition({"director": 10, "pricing": 12, "student": -10}, **GENTLE))
    teach(story, 4, 0, 0, 4, tag="n")
    first, second = models(story)
    assert (second.version, second.parent, second.labels) == (2, 1, 8)
    assert second.criteria["pricing"].points == 13.0
    assert first.definition_digest != second.definition_digest


def test_labels_of_another_signed_text_are_kept_for_the_day_it_comes_back() -> None:
    old = definition(**GENTLE)
    story = Story(old)
    teach(story, 3, 0, 0, 4)
    story.configure(definition({"director": 10, "pricing": 12}, **GENTLE))
    story.route("x")
    story.configure(old)
    teach(story, 1, 0, 0, 0, tag="again")
    assert models(story)[0].labels == 8


def test_a_rebuilt_state_gives_no_number_twice() -> None:
    agreed = definition(**GENTLE)
    card = scorecard_of(agreed)
    criteria = {name: CriterionPoints(points=points + 1, signed=points) for name, points in agreed.criteria.items()}
    published = ModelPublished(
        definition="b2b",
        definition_digest=card.digest,
        version=7,
        parent=6,
        criteria=criteria,
        labels=9,
        at=NOW,
        cause="c",
    )
    story = Story(agreed)
    headers, value = envelop(published, id="m", source="/baton/feedback", time=NOW)
    story.engine.publish("scoring.models", b"b2b", value, headers)
    teach(story, 4, 0, 0, 4)
    model = models(story)[-1]
    assert (model.version, model.parent) == (8, 7)
    assert model.criteria["pricing"].points == 10.0, "one step on from the 9 in force, not from the signed 8"


def test_a_broken_label_is_a_dead_letter() -> None:
    story = Story()
    story.route("h1")
    story.answer("h1", "won")
    label = story.told("feedback.labels")[0]
    story.send("feedback.labels", "b2b", label.model_copy(update={"handoff": "h2", "points": [1.0]}))
    story.send("feedback.labels", "other", label)
    assert story.dead("feedback.labels") == [("invalid_field", "points"), ("invalid_field", "key")]


def test_a_criterion_that_counts_several_times_is_judged_by_what_it_gave() -> None:
    """Visits give 2 points each; leads with visits had three. Their odds are as 6 points say: nothing to correct."""
    agreed = definition({"director": 10, "pricing": 2}, min_sample=50, max_step=10.0, max_drift=50.0)
    card = scorecard_of(agreed)
    evidence, number = Evidence(), 0
    for met, goods in ((True, 603), (False, 500)):  # odds 1.52 : 1, about 6 points at 10 to double
        for good in [True] * goods + [False] * (1000 - goods):
            number += 1
            names = ["director", "pricing"] if met else ["director"]
            label = label_of(1, good, names, [10.0, 6.0][: len(names)], [1.0, 3.0][: len(names)])
            evidence = replaced(evidence, None, label)
    once = cut(adopted(Chain(), card, None), card, evidence)
    points = once.tenths["pricing"] if once is not None else 20
    assert abs(points - 20) <= 1


def compared(with_it: tuple[int, int], without_it: tuple[int, int], apart: bool = False) -> float:
    """The points that labels call for, for a criterion signed at 8; `apart`: no lead has its like on the other side."""
    agreed = definition({"director": 10, "pricing": 8}, min_sample=4, max_step=100.0, max_drift=100.0)
    card = scorecard_of(agreed)
    assert card is not None
    evidence, number = Evidence(), 0
    for met, (goods, bads) in ((True, with_it), (False, without_it)):
        rest = 50.0 if met and apart else 10.0
        for good in [True] * goods + [False] * bads:
            number += 1
            names, points = (["director", "pricing"], [rest, 8.0]) if met else (["director"], [rest])
            evidence = replaced(evidence, None, label_of(1, good, names, points, [1.0] * len(names)))
    once = cut(adopted(Chain(), card, None), card, evidence)
    return once.tenths["pricing"] / 10 if once is not None else 8.0


def test_leads_that_have_no_like_on_the_other_side_leave_the_signed_points_as_they_are() -> None:
    assert compared((40, 0), (0, 40), apart=True) == 8.0


def test_little_evidence_moves_little_and_much_evidence_decides() -> None:
    few, more, many = compared((4, 4), (4, 4)), compared((20, 20), (20, 20)), compared((2000, 2000), (2000, 2000))
    assert 8.0 > few > more > many
    assert few > 2.5
    assert many < 0.3, "equal odds with and without: it tells nothing"


def test_the_formula_comes_to_what_it_says() -> None:
    """R = 30*25/100, S = 15*30/100, K/16 = 0.5, w = 8 points: worked out by hand."""
    assert compared((30, 15), (30, 25)) == 7.4


def test_a_review_that_changes_no_rule_keeps_what_was_learnt() -> None:
    agreed = definition()
    reviewed = agreed.model_copy(
        update={
            "review_by": date(2027, 1, 31),
            "liaisons": Liaisons(marketing=Liaison(name="Mia", reach="#leads"), sales=Liaison(name="Sam", reach="#")),
        }
    )
    assert content_digest(reviewed) != content_digest(agreed), "both sign it"
    assert scorecard_of(reviewed) == scorecard_of(agreed)
    assert scorecard_of(agreed).digest == compile_rules(agreed).versions.definition_digest, "both mean the same text"
    assert compile_rules(reviewed).versions == compile_rules(agreed).versions
    assert scorecard_of(agreed.model_copy(update={"points_to_double_odds": 11.0})).digest != content_digest(agreed)
