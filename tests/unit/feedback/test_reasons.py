"""The catalogue of reasons: what may stand in it, and what becomes of words that do not."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from baton_schemas.documents.reasons import Reasons
from services.feedback.reasons import Catalogue
from services.runtime.documents import parse
from services.runtime.errors import Permanent, UserError
from tests.unit.feedback.stories import REASONS, reasons

CONFIG = Path(__file__).parents[3] / "config" / "reasons.yaml"


def refused(**changes: Any) -> str:
    document = deepcopy(REASONS)
    document["reasons"][0].update(changes)
    with pytest.raises(ValueError) as caught:  # noqa: PT011  pydantic's own error is one
        Reasons.model_validate(document)
    return str(caught.value)


def test_the_worked_example_is_whole() -> None:
    catalogue = Catalogue([parse(Reasons, CONFIG.read_text(), str(CONFIG))])
    assert catalogue.judge("rejected", "not_now").cool_down_days == 90
    assert catalogue.judge("lost", "chose_competitor").learning == "good"
    assert catalogue.judge("rejected", "bad_data").learning == "none"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cool_down_days": None}, "not_now: cool_down_days"),
        ({"recycle": False}, "need `recycle: true`"),
        ({"fault": "data"}, "learning: must be none"),
        ({"code": "not_a_fit"}, "not_a_fit: given twice"),
        ({"code": "Not Now"}, "code"),
        ({"applies_to": []}, "applies_to"),
        ({"applies_to": ["lost", "lost"]}, "names an answer twice"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, Any], named: str) -> None:
    assert named in refused(**changes)


def test_every_answer_that_needs_a_reason_has_one() -> None:
    document = {"reasons": [REASONS["reasons"][1]]}
    with pytest.raises(ValueError, match="none applies to `lost`"):
        Reasons.model_validate(document)


def test_a_typo_in_the_file_names_line_and_near_miss() -> None:
    text = CONFIG.read_text().replace("cool_down_days: 30", "cooldown_days: 30", 1)
    with pytest.raises(UserError, match=r"reasons.yaml:\d+: .*cooldown_days: unknown field, did you mean `cool_down"):
        parse(Reasons, text, "reasons.yaml")


def test_a_code_in_two_documents_is_refused() -> None:
    with pytest.raises(ValueError, match="not_now: given in two documents"):
        Catalogue([reasons(), reasons()])


@pytest.mark.parametrize(
    ("answer", "code", "error", "fix"),
    [
        ("rejected", "not now", "unknown_reason", "did you mean not_now?"),
        ("rejected", "someone@example.com", "unknown_reason", "known for rejected: not_now, not_a_fit, bad_data"),
        ("rejected", "price", "unknown_reason", "not for rejected"),
        ("lost", None, "invalid_field", "lost needs one of: not_now, price"),
    ],
)
def test_an_unknown_reason_is_named_without_being_quoted(answer: Any, code: str | None, error: str, fix: str) -> None:
    with pytest.raises(Permanent) as caught:
        Catalogue([reasons()]).judge(answer, code)
    assert caught.value.code == error
    assert caught.value.field == "reason"
    assert fix in caught.value.fix
    assert "@" not in caught.value.fix
