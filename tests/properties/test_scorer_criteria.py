"""Every kind of criterion says what its formula says: read from the ledger, or computed from the list of events."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any, NamedTuple

import hypothesis.strategies as st
from hypothesis import given, settings

from services.runtime.record import Batch
from services.scorer import hot, person
from services.scorer.criteria import SCALE, EngagementRule, SequenceRule
from services.scorer.engagement import fold
from services.scorer.processors import ScorerProcessor
from services.scorer.profile import Profile
from services.scorer.qualification import Judgement, judge, next_change
from services.scorer.reading import rounded
from services.scorer.turn import profiles_of
from tests.properties.test_scorer_fold import CONTEXTS, JUDGES, each_set, record
from tests.unit.scorer.world import DAY, HOUR, KEYS, NOW, RICH_RULES

MINUTE = 60_000
START = NOW - NOW % DAY
ACTIONS = ("page_viewed", "email_clicked", "demo_requested", "careers_viewed", "joined")


class Done(NamedTuple):
    """An event: minutes after the start, what, and whether the page was of prices."""

    minute: int
    action: str
    pricing: bool

    @property
    def at(self) -> int:
        return START + self.minute * MINUTE

    @property
    def url(self) -> str:
        return "https://x.example/pricing" if self.pricing else "https://x.example/"


EVENTS = st.lists(
    st.builds(Done, st.integers(0, 29 * 24 * 60), st.sampled_from(ACTIONS), st.booleans()),
    min_size=1,
    max_size=18,
    unique_by=lambda done: done.minute,
)


def profile_of(events: list[Done]) -> Profile:
    profile = Profile()
    for number, done in enumerate(events):
        act = hot.Act(hot.Who(user_id="u"), done.action, url=done.url)
        fold(profile, RICH_RULES, act, done.at, number.to_bytes(6, "big"))
    return profile


@settings(max_examples=500, deadline=None)
@given(EVENTS, st.integers(0, 60 * 24))
def test_a_reading_is_the_formula_over_the_list_of_events(events: list[Done], after: int) -> None:
    newest = max(done.at for done in events)
    hour = newest // HOUR + after
    judgement = judge([profile_of(events)], RICH_RULES, hour * HOUR)
    wanted = {rule.id: counted(rule, events, newest, hour) for rule in RICH_RULES.scorecard.counted}
    wanted |= {rule.id: in_sequence(rule, events, hour) for rule in RICH_RULES.scorecard.sequences}
    for rule in RICH_RULES.scorecard.absences:
        last = max((done.at // HOUR for done in events if done.action in rule.actions), default=None)
        wanted[rule.id] = rule.points if last is not None and hour - last >= rule.after_h else None
    read = {reading.rule.id: reading.points for reading in judgement.readings}
    [web] = RICH_RULES.scorecard.groups
    together = sum(wanted[name] or 0 for name in ("view", "pricing", "then_demo"))
    wanted["web"] = web.most - together if together > web.most else None
    assert read == {name: points for name, points in wanted.items() if points is not None}
    assert judgement.engagement == sum(read.values())


def counted(rule: EngagementRule, events: list[Done], newest: int, now: int) -> int | None:
    met = sorted((done for done in events if meets(rule.id, done)), reverse=True)
    if not met:
        return None
    raw = 0
    for place, done in enumerate(met):
        newer = sum(window(rule, each) == window(rule, done) for each in met[:place])
        if not rule.window_days or newer < rule.most:
            raw += rule.points * weight(rule.half_life_h, now - hour_of(done, newest))
    if rule.first_time:
        raw += rule.first_time * weight(rule.half_life_h, now - met[-1].at // HOUR)
    points = rounded(raw)
    if rule.cap is None:
        return points
    return min(points, rule.cap) if rule.cap > 0 else max(points, rule.cap)


def window(rule: EngagementRule, done: Done) -> int:
    """Days are UTC's, weeks begin on Monday."""
    day = done.at // DAY
    return day if rule.window_days == 1 else (day + 3) // 7


def hour_of(done: Done, newest: int) -> int:
    """To the hour in the two newest days, to the end of the day before."""
    day = done.at // DAY
    return done.at // HOUR if day >= newest // DAY - 1 else day * 24 + 23


def meets(criterion: str, done: Done) -> bool:
    wanted = {"view": "page_viewed", "pricing": "page_viewed", "click": "email_clicked", "demo": "demo_requested"}
    wanted |= {"careers": "careers_viewed", "steady": "joined"}
    return done.action == wanted[criterion] and (criterion != "pricing" or done.pricing)


def weight(half_life: float | None, age: int) -> int:
    return SCALE if half_life is None or age <= 0 else round(SCALE * 2.0 ** (-age / half_life))


def in_sequence(rule: SequenceRule, events: list[Done], now: int) -> int | None:
    steps = {
        "then_demo": [
            [done.at for done in events if done.action == "page_viewed" and done.pricing],
            [done.at for done in events if done.action == "demo_requested"],
        ],
        "back_to_jobs": [
            [done.at for done in events if done.action == "email_clicked"],
            [done.at for done in events if done.action == "careers_viewed"],
        ],
    }[rule.id]
    ends = [
        times[-1]
        for times in product(*steps)
        if all(one < other for one, other in pairwise(times)) and times[-1] - times[0] <= rule.within_ms
    ]
    return rounded(rule.points * weight(rule.half_life_h, now - max(ends) // HOUR)) if ends else None


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.integers(0, 40 * 24), st.booleans())
def test_nothing_changes_before_the_next_change(events: list[Done], after: int, qualified: bool) -> None:
    now = max(done.at for done in events) // HOUR + after
    judgement = judge([profile_of(events)], RICH_RULES, now * HOUR)
    if qualified and judgement.score < RICH_RULES.exit:
        return
    found = next_change(judgement, qualified=qualified)
    assert found is None or found > now
    last = now + 24 * 80 if found is None else min(found - 1, now + 24 * 80)
    before = stands(judgement, now, qualified)
    assert {stands(judgement, hour, qualified) for hour in range(now + 1, last + 1)} <= {before}


def stands(judgement: Judgement, hour: int, qualified: bool) -> tuple[str, bool]:
    later = judge(judgement.profiles, RICH_RULES, hour * HOUR)
    below = later.score < RICH_RULES.exit
    return later.grade, below if qualified else later.score >= RICH_RULES.enter > judgement.score


ACT = st.fixed_dictionaries(
    {
        "who": st.just(0),
        "hour": st.integers(0, 29 * 24),
        "action": st.sampled_from(ACTIONS),
        "pricing": st.booleans(),
    }
)
WATCHED_H = 30 * 24


@each_set
@settings(max_examples=60, deadline=None)
@given(acts=st.lists(ACT, min_size=1, max_size=12))
def test_timers_alone_tell_every_change_of_grade_in_its_hour(definition: str, acts: list[dict[str, Any]]) -> None:
    context, processor, state = CONTEXTS[definition], ScorerProcessor(KEYS), dict[bytes, bytes]()
    log = [record(index, act, index) for index, act in enumerate(acts)]
    effects = processor.process(Batch("engagement.events", 0, log), state, context)
    [key] = [each for each in effects.states if each.startswith(person.PREFIX)]
    hour, told = NOW // HOUR, dict[int, str]()
    while True:
        state |= {name: packed for name, packed in effects.states.items() if packed is not None}
        one = person.unpack(state[key])
        told[hour] = one.lead.grade
        due = one.lead.check_at
        if due is None or due // HOUR > NOW // HOUR + WATCHED_H:
            break
        assert due // HOUR > hour, "a timer moves on"
        hour = due // HOUR
        effects = processor.on_timer(key, "grade", due, state, context)
    grade = ""
    for each in range(NOW // HOUR, NOW // HOUR + WATCHED_H):
        grade = told.get(each, grade)
        assert JUDGES[definition].judge(profiles_of(one), each * HOUR).grade == grade, each - NOW // HOUR
