"""What a plan says of two sides, and of the leads that sales would get. Pure."""

from __future__ import annotations

from baton_schemas.routing import SlaEvent
from services.cli.config_folder import read_folder
from services.cli.planning.comparing import Cause, compare
from services.cli.planning.loads import Load, loads, touches
from services.cli.planning.sides import Lead, Side, Standing
from services.router.checks import rules_of
from tests.unit.cli.whole import ROOT

NEVER = float("inf")
RULES = rules_of(read_folder(ROOT / "config"), "test")


def lead(person: str, country: str | None = "FR", tier: str = "hot", at: int = 0) -> Lead:
    return Lead(person, f"h-{person}", at, "A1", tier, country, None, 100, "software")


def standing(grade: str, score: int, **lines: int) -> Standing:
    return Standing(grade, score, lines)


def step(handoff: str, name: str, elapsed: float, *, reason: str | None = None, tier: str = "hot") -> SlaEvent:
    return SlaEvent.model_validate(
        {
            "lead": "l", "handoff": handoff, "version": 1, "step": name, "tier": tier, "territory": "france",
            "due_at": 0, "elapsed_s": elapsed, "reason": reason, "at": 0, "cause": "c",
        }
    )  # fmt: skip


def test_who_enters_who_leaves_and_by_what() -> None:
    old = Side(
        {
            "ann": standing("A2", 500, demo=200),
            "ben": standing("B1", 700, demo=300, pricing=80),
            "cy": standing("C4", 10),
        },
        [lead("ben"), lead("ben", at=5)],
    )
    new = Side(
        {
            "ann": standing("A1", 620, demo=320),
            "ben": standing("B3", 480, demo=80, pricing=80),
            "cy": standing("C4", 10),
        },
        [lead("ann")],
    )
    found = compare(old, new, most=10)
    assert (found.leads_before, found.leads_after, found.enters, found.leaves, found.stays) == (1, 1, 1, 1, 0)
    assert found.people == 3
    assert found.grades == [("A2", "A1", 1), ("B1", "B3", 1)]
    assert found.causes == [Cause("demo", 2, -5.0)]
    assert [(each.person, each.change, each.points, each.by) for each in found.moved] == [
        ("ann", "enters", 12.0, [("demo", 12.0)]),
        ("ben", "leaves", -22.0, [("demo", -22.0)]),
    ]
    assert compare(old, new, most=1).moved == found.moved[:1]


def test_nothing_changes_and_nobody_is_named() -> None:
    side = Side({"ann": standing("A2", 500, demo=200)}, [lead("ann")])
    found = compare(side, side, most=10)
    assert (found.enters, found.leaves, found.stays, found.grades, found.causes, found.moved) == (0, 0, 1, [], [], [])


def test_who_is_judged_on_one_side_only_has_no_grade_on_the_other() -> None:
    found = compare(Side({}, []), Side({"ann": standing("D4", 10, view=10)}, []), most=10)
    assert found.grades == [("-", "D4", 1)]


def test_leads_go_where_the_territories_say_and_by_weight() -> None:
    territories, reps = loads([lead("ann"), lead("ben"), lead("cy", "US")], RULES, {})
    assert sum(each.leads for each in territories) == 3
    assert Load("france", "france", 2, None) in territories
    assert [round(each.leads, 1) for each in reps if each.team == "france"] == [0.7, 0.7, 0.7]


def test_late_is_who_was_slower_than_the_target_lately() -> None:
    target = RULES.policies["standard"].tiers["hot"].first_touch_minutes * 60.0
    steps = [
        step("h1", "closed", target - 60, reason="touched"),
        step("h2", "closed", target + 60, reason="touched"),
        step("h2", "breached", target),
        step("h3", "breached", target),
        step("h4", "closed", 5, reason="withdrawn"),
        step("h5", "started", 0),
        step("h6", "closed", 10, reason="touched", tier="cool"),
    ]
    known = touches(steps)
    assert known == {"hot": [target - 60, target + 60, NEVER], "cool": [10]}
    [france], _ = loads([lead(str(number)) for number in range(3)], RULES, known)
    assert france == Load("france", "france", 3, 2.0)
