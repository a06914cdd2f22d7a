"""A backfilled day is said whole: in any order with live events, with repeats and run twice, the state is the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from baton_schemas.backfill import DayBackfilled
from baton_schemas.contract import format_time
from baton_schemas.envelope import to_headers
from baton_schemas.keys import person_key
from services.runtime.record import Batch, LogRecord
from services.scorer import person
from services.scorer.ledger import Ledger
from services.scorer.past import MOST_DAYS, Day, ledgers_of
from services.scorer.processors import BULK, ScorerProcessor
from services.scorer.profile import pack
from services.scorer.qualification import judge
from services.scorer.turn import profiles_of
from tests.unit.scorer.world import DAY, HOUR, KEYS, NOW, RICH, RICH_RULES, RULES, SIGNED, configured

DEFINITIONS = {"small": SIGNED, "every kind of criterion": RICH}
JUDGES = {"small": RULES, "every kind of criterion": RICH_RULES}
CONTEXTS = {name: configured(text) for name, text in DEFINITIONS.items()}
both_definitions = pytest.mark.parametrize("definition", CONTEXTS)
TODAY = NOW // DAY
ACTIONS = ("page_viewed", "email_clicked", "demo_requested", "careers_viewed", "joined", "unsubscribed", "unknown")

ACT = st.fixed_dictionaries(
    {"action": st.sampled_from(ACTIONS), "hour": st.integers(0, 23), "pricing": st.booleans(), "n": st.integers(0, 30)}
)
PLACE = st.tuples(st.integers(0, 1), st.sampled_from(("old-crm", "fair")), st.sampled_from((0, 1, 2, 30, 45, 190)))
BACKFILL = st.dictionaries(PLACE, st.lists(ACT, max_size=4), min_size=1, max_size=8)
LIVE = st.lists(st.tuples(st.integers(0, 1), ACT, st.integers(0, 20)), max_size=12)
Said = Mapping[tuple[int, str, int], Sequence[Mapping[str, Any]]]


def key_of(who: int) -> bytes:
    return person_key(KEYS.secret, KEYS.key_id, "email", f"p{who}@example.com").encode()


def backfilled(said: Said, *, now: int = NOW) -> list[LogRecord]:
    """A record for each person, source and day; `1` is yesterday."""
    records = []
    for (who, source, ago), acts in said.items():
        day = TODAY - ago
        content = {
            "person": {"email": f"p{who}@example.com"},
            "source": source,
            "day": (date(1970, 1, 1) + timedelta(days=day)).isoformat(),
            "acts": [_act(act, day) for act in acts],
        }
        headers = to_headers(id=f"{who}{source}{ago}", source=f"/backfill/{source}", type=DayBackfilled.TYPE, time=NOW)
        records.append(LogRecord(BULK, 0, 0, now, key_of(who), json.dumps(content).encode(), headers))
    return records


def _act(act: Mapping[str, Any], day: int) -> dict[str, Any]:
    url = "https://x.example/pricing" if act["pricing"] else "https://x.example/"
    at = format_time(day * DAY + act["hour"] * HOUR)
    return {"source": "/old", "id": f"a{act['n']}", "time": at, "action": act["action"], "url": url}


def live(events: Sequence[tuple[int, Mapping[str, Any], int]]) -> list[LogRecord]:
    records = []
    for index, (who, act, ago) in enumerate(events):
        data = {"person": {"email": f"p{who}@example.com"}, "action": act["action"]}
        at = NOW - ago * DAY - act["hour"] * HOUR
        headers = to_headers(id=f"e{index}", source="/s", type="baton.engagement.recorded.v1", time=at)
        records.append(LogRecord("engagement.events", 0, 0, NOW, key_of(who), json.dumps(data).encode(), headers))
    return records


def run(log: Sequence[LogRecord], definition: str, state: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
    processor, state = ScorerProcessor(KEYS), dict(state or {})
    for record in log:
        effects = processor.process(Batch(record.topic, 0, [record]), state, CONTEXTS[definition])
        assert not effects.dead_letters
        state.update({key: packed for key, packed in effects.states.items() if packed is not None})
    return state


def profiles(state: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    return {key: pack(person.unpack(packed).profile) for key, packed in state.items() if key.startswith(person.PREFIX)}


def scores(state: Mapping[bytes, bytes], definition: str, now: int = NOW) -> dict[bytes, tuple[int, str, int]]:
    found = {}
    for key, packed in state.items():
        if key.startswith(person.PREFIX):
            judgement = judge(profiles_of(person.unpack(packed)), JUDGES[definition], now)
            found[key] = (judgement.score, judgement.grade, sum(each.points for each in judgement.readings))
    return found


@both_definitions
@settings(max_examples=150, deadline=None)
@given(said=BACKFILL, events=LIVE, data=st.data())
def test_days_and_live_events_in_any_order_with_repeats_give_the_same_bytes(
    definition: str, said: Said, events: list[tuple[int, Mapping[str, Any], int]], data: st.DataObject
) -> None:
    straight = backfilled(said) + live(events)
    shuffled = data.draw(st.permutations([*straight, *data.draw(st.lists(st.sampled_from(straight), max_size=5))]))
    one, other = run(straight, definition), run(shuffled, definition)
    assert profiles(one) == profiles(other)
    assert scores(one, definition) == scores(other, definition)


@both_definitions
@settings(max_examples=100, deadline=None)
@given(said=BACKFILL, events=LIVE)
def test_the_same_backfill_run_twice_leaves_every_byte_of_the_state(
    definition: str, said: Said, events: list[tuple[int, Mapping[str, Any], int]]
) -> None:
    once = run(backfilled(said) + live(events), definition)
    assert run(backfilled(said), definition, once) == once


@both_definitions
@settings(max_examples=100, deadline=None)
@given(said=BACKFILL, events=LIVE)
def test_the_same_backfill_forty_days_later_leaves_every_byte_of_the_state(
    definition: str, said: Said, events: list[tuple[int, Mapping[str, Any], int]]
) -> None:
    once = run(backfilled(said) + live(events), definition)
    assert run(backfilled(said, now=NOW + 40 * DAY), definition, once) == once


@both_definitions
@settings(max_examples=150, deadline=None)
@given(first=BACKFILL, second=BACKFILL, data=st.data())
def test_a_second_backfill_counts_in_the_place_of_the_first_where_both_speak(
    definition: str, first: Said, second: Said, data: st.DataObject
) -> None:
    state = run(backfilled(first), definition)
    again = run(data.draw(st.permutations(backfilled(second))), definition, state)
    alone = run(backfilled({**first, **second}), definition)
    stops = any(act["action"] == "unsubscribed" for acts in first.values() for act in acts)
    if not stops:
        found, wanted = scores(again, definition), scores(alone, definition)
        empty = {key: score for key, score in found.items() if key not in wanted}
        assert {key: found[key] for key in wanted} == wanted
        assert all(engagement == 0 for _, _, engagement in empty.values())


@both_definitions
@settings(max_examples=30, deadline=None)
@given(days=st.sets(st.integers(1, 900), min_size=MOST_DAYS + 1, max_size=MOST_DAYS + 30), data=st.data())
def test_the_newest_days_are_kept_whatever_the_order(definition: str, days: set[int], data: st.DataObject) -> None:
    act = {"action": "joined", "hour": 3, "pricing": False, "n": 1}
    said = {(0, "old-crm", ago): [act] for ago in sorted(days)}
    one = run(backfilled(said), definition)
    other = run(data.draw(st.permutations(backfilled(said))), definition)
    kept = run(backfilled({(0, "old-crm", ago): [act] for ago in sorted(days)[:MOST_DAYS]}), definition)
    assert profiles(one) == profiles(other) == profiles(kept)


def test_at_the_limit_a_day_that_is_taken_back_keeps_its_place_whatever_comes_first() -> None:
    act = {"action": "joined", "hour": 3, "pricing": False, "n": 1}
    full = run(backfilled({(0, "old-crm", ago): [act] for ago in range(1, MOST_DAYS + 1)}), "small")
    second = backfilled({(0, "old-crm", 1): [], (0, "old-crm", MOST_DAYS + 1): [act]})
    assert profiles(run(second, "small", full)) == profiles(run(second[::-1], "small", full))


def test_what_a_day_says_counts_like_the_same_events_live() -> None:
    """Of a day that live events keep by the day, too, and of which no criterion is full."""
    acts = [
        {"action": action, "hour": hour, "pricing": action == "page_viewed", "n": hour}
        for hour, action in enumerate(("page_viewed", "page_viewed", "email_clicked", "demo_requested", "joined"), 9)
    ]
    newest = {"action": "joined", "hour": 0, "pricing": False, "n": 99}
    for definition in CONTEXTS:
        by_backfill = run([*backfilled({(0, "old-crm", 5): acts}), *live([(0, newest, 0)])], definition)
        events = [_as_live(act, TODAY - 5) for act in acts]
        by_events = run([*events, *live([(0, newest, 0)])], definition)
        assert scores(by_backfill, definition) == scores(by_events, definition)
        day = {(0, "old-crm", 5): acts}
        (own, past), (live_one,) = ledgers(run(backfilled(day), definition)), ledgers(run(events, definition))
        assert own == Ledger()
        assert live_one.first.items() <= past.first.items()
        assert live_one.last.items() <= past.last.items()
        assert live_one.times == past.times


def ledgers(state: Mapping[bytes, bytes]) -> list[Ledger]:
    """Of the only person."""
    (packed,) = (packed for key, packed in state.items() if key.startswith(person.PREFIX))
    return ledgers_of(profiles_of(person.unpack(packed)))


def test_of_a_step_the_newest_times_of_a_day_are_kept() -> None:
    day, ties = Day(), [bytes([number] * 6) for number in range(7)]
    for number in (3, 0, 6, 1, 5, 2, 4, 6):
        day.keep_time("s.0", number, ties[number])
    assert day.times == {"s.0": [number.to_bytes(8, "big") + ties[number] for number in (3, 4, 5, 6)]}


def _as_live(act: Mapping[str, Any], day: int) -> LogRecord:
    said = _act(act, day)
    data = {"person": {"email": "p0@example.com"}, "action": said["action"], "url": said["url"]}
    headers = to_headers(
        id=said["id"], source="/old", type="baton.engagement.recorded.v1", time=day * DAY + act["hour"] * HOUR
    )
    return LogRecord("engagement.events", 0, 0, NOW, key_of(0), json.dumps(data).encode(), headers)
