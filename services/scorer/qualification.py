"""When a person is a lead: score, grade, threshold with hysteresis, required evidence, and what forbids it.

A person qualifies when fit and engagement together reach `enter`, each required evidence is there (H5), every contact
field is known and nothing forbids it; it stops being qualified below `exit`. Time alone lowers a score (and raises it
where points were negative), so a judgement says at which hour something will change next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baton_schemas.crm import AccountStanding
from services.scorer.conditions import Answer
from services.scorer.definition import SCALE, EvidenceRule, FitRule, Rules
from services.scorer.fit import fit_lines
from services.scorer.ledger import HOUR_MS, Ledger, Reading, latest_hour, read_lines
from services.scorer.profile import Profile, traits_of

_MOST_LOOKS = 200
_NEVER = 1 << 60


@dataclass(frozen=True, slots=True)
class Evidence:
    """A required evidence and when it was last given (hour); None when not within its days."""

    rule: EvidenceRule
    hour: int | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A person, read at one hour. Points in tenths; fit and engagement are the sums of their rounded lines."""

    rules: Rules
    profiles: Sequence[Profile]
    hour: int
    traits: Mapping[str, Answer]
    fit_lines: Sequence[FitRule]
    readings: Sequence[Reading]
    fit: int
    engagement: int
    grade: str
    stop: str | None
    missing_contact: tuple[str, ...]
    evidence: tuple[Evidence, ...]

    @property
    def score(self) -> int:
        """Fit and engagement together."""
        return self.fit + self.engagement

    @property
    def supported(self) -> bool:
        """Whether every required evidence is there."""
        return all(each.hour is not None for each in self.evidence)

    @property
    def qualifies(self) -> bool:
        """Whether the person crosses the line now."""
        return self.score >= self.rules.enter and self.supported and self.stop is None and not self.missing_contact

    @property
    def mixed(self) -> bool:
        """Whether negative points are in it, which time takes away."""
        return any(reading.points < 0 or reading.rule.points < 0 for reading in self.readings)


def judge(profiles: Sequence[Profile], rules: Rules, now: int) -> Judgement:
    """Reads a person, whose profiles these are (its own first), at `now` (ms)."""
    hour = now // HOUR_MS
    ledgers = [profile.ledger for profile in profiles]
    traits = traits_of(profiles)
    if email := next((profile.email for profile in profiles if profile.email), None):
        traits["email"] = email
    lines = fit_lines(rules.fit, traits)
    readings = read_lines(rules.engagement, ledgers, hour)
    fit = sum(line.points for line in lines)
    engagement = sum(reading.points for reading in readings)
    return Judgement(
        rules,
        profiles,
        hour,
        traits,
        lines,
        readings,
        fit,
        engagement,
        letter(rules, fit) + number(rules, engagement),
        stop_of(profiles, rules, traits),
        tuple(name for name in rules.contact if name not in traits),
        tuple(Evidence(each, _given(each, ledgers, hour)) for each in rules.evidence),
    )


def letter(rules: Rules, fit: int) -> str:
    """The grade's letter for points of fit (tenths)."""
    a, b, c = rules.fit_bounds
    return "A" if fit >= a else "B" if fit >= b else "C" if fit >= c else "D"


def number(rules: Rules, engagement: int) -> str:
    """The grade's number for points of engagement (tenths)."""
    one, two, three = rules.engagement_bounds
    return "1" if engagement >= one else "2" if engagement >= two else "3" if engagement >= three else "4"


def tier_of(rules: Rules, grade: str) -> str:
    """How urgently sales follows up a lead of this grade."""
    return rules.tiers.get(grade, rules.last_tier)


def stop_of(profiles: Sequence[Profile], rules: Rules, traits: Mapping[str, Answer]) -> str | None:
    """Why the person is no lead whatever its score, or None: said by sales' CRM, by an event, by the definition."""
    for profile in profiles:
        if profile.facts is not None and profile.facts.stop is not None:
            return profile.facts.stop
    for profile in profiles:
        if profile.stopped is not None:
            said = str(profile.stopped.value)
            return next((each.reason for each in rules.disqualifiers if each.action == said), said)
    for each in rules.disqualifiers:
        if each.test is not None and each.test(traits):
            return each.reason
    return None


def is_customer(standing: AccountStanding | None) -> bool:
    """Whether the account is a customer."""
    return standing is not None and standing.customer_since is not None


def slack(judgement: Judgement, *, qualified: bool) -> int:
    """Points (tenths) that may be added before anything can change upwards; 0 when any event may change something."""
    rules = judgement.rules
    room = min((bound - judgement.engagement for bound in rules.engagement_bounds if bound > judgement.engagement),
               default=_NEVER)  # fmt: skip
    if not qualified:
        room = min(room, rules.enter - judgement.score)
    return max(room, 0)


def next_change(judgement: Judgement, *, qualified: bool) -> int | None:
    """The first hour after the judgement's at which time alone changes the grade, ends the qualification, or lets the
    score reach `enter`; None when it never does. Never later than that; earlier only when negative points make the
    search too long."""
    floor, roof = _floor(judgement, qualified), _roof(judgement, qualified)
    if judgement.mixed:
        return _first_outside(judgement, floor, roof)
    return None if floor is None or floor <= 0 else _first_below(judgement, floor)


def _given(rule: EvidenceRule, ledgers: Sequence[Ledger], hour: int) -> int | None:
    latest = latest_hour(rule.any_of, ledgers)
    return latest if latest is not None and latest >= hour - rule.within_h else None


def _floor(judgement: Judgement, qualified: bool) -> int | None:
    """Engagement below this is a change."""
    reached = [bound for bound in judgement.rules.engagement_bounds if bound <= judgement.engagement]
    if qualified:
        reached.append(judgement.rules.exit - judgement.fit)
    return max(reached, default=None)


def _roof(judgement: Judgement, qualified: bool) -> int:
    """Engagement from this on is a change."""
    above = [bound for bound in judgement.rules.engagement_bounds if bound > judgement.engagement]
    enter = judgement.rules.enter - judgement.fit
    if not qualified and enter > judgement.engagement:
        above.append(enter)
    return min(above, default=_NEVER)


def _first_below(judgement: Judgement, floor: int) -> int | None:
    """The first hour at which engagement, which only falls, is below `floor`.

    A line falls as one exponential once its newest bucket is in the past; so the search is done on these, and the hour
    found is checked, and moved if need be, with the lines themselves.
    """
    start = max(judgement.hour, *(reading.latest for reading in judgement.readings))
    readings = judgement.readings if start == judgement.hour else _readings(judgement, start)
    if sum(reading.points for reading in readings if reading.rule.half_life_h is None) >= floor:
        return None
    curves = [
        (reading.uncapped, reading.rule.half_life_h, reading.rule.cap)
        for reading in readings
        if reading.rule.half_life_h is not None
    ]
    steady = sum(reading.points for reading in readings if reading.rule.half_life_h is None)

    def about(hours: int) -> int:
        total = steady
        for uncapped, half_life, cap in curves:
            points = int(uncapped * 2.0 ** (-hours / half_life) / SCALE + 0.5)
            total += points if cap is None or points < cap else cap
        return total

    low, high = 0, 24
    while about(high) >= floor:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if about(middle) >= floor else (low, middle)
    hour = start + high
    while hour - 1 > judgement.hour and _engagement(judgement, hour - 1) < floor:
        hour -= 1
    while _engagement(judgement, hour) >= floor:
        hour += 1
    return hour


def _first_outside(judgement: Judgement, floor: int | None, roof: int) -> int | None:
    """The first hour at which engagement is below `floor` or reaches `roof`, where some lines fall and others rise:
    an interval whose bounds keep clear of both holds no change; another is halved, the earlier half first."""
    least = -_NEVER if floor is None else floor
    longest = max((len(reading.rule.weights) for reading in judgement.readings if reading.rule.weights), default=0)
    known: dict[int, tuple[int, int]] = {}

    def parts(hour: int) -> tuple[int, int]:
        if hour not in known:
            points = [reading.points for reading in _readings(judgement, hour)]
            known[hour] = sum(each for each in points if each > 0), sum(each for each in points if each < 0)
        return known[hour]

    waiting = [(judgement.hour, judgement.hour + longest + 24)]
    while waiting:
        low, high = waiting.pop()
        (above, below), (above_later, below_later) = parts(low), parts(high)
        if above_later + below >= least and above + below_later < roof:
            continue
        if high - low == 1:
            if not least <= above_later + below_later < roof:
                return high
            continue
        if len(known) > _MOST_LOOKS:
            return low + 1
        middle = (low + high) // 2
        waiting += [(middle, high), (low, middle)]
    return None


def _readings(judgement: Judgement, hour: int) -> list[Reading]:
    return read_lines(judgement.rules.engagement, [profile.ledger for profile in judgement.profiles], hour)


def _engagement(judgement: Judgement, hour: int) -> int:
    return sum(reading.points for reading in _readings(judgement, hour))
