"""Two definitions compared, and one told, in words and in points."""

from __future__ import annotations

import pytest

from baton_schemas.documents.definition import LeadDefinition
from services.cli.definitions.difference import changes
from services.cli.definitions.words import sections
from services.runtime.documents import parse
from tests.signing import signed_by
from tests.unit.scorer.world import DEFINITION

LAST = "disqualifiers:\n"


def definition(text: str) -> LeadDefinition:
    return parse(LeadDefinition, text, "d")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("points: 30,", "points: 34.5,", "changed: engagement.demo (Asked for a demo): points 30 -> 34.5 (+4.5)"),
        (
            "half_life_days: 14, cap: 18",
            "cap: 24",
            "changed: engagement.pricing (Saw prices): cap 18 -> 24 (+6), half_life_days 14 -> none",
        ),
        ("enter: 50", "enter: 55", "changed: thresholds.enter 50 -> 55 (+5)"),
        ("A: 25", "A: 28", "changed: grades.fit.A 25 -> 28 (+3)"),
        ("1: 40", "1: 44", "changed: grades.engagement.1 40 -> 44 (+4)"),
        (
            "in: [vp,",
            "in: [cxo, vp,",
            (
                "changed: fit.boss (Decides): when {trait: seniority, in: [vp, director]}"
                " -> {trait: seniority, in: [cxo, vp, director]}"
            ),
        ),
        ("within_days: 30", "within_days: 60", "changed: required.Intent (Intent): within_days 30 -> 60 (+30)"),
        ("contact: [email]", "contact: []", "changed: contact [email] -> []"),
        ("version: 1\n", "version: 2\n", "changed: version 1 -> 2 (+1)"),
        (LAST, f"review_by: 2026-12-31\n{LAST}", "changed: review_by none -> 2026-12-31"),
        (
            "  - {id: steady, label: Is a member, action: joined, points: 4, cap: 8}\n",
            "",
            "gone: engagement.steady (Is a member), +4 points",
        ),
        (
            "engagement:\n",
            "engagement:\n  - {id: x, label: X, action: x, points: -3}\n",
            "new: engagement.x (X), -3 points",
        ),
    ],
)  # fmt: skip
def test_a_change_is_said_in_words_and_points(before: str, after: str, words: str) -> None:
    assert before in DEFINITION
    new = DEFINITION.replace(before, after)
    assert [each.words for each in changes(definition(DEFINITION), definition(new))] == [words]


def test_layout_order_and_signatures_are_no_change() -> None:
    boss, size = DEFINITION.splitlines()[4:6]
    turned = DEFINITION.replace(f"{boss}\n{size}", f"{size}\n{boss}")
    assert turned != DEFINITION
    assert changes(definition(DEFINITION), definition("# note\n" + signed_by("sales", turned))) == []


def test_the_order_of_tiers_is_a_change_as_the_last_takes_all_others() -> None:
    turned = DEFINITION.replace("  - {name: hot, grades: [A1, B1]}\n  - {name: cool}\n",
                                "  - {name: cool}\n  - {name: hot, grades: [A1, B1]}\n")  # fmt: skip
    (change,) = changes(definition(DEFINITION), definition(turned))
    assert change.words == "changed: tiers [hot, cool] -> [cool, hot]"


def test_every_criterion_is_told_with_its_points_and_what_it_needs() -> None:
    told = dict(sections(definition(DEFINITION)))
    lines = [line for section in told.values() for line in section]
    assert len(told["what the person does (engagement)"]) == 6
    assert "   +2.5  Clicked [click]; halves every 3 days; action email_clicked" in [f" {line}" for line in lines]
    assert any("all together at least -18" in line for line in lines)
    assert told["required besides points"] == ["Intent: Asked for a demo or Saw prices, within 30 days"]
