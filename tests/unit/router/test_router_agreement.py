"""The router takes up no part of a set whose lead definition is not what both teams signed (L7)."""

from __future__ import annotations

import pytest

from tests.signing import listed, signed_by
from tests.unit.router.story import AGREED, DOCUMENTS, Story

OTHERS = DOCUMENTS["teams"].replace("ann", "eve")
REFUSED = ("baton_config_refused_total", ("router",))


@pytest.mark.parametrize(
    "documents",
    [
        {"definition": AGREED.replace("points: 30", "points: 31")},
        {"definition": signed_by("sales", AGREED.partition("\nsignatures:")[0])},
        {"signers": listed("marketing") + listed("marketing").replace("marketing", "sales")},
        {"signers": "marketing: []"},
    ],
    ids=["altered", "one team only", "nobody's list", "no list"],
)
def test_a_set_that_is_not_agreed_is_refused_whole_and_the_old_one_stays(documents: dict[str, str]) -> None:
    story = Story()
    first = story.qualify("k1.1")
    assert story.owner(first) == "ann"
    story.configure(teams=OTHERS, **documents)
    assert {story.owner(story.qualify(f"k1.{n}")) for n in (2, 3, 4)} == {"ann", "ben", "cyn"}
    assert story.engine.observed[REFUSED] == 1, "once for each change of the configuration"
    story.configure(teams=OTHERS)
    assert {story.owner(story.qualify(f"k1.{n}")) for n in (5, 6, 7)} & {"eve"}
    assert story.engine.observed[REFUSED] == 1
