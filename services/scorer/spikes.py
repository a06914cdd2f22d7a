"""What a spike is: far more engagement than before, of one person or of an account's people together. Pure.

A person spikes when its grade rises to one of those that the definition names, because its number (engagement) got
better: a better letter is only more knowledge of who it is. An account spikes when the points of its people's last days
reach the threshold by what one of them did: those who stay above it do not spike again, and days that pass only lower
it. The points are counted by day and without decay, so that a sum of what members reported earlier stays right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from baton_schemas.alerts import EngagedPerson, MemberEngaged
from services.scorer.account import MAX_MEMBERS, Account, Engagement
from services.scorer.criteria import Scorecard, tenths
from services.scorer.definition import AlertRule
from services.scorer.hops import Standing
from services.scorer.ledger import Ledger, number_of
from services.scorer.person import Lead

DAY_MS = 86_400_000
MOST_PEOPLE = 5
FRESH_MS = DAY_MS
"""So long after it was reached a grade is news, for answers of others may take their time; and so long what a person
does belongs to the handoff that was just given."""


class Crossing(NamedTuple):
    """An account reached the threshold: the sum (tenths) and who did most of it."""

    points: int
    people: list[EngagedPerson]


def points_by_day(scorecard: Scorecard, ledgers: Sequence[Ledger], now: int, days: int) -> dict[int, int]:
    """Points (tenths) of a person by day (days since 1970), over the last `days` as of `now`; days with none are left
    out. A criterion gives at most its cap a day, and counts as often as it may."""
    first = now // DAY_MS - days + 1
    found: dict[int, int] = {}
    for rule in scorecard.counted:
        if rule.points <= 0:
            continue
        times: dict[int, int] = {}
        for ledger in ledgers:
            buckets = ledger.lines.get(rule.id)
            for code in reversed(buckets or ()):
                if (day := code // 48) < first:
                    break
                held = buckets[code]  # type: ignore[index]  # there is no code in no buckets
                times[day] = times.get(day, 0) + number_of(held)
        for day, number in times.items():
            points = rule.points * (min(number, rule.most) if rule.window_days else number)
            found[day] = found.get(day, 0) + (points if rule.cap is None else min(points, rule.cap))
    return dict(sorted(found.items()))


def sum_of(days: Mapping[int, int], now: int, within: int) -> int:
    """The points of the last `within` days as of `now`."""
    first = now // DAY_MS - within + 1
    return sum(points for day, points in days.items() if day >= first)


def crosses(before: int, after: int, threshold: int | None) -> bool:
    """Whether points went from below the threshold to it or beyond.

    >>> crosses(590, 600, 600), crosses(600, 900, 600), crosses(0, 599, 600), crosses(0, 900, None)
    (True, False, False, False)
    """
    return threshold is not None and before < threshold <= after


def has_risen(lead: Lead, rule: AlertRule, known: tuple[int, str], now: int) -> bool:
    """Whether the lead's newest grade is a spike: another than the `known` one (since when, which), reached lately."""
    if not lead.history:
        return False
    at, grade, _ = lead.history[-1]
    before = lead.history[-2][1] if len(lead.history) > 1 else "D4"
    return (at, grade) != known and now - at <= FRESH_MS and grade in rule.grades and grade[-1] < before[-1]


def is_owned(standing: Standing | None) -> bool:
    """Whether somebody cares for the account already, as the CRM says."""
    return standing is not None and (standing.owner is not None or gets_no_handoff(standing))


def gets_no_handoff(standing: Standing | None) -> bool:
    """Whether people of the account are not given to sales as new leads (H2)."""
    return standing is not None and (standing.customer_since is not None or standing.open_opportunity)


def hear_member(account: Account, report: MemberEngaged, rule: AlertRule, now: int) -> Crossing | None:
    """Takes in what a member did in its last days; answers with the crossing, if that is one. Older reports change
    nothing. A newcomer drops what is beyond the days, and of too many members who was engaged the longest ago."""
    known = account.engaged.get(report.person)
    if known is not None and known.version >= report.version:
        return None
    days = {each.day: tenths(each.points) for each in report.days}
    account.engaged[report.person] = Engagement(report.version, days)
    if known is None:
        account.engaged = _kept(account.engaged, report.person, now // DAY_MS - rule.days + 1)
    after = _total(account, rule, now)
    before = after - sum_of(days, now, rule.days) + (0 if known is None else sum_of(known.days, now, rule.days))
    if report.told or not crosses(before, after, rule.points):
        return None
    account.spikes += 1
    return Crossing(after, _people(account, rule, now))


def _kept(engaged: Mapping[str, Engagement], new: str, first: int) -> dict[str, Engagement]:
    """Those that count with a newcomer, in the order of their keys."""
    kept = {name: each for name, each in engaged.items() if name == new or max(each.days, default=0) >= first}
    if len(kept) > MAX_MEMBERS:
        del kept[min(kept, key=lambda name: (name == new, max(kept[name].days, default=0), name))]
    return dict(sorted(kept.items()))


def _total(account: Account, rule: AlertRule, now: int) -> int:
    return sum(sum_of(each.days, now, rule.days) for each in account.engaged.values())


def _people(account: Account, rule: AlertRule, now: int) -> list[EngagedPerson]:
    """Who did most of it, without those who did nothing."""
    points = {name: sum_of(each.days, now, rule.days) for name, each in account.engaged.items()}
    most = sorted((name for name in points if points[name]), key=lambda name: (-points[name], name))[:MOST_PEOPLE]
    people = []
    for name in most:
        member = account.members.get(name)
        grade, title = (None, None) if member is None else (member.grade, member.job_title)
        people.append(EngagedPerson(person=name, points=points[name] / 10, grade=grade, job_title=title))
    return people
