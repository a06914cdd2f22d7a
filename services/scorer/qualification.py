"""When a person is a lead: score, grade, threshold with hysteresis, required evidence, and what forbids it.

A person qualifies when fit and engagement together reach `enter`, each required evidence is there (H5), every contact
field is known and nothing forbids it; it stops being qualified below `exit`. Time alone lowers a score (and raises it
where points were negative), so a judgement says at which hour something will change next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.scorer.criteria import NO_GROUP, SCALE, GroupRule
from services.scorer.definition import EvidenceRule, Rules
from services.scorer.fit import FitRule
from services.scorer.hops import Standing
from services.scorer.ledger import HOUR_MS, Ledger, latest_hour
from services.scorer.operators import Answer
from services.scorer.past import ledgers_of
from services.scorer.profile import Profile, traits_of
from services.scorer.reading import Reading, next_absence, read_lines

OUT_OF_SCOPE = "out_of_scope"
"""Why somebody is no lead to whom no definition applies."""
_MOST_LOOKS = 200
_MOST_GUESSES = 12
_NEAR = 24
_NEVER = 1 << 60
Curve = tuple[float, float, float, int]


class Evidence(NamedTuple):
    """A required evidence and when it was last given (hour); None when not within its days."""

    rule: EvidenceRule
    hour: int | None


class Course(NamedTuple):
    """What the next change of time follows from. Points in tenths."""

    rules: Rules
    profiles: Sequence[Profile]
    hour: int
    readings: Sequence[Reading]
    fit: int
    engagement: int


class Judgement(NamedTuple):
    """A person, read at one hour. Points in tenths; fit and engagement are the sums of their rounded lines.

    A tuple, as its parts are: one is made for each decision, and a frozen dataclass takes its time."""

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
    missing_contact: Sequence[str]
    evidence: Sequence[Evidence]

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


def judge(
    profiles: Sequence[Profile],
    rules: Rules,
    now: int,
    readings: Sequence[Reading] | None = None,
    traits: Mapping[str, Answer] | None = None,
) -> Judgement:
    """Reads a person, whose profiles these are (its own first), at `now` (ms). `readings` are those of that hour, and
    `traits` those that are known, if they are at hand."""
    hour = now // HOUR_MS
    ledgers = ledgers_of(profiles)
    if traits is None:
        traits = traits_known(profiles)
    lines, fit = rules.fit.of(traits)
    if readings is None:
        readings = read_lines(rules.scorecard, ledgers, hour)
    engagement, _ = total(readings)
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
        [name for name in rules.contact if name not in traits],
        [Evidence(each, _given(each, ledgers, hour)) for each in rules.evidence],
    )


def traits_known(profiles: Sequence[Profile]) -> dict[str, Answer]:
    """All that conditions may ask of a person: its traits, and its address."""
    traits: dict[str, Answer] = traits_of(profiles)
    for profile in profiles:
        if profile.email:
            traits["email"] = profile.email
            break
    return traits


def total(readings: Sequence[Reading]) -> tuple[int, int]:
    """The sum of the lines, and the sum of those above zero, what their groups' caps hold back left out."""
    engagement = above = 0
    for reading in readings:
        points = reading.points
        engagement += points
        if points > 0 or isinstance(reading.rule, GroupRule):
            above += points
    return engagement, above


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
    if (said := said_stop(profiles, rules)) is not None:
        return said
    if rules.applies is not None and not rules.applies(traits):
        return OUT_OF_SCOPE
    for each in rules.disqualifiers:
        if each.test is not None and each.test(traits):
            return each.reason
    return None


def said_stop(profiles: Sequence[Profile], rules: Rules) -> str | None:
    """Why the person is no lead under any definition, or None: said by sales' CRM, or by an event."""
    for profile in profiles:
        if profile.facts is not None and profile.facts.stop is not None:
            return profile.facts.stop
    for profile in profiles:
        if profile.stopped is not None:
            said = str(profile.stopped.value)
            return next((each.reason for each in rules.disqualifiers if each.action == said), said)
    return None


def is_customer(standing: Standing | None) -> bool:
    """Whether the account is a customer."""
    return standing is not None and standing.customer_since is not None


def slack(rules: Rules, fit: int, readings: Sequence[Reading], *, qualified: bool) -> int:
    """Points (tenths) that may be added, at any later hour, before anything can change upwards; 0 when any event may
    change something. Negative points may be gone by then, so they are not counted."""
    engagement, above = total(readings)
    roof = _NEVER if qualified else rules.enter - fit
    for bound in rules.engagement_bounds:
        if engagement < bound < roof:
            roof = bound
    return roof if roof == _NEVER else max(roof - above, 0)


def unchanged(rules: Rules, fit: int, readings: Sequence[Reading], *, grade: str, qualified: bool) -> bool:
    """Whether readings alone show that a person with this fit keeps its grade and does not cross a threshold."""
    engagement, _ = total(readings)
    score = fit + engagement
    same = number(rules, engagement) == grade[1:]
    return same and (score >= rules.exit if qualified else score < rules.enter)


def next_change(judged: Judgement | Course, *, qualified: bool) -> int | None:
    """The first hour after the one judged at which time alone changes the grade, ends the qualification, or lets the
    score reach `enter`; None when it never does. Never later than that; earlier only when negative points make the
    search too long, the sum lies on a bound for a day, or an absence begins to count."""
    scorecard = judged.rules.scorecard
    if not scorecard.absences:
        return _next_crossing(judged, qualified)
    absent = next_absence(scorecard, ledgers_of(judged.profiles), judged.hour)
    crossing = _next_crossing(judged, qualified)
    return min((hour for hour in (absent, crossing) if hour is not None), default=None)


def _next_crossing(judged: Judgement | Course, qualified: bool) -> int | None:
    """What `next_change` says, as if nothing were ever absent that is not yet."""
    floor, roof = _floor(judged, qualified), _roof(judged, qualified)
    mixed, start = False, judged.hour
    for reading in judged.readings:
        if isinstance(reading.rule, GroupRule):
            continue
        mixed = mixed or reading.points < 0 or reading.rule.points < 0  # negative points, which time takes away
        start = max(start, reading.latest)
    if (floor <= 0 and not mixed) or (floor == -_NEVER and total(judged.readings)[1] < roof):
        return None
    for hour in range(judged.hour + 1, start + 1):
        if not floor <= _engagement(judged, hour) < roof:
            return hour
    readings = judged.readings if start == judged.hour else _readings(judged, start)
    curves = [_curve(reading) for reading in readings if not isinstance(reading.rule, GroupRule)]
    caps = [group.most for group in judged.rules.scorecard.groups]
    after = _first_outside(curves, caps, floor, roof) if mixed else _first_below(curves, caps, floor)
    if after is None:
        return None
    hour = start + after
    if _is_plain(curves, after - 1) and _is_plain(curves, after):
        return hour
    while hour - 1 > start and not floor <= _engagement(judged, hour - 1) < roof:
        hour -= 1
    exact = range(hour, hour + _NEAR)
    return next((each for each in exact if not floor <= _engagement(judged, each) < roof), hour)


def _given(rule: EvidenceRule, ledgers: Sequence[Ledger], hour: int) -> int | None:
    latest = latest_hour(rule.any_of, ledgers)
    return latest if latest is not None and latest >= hour - rule.within_h else None


def _floor(judged: Judgement | Course, qualified: bool) -> int:
    """Engagement below this is a change; far below zero when nothing is."""
    floor = judged.rules.exit - judged.fit if qualified else -_NEVER
    for bound in judged.rules.engagement_bounds:
        if floor < bound <= judged.engagement:
            floor = bound
    return floor


def _roof(judged: Judgement | Course, qualified: bool) -> int:
    """Engagement from this on is a change."""
    enter = judged.rules.enter - judged.fit
    roof = _NEVER if qualified or enter <= judged.engagement else enter
    for bound in judged.rules.engagement_bounds:
        if judged.engagement < bound < roof:
            roof = bound
    return roof


def _curve(reading: Reading) -> Curve:
    """A line as time goes on, once its newest bucket is in the past: tenths now (uncapped), half-life, cap, group."""
    rule = reading.rule
    cap = math.inf if rule.cap is None else abs(rule.cap)
    group = NO_GROUP if isinstance(rule, GroupRule) else rule.group
    return reading.uncapped / SCALE, rule.half_life_h or math.inf, cap, group


def _first_below(curves: Sequence[Curve], caps: Sequence[int], floor: int) -> int | None:
    """After how many hours the sum of the curves is first below `floor` (1 or more): what `_first_outside` finds where
    no line is negative, in fewer looks. The sum only falls, so whichever hours are looked at, the same one is found.
    """
    look = _look_at_groups if caps else _look
    low, end = 0, _end(curves)
    high, here, looks = end, low, 0
    while True:
        points, guess = look(curves, caps, here, floor)
        looks += 1
        if points >= floor:
            low = here
        elif here > low:
            high = here
        if high - low == 1:
            break
        here = min(max(guess, low + 1), high - 1) if looks < _MOST_GUESSES else (low + high) // 2
    return high if high < end or look(curves, caps, end, floor)[0] < floor else None


def _look(curves: Sequence[Curve], _caps: Sequence[int], hours: int, floor: int) -> tuple[int, int]:
    """The sum of the curves after so many hours, and a guess after how many it is below `floor`: a step of Newton's on
    the sum's logarithm, which is nearly a straight line."""
    points, smooth, falling, free, freely = 0, 0.0, 0.0, 0.0, 0.0
    for now, half_life, cap, _ in curves:
        line = now * 2.0 ** (-hours / half_life)
        if line < cap:
            falling += line / half_life
        else:
            free += line
            freely += line / half_life
            line = cap
        points += int(line + 0.5)
        smooth += line
    return points, hours + _newton(smooth, falling, free, freely, floor)


def _look_at_groups(curves: Sequence[Curve], caps: Sequence[int], hours: int, floor: int) -> tuple[int, int]:
    """The same with the caps of groups: what a full group holds back neither counts nor falls."""
    points, smooth, falling, free, freely = 0, 0.0, 0.0, 0.0, 0.0
    groups = [[0, 0.0, 0.0] for _ in caps]
    for now, half_life, cap, group in curves:
        line = now * 2.0 ** (-hours / half_life)
        free += line
        freely += line / half_life
        falls = line / half_life
        if line >= cap:
            line, falls = cap, 0.0
        if group == NO_GROUP:
            points += int(line + 0.5)
            smooth += line
            falling += falls
        else:
            held = groups[group]
            held[0] += int(line + 0.5)
            held[1] += line
            held[2] += falls
    for (counted, line, falls), most in zip(groups, caps, strict=True):
        if counted > most:
            points += most
            smooth += most
        else:
            points += int(counted)
            smooth += line
            falling += falls
    return points, hours + _newton(smooth, falling, free, freely, floor)


def _newton(smooth: float, falling: float, free: float, freely: float, floor: int) -> int:
    """Hours until a sum that falls by `falling` an hour (both without the factor of the half) is below `floor`; as if
    there were no caps (`free`, `freely`) while they hold all that counts."""
    if falling * 1e9 <= smooth:
        if freely * 1e9 <= free:
            return 1
        smooth, falling = free, freely
    return math.ceil(math.log2(smooth / (floor - 0.5)) * smooth / falling)


def _first_outside(curves: Sequence[Curve], caps: Sequence[int], floor: int, roof: int) -> int | None:
    """After how many hours the sum of the curves first leaves [floor, roof).

    Positive lines only fall and negative ones only rise, so the ends of an interval bound all that is in between: one
    whose bounds keep clear holds no change, another is halved, the earlier half first.
    """
    known: dict[int, tuple[int, int]] = {}

    def parts(hours: int) -> tuple[int, int]:
        if (seen := known.get(hours)) is not None:
            return seen
        above, below = _parts(curves, caps, hours)
        known[hours] = above, below
        return above, below

    waiting = [_between(curves, caps, floor, roof, parts(0))]
    while waiting:
        low, high = waiting.pop()
        (above, below), (above_later, below_later) = parts(low), parts(high)
        if above_later + below >= floor and above + below_later < roof:
            continue
        if high - low == 1:
            if not floor <= above_later + below_later < roof:
                return high
            continue
        if len(known) > _MOST_LOOKS:
            return low + 1
        middle = (low + high) // 2
        waiting += [(middle, high), (low, middle)]
    return None


def _parts(curves: Sequence[Curve], caps: Sequence[int], hours: int) -> tuple[int, int]:
    """The sum of the lines above zero after so many hours, in their groups' caps, and the sum of those below it."""
    above = below = 0
    sums = [0] * len(caps)
    for now, half_life, cap, group in curves:
        points = now * 2.0 ** (-hours / half_life)
        if points < 0:
            below -= int((-points if -points < cap else cap) + 0.5)
        elif group == NO_GROUP:
            above += int((points if points < cap else cap) + 0.5)
        else:
            sums[group] += int((points if points < cap else cap) + 0.5)
    for total_of_group, most in zip(sums, caps, strict=True):
        above += min(total_of_group, most)
    return above, below


def _between(
    curves: Sequence[Curve], caps: Sequence[int], floor: int, roof: int, parts: tuple[int, int]
) -> tuple[int, int]:
    """Hours between which the sum leaves its bounds if it ever does; `parts` are those of hour 0.

    While the positive lines alone make up for the negative ones of hour 0 the sum is not below the floor; when they
    alone are below it, so is the sum. What they alone don't reach, the sum doesn't: below the roof they stay below.
    """
    above, below = parts
    low, high = 0, _end(curves)
    falling = [curve for curve in curves if curve[0] >= 0]
    if above + below < floor:
        return low, high
    if floor >= 1:
        if above < roof:
            first = _first_below(falling, caps, floor - below)
            low = high - 1 if first is None else first - 1
        high = _first_below(falling, caps, floor) or high
    elif floor == -_NEVER and above >= roof >= 1:
        high = _first_below(falling, caps, roof) or high
    return low, high


def _end(curves: Sequence[Curve]) -> int:
    """After so many hours nothing changes any more."""
    slowest = 0.0
    for _, half_life, _, _ in curves:
        if slowest < half_life < math.inf:
            slowest = half_life
    return int(slowest * 25) + 1


def _is_plain(curves: Sequence[Curve], hours: int) -> bool:
    """Whether no curve is so near to where it is rounded that the lines themselves might be rounded otherwise."""
    for now, half_life, _, _ in curves:  # noqa: SIM110  a plain loop, on the hot path
        if abs(now * 2.0 ** (-hours / half_life) % 1.0 - 0.5) <= 1e-3:
            return False
    return True


def _readings(judged: Judgement | Course, hour: int) -> list[Reading]:
    return read_lines(judged.rules.scorecard, ledgers_of(judged.profiles), hour)


def _engagement(judged: Judgement | Course, hour: int) -> int:
    return total(_readings(judged, hour))[0]
