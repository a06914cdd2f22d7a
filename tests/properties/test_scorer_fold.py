"""L1: the score is a fold over the log. Any order, any repeats, any cut into batches, any interleaving of people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from baton_schemas.contract import Contract
from baton_schemas.envelope import to_headers
from baton_schemas.keys import person_key
from baton_schemas.leads import LeadQualified, LeadScored
from services.runtime.effects import Effects, Send
from services.runtime.record import Batch, LogRecord
from services.scorer import person
from services.scorer.ledger import ALL, Ledger, add, advance, is_too_late
from services.scorer.processors import ScorerProcessor
from services.scorer.profile import pack
from services.scorer.reading import read_line
from services.scorer.scope import together
from services.scorer.turn import profiles_of
from tests.unit.scorer.world import (
    BIG,
    BOTH,
    DAY,
    HOUR,
    KEYS,
    NOW,
    RICH,
    RICH_RULES,
    RULES,
    SIGNED,
    configured,
    contract,
)

SMALL, EVERY_KIND, SEVERAL = "small", "every kind of criterion", "two for different people"
START = NOW - 29 * DAY
ACTIONS = ("page_viewed", "email_clicked", "demo_requested", "careers_viewed", "joined", "unknown_action")
ACT = st.fixed_dictionaries(
    {
        "who": st.integers(0, 2),
        "hour": st.integers(0, 29 * 24),
        "action": st.sampled_from(ACTIONS),
        "pricing": st.booleans(),
        "campaign": st.sampled_from((None, None, "spring", "fair")),
        "topic": st.sampled_from((None, "routing", "sla")),
    }
)
TRAITS = st.fixed_dictionaries(
    {
        "who": st.integers(0, 2),
        "hour": st.integers(0, 29 * 24),
        "traits": st.dictionaries(
            st.sampled_from(("seniority", "employees", "company_domain", "message")),
            st.sampled_from(("vp", "none", 100, 9000, "acme.example")),
            min_size=1,
        ),
    }
)
EVENTS = st.lists(ACT | TRAITS, min_size=1, max_size=40)


CONTEXTS = {SMALL: configured(), EVERY_KIND: configured(RICH), SEVERAL: configured(BIG, SIGNED)}
JUDGES = {SMALL: together([RULES]), EVERY_KIND: together([RICH_RULES]), SEVERAL: BOTH}
each_set = pytest.mark.parametrize("definition", CONTEXTS)


def record(index: int, event: dict[str, Any], taken_in: int) -> LogRecord:
    who = {"email": f"p{event['who']}@example.com"}
    if "traits" in event:
        kind, data = "baton.person.identified.v1", {"person": who, "traits": event["traits"]}
    else:
        url = "https://x.example/pricing" if event["pricing"] else "https://x.example/"
        kind, data = "baton.engagement.recorded.v1", {"person": who, "action": event["action"], "url": url}
        if event.get("campaign"):
            data["campaign"] = {"name": event["campaign"], "medium": "mail"}
        if event.get("topic"):
            data["properties"] = {"topic": event["topic"], "stage": "decision"}
    headers = to_headers(id=f"e{index}", source="/s", type=kind, time=START + event["hour"] * HOUR)
    key = person_key(KEYS.secret, KEYS.key_id, "email", who["email"]).encode()
    return LogRecord("engagement.events", 0, taken_in, NOW + taken_in, key, json.dumps(data).encode(), headers)


def run(batches: Sequence[Sequence[LogRecord]], definition: str = SMALL) -> tuple[dict[bytes, bytes], Effects]:
    processor, state, total = ScorerProcessor(KEYS), dict[bytes, bytes](), Effects()
    for batch in batches:
        effects = processor.process(Batch("engagement.events", 0, batch), state, CONTEXTS[definition])
        total.absorb(effects)
        for key, packed in effects.states.items():
            assert packed is not None
            state[key] = packed
    return state, total


def folded(state: dict[bytes, bytes], definition: str) -> dict[bytes, tuple[bytes, int, int, str]]:
    """Of each person: the profile's bytes, and its score read at one and the same moment."""
    found = {}
    for key, packed in state.items():
        if not key.startswith(person.PREFIX):
            continue
        one = person.unpack(packed)
        judgement = JUDGES[definition].judge(profiles_of(one), NOW + DAY)
        found[key] = (pack(one.profile), judgement.fit, judgement.engagement, judgement.grade)
    return found


@st.composite
def mixed_up(draw: st.DrawFn) -> tuple[list[LogRecord], list[list[LogRecord]]]:
    """A log, and the same events in another order, some repeated, cut into batches."""
    events = draw(EVENTS)
    straight = [record(index, event, index) for index, event in enumerate(events)]
    repeats = draw(st.lists(st.sampled_from(range(len(events))), max_size=10))
    order = draw(st.permutations([*range(len(events)), *repeats]))
    shuffled = [record(index, events[index], place) for place, index in enumerate(order)]
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=5)))
    return straight, [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]


@each_set
@settings(max_examples=500, deadline=None)
@given(logs=mixed_up())
def test_any_order_any_repeats_any_cut_give_the_same_bytes_and_score(
    definition: str, logs: tuple[list[LogRecord], list[list[LogRecord]]]
) -> None:
    straight, shuffled = logs
    one, other = run([straight], definition)[0], run(shuffled, definition)[0]
    assert folded(one, definition) == folded(other, definition)


@each_set
@settings(max_examples=100, deadline=None)
@given(events=EVENTS, cuts=st.lists(st.integers(0, 40), max_size=6))
def test_decisions_do_not_depend_on_how_the_log_is_cut(
    definition: str, events: list[dict[str, Any]], cuts: list[int]
) -> None:
    log = [record(index, event, index) for index, event in enumerate(events)]
    marks = sorted(min(cut, len(log)) for cut in cuts)
    whole_state, whole = run([log], definition)
    cut_state, cut = run([log[a:b] for a, b in zip([0, *marks], [*marks, len(log)], strict=True)], definition)
    assert cut_state == whole_state
    assert cut.sends == whole.sends
    assert cut.timers == whole.timers
    assert cut.dead_letters == whole.dead_letters == []


@each_set
@settings(max_examples=200, deadline=None)
@given(events=EVENTS)
def test_skipping_the_full_reading_never_misses_a_decision(definition: str, events: list[dict[str, Any]]) -> None:
    """What is told after each event equals what full readings after each event would tell."""
    log = [record(index, event, index) for index, event in enumerate(events)]
    state, told = dict[bytes, bytes](), list[Send]()
    processor = ScorerProcessor(KEYS)
    for each in log:
        key = person.PREFIX + (each.key or b"")
        if key in state:
            one = person.unpack(state[key])
            one.lead.slack = 0
            one.lead.judged = "to be judged anew"
            state[key] = person.pack(one)
        effects = processor.process(Batch("engagement.events", 0, [each]), state, CONTEXTS[definition])
        told += effects.sends
        state.update({name: packed for name, packed in effects.states.items() if packed is not None})
    usual = run([log], definition)[1].sends
    assert [summary(send) for send in usual] == [summary(send) for send in told]


def summary(send: Send) -> tuple[str, bytes, object]:
    data = contract(LogRecord(send.topic, 0, 0, 0, send.key, send.value, send.headers))
    if isinstance(data, LeadScored):
        return send.topic, send.key, (data.grade, data.score, data.qualified, data.ledger, data.cause)
    return send.topic, send.key, data


@each_set
@settings(max_examples=100, deadline=None)
@given(events=EVENTS)
def test_the_ledger_sums_to_the_score(definition: str, events: list[dict[str, Any]]) -> None:
    log = [record(index, event, index) for index, event in enumerate(events)]
    for send in run([log], definition)[1].sends:
        data: Contract = contract(LogRecord(send.topic, 0, 0, 0, send.key, send.value, send.headers))
        if isinstance(data, LeadScored | LeadQualified):
            lines = data.ledger if isinstance(data, LeadScored) else data.dossier.ledger
            assert round(sum(line.points for line in lines), 6) == data.score
            assert round(data.fit + data.engagement, 6) == data.score
            assert all(round(line.points * 10, 6).is_integer() for line in lines)


STEP = st.tuples(st.integers(0, 100 * 24), st.integers(0, 400))


@settings(max_examples=200, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=60), st.randoms(use_true_random=False))
@example([(hour, number) for hour in range(30) for number in range(2)], Random(3))
def test_buckets_are_the_same_whatever_the_order_within_the_horizon(
    steps: list[tuple[int, int]], random: Random
) -> None:
    """Over 100 days: in order of time, and with each event up to 20 days late."""
    in_time = sorted(set(steps))
    late = sorted(in_time, key=lambda step: step[0] + random.randrange(20 * 24))
    one, other = Ledger(), Ledger()
    for ledger, order in ((one, in_time), (other, late + late[-5:])):
        for place, (hour, number) in enumerate(order):
            hour_since_1970 = NOW // HOUR + hour
            if is_too_late(ledger, hour_since_1970):
                assert place >= len(in_time), "only a repeat may be too late here"
                continue
            advance(ledger, hour_since_1970)
            add(ledger, "view", hour_since_1970, hour.to_bytes(3, "big") + number.to_bytes(3, "big"))
    assert one == other
    assert list(one.lines["view"]) == list(other.lines["view"]) == sorted(one.lines["view"])
    rule = RULES.by_id["view"]
    later = NOW // HOUR + 101 * 24
    assert read_line(rule, [one.lines["view"]], [one], later) == read_line(rule, [other.lines["view"]], [other], later)


def test_a_bot_keeps_bounded_state_and_its_days_count_twenty_each() -> None:
    forward, backward = Ledger(), Ledger()
    events = [(NOW // HOUR + n // 100, n.to_bytes(6, "big")) for n in range(60_000)]
    recent = [event for event in events if event[0] // 24 >= events[-1][0] // 24 - 31]
    for hour, number in events:
        advance(forward, hour)
        add(forward, ALL, hour, number)
    for hour, number in reversed(recent):
        advance(backward, hour)
        add(backward, ALL, hour, number)
    assert len(forward.lines[ALL]) < 100
    assert all(len(held) <= 19 * 6 for held in forward.lines[ALL].values() if isinstance(held, bytes))
    last = events[-1][0] // 24
    assert all(forward.lines[ALL][day * 48 + 1] == 20 for day in range(last - 20, last))
    assert {k: v for k, v in forward.lines[ALL].items() if k in backward.lines[ALL]} == backward.lines[ALL]
