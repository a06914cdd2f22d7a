"""The pure rule of spikes, and the page that sets it: days, caps, crossings, bounds; signed, and judging nobody."""

from __future__ import annotations

import pytest

from baton_schemas.alerts import EngagedDay, MemberEngaged
from baton_schemas.documents.alerts import Alerts
from baton_schemas.documents.signing import content_digest, judging_digest
from services.runtime.errors import UserError
from services.scorer.account import MAX_MEMBERS, Account, Member, member_changed
from services.scorer.definition import AlertRule, compile_rules, read
from services.scorer.hops import Summary
from services.scorer.ledger import HOUR_MS, Ledger, add, advance
from services.scorer.person import Lead
from services.scorer.spikes import has_risen, hear_member, points_by_day
from tests.unit.alerted import BOTH, alerting
from tests.unit.scorer.world import DAY, DEFINITION, NOW, RICH_RULES, RULES, SIGNED

TODAY = NOW // DAY
RULE = AlertRule(400, 7, frozenset({"A1", "B1"}), 14)


def ledger(*acts: tuple[str, int]) -> Ledger:
    """Acts by criterion and days ago."""
    found = Ledger()
    for number, (criterion, ago) in enumerate(sorted(acts, key=lambda act: -act[1])):
        hour = (NOW - ago * DAY) // HOUR_MS
        advance(found, hour)
        add(found, criterion, hour, number.to_bytes(6, "big"))
    return found


def report(person: str, version: int = 1, *, told: bool = False, **days: float) -> MemberEngaged:
    """`d0` are today's points, `d3` those of three days ago."""
    said = [EngagedDay(day=TODAY - int(name[1:]), points=points) for name, points in days.items()]
    return MemberEngaged(account="a", person=person, version=version, days=said, told=told, event_at=NOW)


def test_points_are_counted_by_day_without_decay_and_below_the_cap_of_a_day() -> None:
    acts = ledger(("demo", 0), ("demo", 0), ("view", 1), ("careers", 1), ("demo", 6), ("demo", 7), ("click", 40))
    assert points_by_day(RULES.scorecard, [acts], NOW, 7) == {TODAY - 6: 300, TODAY - 1: 10, TODAY: 450}
    both = points_by_day(RULES.scorecard, [acts, ledger(("demo", 0), ("view", 0))], NOW, 1)
    assert both == {TODAY: 460}, "the cap is the person's, not each identity's"
    clicks = ledger(*[("click", 0)] * 5)
    assert points_by_day(RICH_RULES.scorecard, [clicks], NOW, 7) == {TODAY: 50}, "two a day count"


def test_an_account_spikes_once_on_its_way_up_and_names_who_did_most_of_it() -> None:
    account = Account()
    assert hear_member(account, report("ada", d0=30.0), RULE, NOW) is None
    crossing = hear_member(account, report("ben", d3=10.0), RULE, NOW)
    assert crossing is not None
    assert (crossing.points, [each.person for each in crossing.people], account.spikes) == (400, ["ada", "ben"], 1)
    assert hear_member(account, report("ben", 2, d3=90.0), RULE, NOW) is None, "it was above"
    assert hear_member(account, report("ben", 2), RULE, NOW) is None, "an old version"
    assert account.engaged["ben"].days == {TODAY - 3: 900}
    assert hear_member(account, report("ben", 3, d3=5.0), RULE, NOW) is None
    assert hear_member(account, report("ben", 4, told=True, d3=20.0), RULE, NOW) is None, "a handoff told it"


def test_days_that_passed_count_no_more_and_what_is_kept_of_an_account_is_bounded() -> None:
    account = Account()
    hear_member(account, report("old", d0=39.0), RULE, NOW)
    assert hear_member(account, report("new", d0=1.0), RULE, NOW + 7 * DAY) is None
    assert set(account.engaged) == {"new"}
    gone = Summary(account="a", person="new", version=9, removed=True)
    account.members["new"] = Member(1, "D2")
    member_changed(account, "a", gone)
    assert account.engaged == {}, "who has left counts no more"
    for number in range(MAX_MEMBERS + 50):
        hear_member(account, report(f"p{number:04}", d0=1.0), RULE, NOW)
    assert len(account.engaged) == MAX_MEMBERS


def test_a_rise_is_a_better_number_lately_and_looked_at_once() -> None:
    def lead(*grades: str) -> Lead:
        return Lead(history=[(NOW - (len(grades) - n) * HOUR_MS, grade, 0) for n, grade in enumerate(grades)])

    nothing = (0, "")
    assert has_risen(lead("B3", "B1"), RULE, nothing, NOW)
    assert has_risen(lead("A1"), RULE, nothing, NOW), "nobody knew him before"
    assert not has_risen(lead("B1", "A1"), RULE, nothing, NOW), "only a better letter"
    assert not has_risen(lead("B3", "B2"), RULE, nothing, NOW), "not a grade that is named"
    assert not has_risen(lead("B3", "B1"), RULE, nothing, NOW + 2 * DAY), "long ago"
    assert not has_risen(lead("B3", "B1"), RULE, (NOW - HOUR_MS, "B1"), NOW), "seen"
    assert not has_risen(Lead(), RULE, nothing, NOW)


def test_alerts_are_signed_content_but_judge_nobody_and_are_off_unless_said() -> None:
    plain, with_alerts = read(SIGNED, "d"), read(BOTH, "d")
    assert plain.alerts is None
    assert compile_rules(plain).alerts is None
    assert content_digest(plain) != content_digest(with_alerts)
    assert judging_digest(plain) == judging_digest(with_alerts)
    assert compile_rules(with_alerts).alerts == AlertRule(400, 7, frozenset({"A1", "B1", "C1", "D1"}), 14)
    assert (Alerts(account_points=5).within_days, Alerts(account_points=5).cool_down_days) == (7, 14)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{cool_down_days: 14}", "says of nothing"),
        ("{grades: [A4]}", "alerts.grades.0"),
        ("{account_points: 0}", "alerts.account_points"),
        ("{account_points: 10, within_days: 31}", "alerts.within_days"),
        ("{grades: [A1], cool_down: 3}", "alerts.cool_down"),
    ],
)
def test_a_rule_that_can_not_work_is_refused_by_name(rule: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read(DEFINITION + f"alerts: {rule}\n", "definition.yaml")
    read(alerting("{grades: [A1]}"), "definition.yaml")
