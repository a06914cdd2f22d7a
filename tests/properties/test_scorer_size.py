"""A person has at most 16 KB, whatever is sent; what gives way is counted, and what was decided never does."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from baton_schemas.contract import format_time
from baton_schemas.envelope import to_headers
from services.runtime.effects import Effects
from services.runtime.record import Batch, LogRecord
from services.scorer import past, person, profile
from services.scorer.definition import compile_rules, read
from services.scorer.giving_way import Part
from services.scorer.hops import Colleague, Signal
from services.scorer.ledger import ALL, HOUR_MS, Ledger
from services.scorer.limit import MOST_BYTES, MOST_PROFILE, fit, growth_of
from services.scorer.past import ledgers_of
from services.scorer.person import Claim, Held, Lead, Membership, Person
from services.scorer.processors import ScorerProcessor
from services.scorer.profile import Facts, Latest, Profile, pack_act
from services.scorer.reading import read_lines
from services.scorer.scope import together
from services.scorer.turn import CUT, profiles_of
from tests.signing import signed
from tests.unit.scorer.world import DAY, HOUR, KEYS, NOW, configured, key_of

WORDS = [f"word_{number}_{'w' * 40}" for number in range(30)]
NOTES = [f"note_{number}" for number in range(12)]
COUNTED = [f"counted_{number}_{'c' * 30}" for number in range(40)]
WIDE = signed(
    "name: wide\nversion: 1\nfit:\n"
    + "".join(
        f"  - {{id: fit{n}, label: F, points: 1, when: {{trait: {w}, contains: x}}}}\n" for n, w in enumerate(WORDS)
    )
    + "engagement:\n"
    + "".join(
        f"  - {{id: {name}, label: C, action: [did, did_{n}], points: 1, half_life_days: 30, first_time: 1}}\n"
        for n, name in enumerate(COUNTED)
    )
    + "  - {id: odd, label: O, action: odd, points: -5}\n"
    + """sequences:
  - {id: both, label: B, steps: [{action: did}, {action: odd}], within_days: 9, points: 4}
absences:
  - {id: quiet, label: Q, action: did, for_days: 9, points: -3}
disqualifiers:
  - {reason: opted_out, label: Opted out, action: opted_out}
thresholds: {enter: 30, exit: 20}
grades:
  fit: {A: 25, B: 15, C: 5}
  engagement: {1: 40, 2: 25, 3: 10}
tiers:
  - {name: all}
"""
    + f"notes: [{', '.join(NOTES)}]\n"
)
DEFINITIONS = together([compile_rules(read(WIDE, "test"))])
CONTEXT = configured(WIDE)
FIRST = NOW - 29 * DAY

number = st.integers(0, 10_000)
long_text = st.builds(lambda letter, length: letter * length, st.sampled_from("xé🙂"), st.integers(0, 1000))
value = st.one_of(long_text, number, st.lists(long_text, max_size=50))
trait_name = st.sampled_from([*WORDS, *NOTES, "email", "company_domain", "job_title"]) | st.builds("t{}".format, number)


# how a person may look, however it came to that


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    today = NOW // DAY
    names = [ALL, *draw(st.lists(st.sampled_from([*COUNTED, "former", "former_two"]), max_size=40, unique=True))]
    ids = draw(st.integers(0, 19))
    with_ids, numbers = draw(st.integers(0, 29)), draw(st.integers(0, 60))
    lines: dict[str, dict[int, bytes | int]] = {}
    for name in sorted(names):
        buckets: dict[int, bytes | int] = {(today - 31 - day) * 48 + 1: 20 for day in range(numbers)}
        buckets |= {(today - 2 - day) * 48 + 1: b"abcdef" * ids or 20 for day in range(with_ids)}
        buckets |= {today * 48 + 2 * hour: b"abcdef" for hour in range(draw(st.integers(0, 3)))}
        if buckets:
            lines[name] = dict(sorted(buckets.items()))
    times = {key: b"12345678abcdef" * draw(st.integers(1, 16)) for key in ("both.0", "both.1", "former.0")}
    return Ledger(NOW // HOUR_MS, 0, lines, times, dict.fromkeys(lines, 5), dict.fromkeys(lines, 6))


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    traits = draw(st.dictionaries(trait_name, st.tuples(st.integers(0, NOW), value), max_size=64))
    about = draw(st.integers(0, 240)) * "🙂"
    said = b""
    for day in range(draw(st.integers(0, 60))):
        marks = dict.fromkeys(COUNTED[: draw(st.integers(1, 5))], (3, 1, 2))
        told = [pack_act(day * DAY, b"abcdef", "did", about[:60])]
        said, _ = past.restate(said, f"source_{day % 3}", day, past.Day(marks, {"both.0": [b"x" * 14]}, told))
    campaign = Latest(NOW, b"abcdef", [draw(st.sampled_from(("é" * 200, "short")))] * 3)
    return Profile(
        draw(ledgers()),
        draw(st.none() | st.just("é" * 240 + "@x.example")),
        {name: Latest(at, b"abcdef", profile.bounded(said)) for name, (at, said) in sorted(traits.items())},
        sorted((pack_act(NOW - n, b"abcdef", "did", about) for n in range(draw(st.integers(0, 20)))), reverse=True),
        campaign,
        draw(st.none() | st.just(Latest(NOW, b"abcdef", "opted_out"))),
        draw(st.none() | st.just(Facts(NOW, b"abcdef", "owner", "do_not_contact"))),
        campaign,
        said,
    )


@st.composite
def people(draw: st.DrawFn) -> Person:
    held = {
        f"k1.{place:032x}": Held(place, f"k1.{place:032x}", packed, draw(st.none() | st.just(f"h{place:024x}")))
        for place in range(draw(st.sampled_from((0, 1, 3, 30, 200))))
        for packed in [None if draw(st.integers(0, 3)) == 0 else profile.pack(draw(st.sampled_from(LINKED)))]
    }
    claims = {f"k1.{place:032x}": Claim(place, "a" * 12) for place in range(draw(st.sampled_from((0, 3, 200))))}
    titles = draw(st.lists(st.none() | long_text, max_size=5))
    colleagues = [Colleague(person=f"k1.{1:032x}", grade="A1", job_title=title) for title in titles]
    story = Signal(account="k1.a", person="k1.p", version=3, colleagues=colleagues).to_json()
    lead = Lead("x" * 20, NOW, "A1", handoff="h" * 25, last="h" * 25, rested_at=3, rest_reason="no_budget")
    lead.stopped = {each.handoff: "opted_out" for each in held.values() if each.handoff}
    membership = Membership("k1.a", 4, "told", 3, False, draw(st.none() | st.just(story)))
    return Person(draw(profiles()), NOW, 7, None, held, claims, lead, membership)


LINKED = [
    Profile(),
    Profile(acts=[pack_act(NOW - 5, b"abcdef", "did", "")]),
    Profile(Ledger(NOW // HOUR_MS, 0, {ALL: {NOW // DAY * 48 + 1: b"abcdef" * 9}, "former": {2: b"abcdef"}})),
    Profile(traits={"t1": Latest(4, b"abcdef", "x" * 900), WORDS[0]: Latest(5, b"abcdef", ["é" * 100] * 9)}),
]


@settings(max_examples=30, deadline=None)
@given(people())
def test_whoever_it_is_fits_and_what_is_missing_was_counted(one: Person) -> None:
    before, decided = person.unpack(person.pack(one)), decisions(one)
    again = person.unpack(person.pack(one))
    _, gone = fit(one, DEFINITIONS)
    assert len(person.pack(one)) <= MOST_BYTES
    assert len(profile.pack(one.profile)) <= MOST_PROFILE
    assert decisions(one) == decided
    assert fit(again, DEFINITIONS)[1] == gone
    assert person.pack(again) == person.pack(one), "the same state gives the same state"
    assert not fit(one, DEFINITIONS)[1], "what fits is left alone"
    whole = one.held.keys() == before.held.keys()  # of an identity that is given up as a whole nothing more is counted
    for part, (had, has) in missing(before, one).items():
        assert gone[part] == had - has if whole or part in ("identity", "claim") else gone[part] <= had - has, part
    lines = [each.ledger.lines for each in profiles_of(one)]
    assert all(buckets for each in lines for buckets in each.values()), "a line holds something"


def decisions(one: Person) -> object:
    """What is never cut."""
    lead, own = one.lead, one.profile
    kept = (lead.handoff, lead.last, lead.qualified, lead.rested_at, lead.rest_reason, lead.history, one.link)
    return kept, own.stopped, own.facts, own.email, one.membership.heard, one.membership.account, one.version


def missing(before: Person, after: Person) -> dict[Part, tuple[int, int]]:
    """By part: how many things there were, and are."""
    found: dict[Part, tuple[int, int]] = {}
    for one in (before, after):
        every = profiles_of(one)
        now: dict[Part, int] = {
            "claim": len(one.claims),
            "identity": len(one.held),
            "trait": sum(len(each.traits) for each in every),
            "act": sum(len(each.acts) for each in every)
            + sum(len(past._acts(each.past)) for each in every if each.past),
        }
        for part, number in now.items():
            found[part] = (found[part][0], number) if part in found else (number, number)
    return found


def closed_days(one: Profile) -> int:
    return sum(type(held) is int for buckets in one.ledger.lines.values() for held in buckets.values())


@settings(max_examples=30, deadline=None)
@given(profiles())
def test_of_a_profile_each_part_is_counted_as_it_goes(one: Profile) -> None:
    before = profile.unpack(profile.pack(one))
    gone = fit(Person(one), DEFINITIONS)[1]
    assert len(before.traits) - len(one.traits) == gone["trait"]
    days = [{code // 48 for buckets in each.ledger.lines.values() for code in buckets} for each in (before, one)]
    if not gone["criterion"]:
        said = len(past.days_of(before.past)) - len(past.days_of(one.past))
        assert said + len(days[0] - days[1]) == gone["day"]
        assert (
            sum(map(len, before.ledger.times.values())) - sum(map(len, one.ledger.times.values())) == 14 * gone["time"]
        )
        if not gone["day"]:
            assert closed_days(one) - closed_days(before) == gone["ids"]
            assert lines_of(before) == lines_of(one), "ids are no points"


def lines_of(one: Profile) -> object:
    return read_lines(DEFINITIONS.first.scorecard, ledgers_of([one]), NOW // HOUR_MS)


# how a person gets there


EVENT = st.one_of(
    st.fixed_dictionaries(
        {
            "hour": st.integers(0, 29 * 24),
            "who": st.integers(0, 3),
            "traits": st.dictionaries(trait_name, value, max_size=8),
        }
    ),
    st.fixed_dictionaries(
        {
            "hour": st.integers(0, 29 * 24),
            "who": st.integers(0, 3),
            "action": st.sampled_from(("did", "did_3", "odd", "odd", "nothing")),
            "properties": st.dictionaries(st.sampled_from([*NOTES, "title", "topic"]), long_text, max_size=3),
        }
    ),
    st.fixed_dictionaries({"linked": st.integers(0, 80), "profile": profiles()}),
)
EMAIL = {"email": "p@example.com"}
KEY = key_of(EMAIL).encode()


def record(place: int, event: dict[str, Any]) -> LogRecord:
    who = EMAIL if not event.get("who") else {**EMAIL, "anonymous_id": f"a{place}"}
    if "traits" in event:
        kind, data = "baton.person.identified.v1", {"person": who, "traits": event["traits"]}
    elif "action" in event:
        kind = "baton.engagement.recorded.v1"
        data = {"person": who, "action": event["action"], "properties": event["properties"]}
    else:
        source, one = f"k1.{event['linked']:032x}", event["profile"]
        fit(Person(one), DEFINITIONS)
        kind = "baton.identity.ledger.v1"
        packed = b64encode(profile.pack(one)).decode()
        data = {"source": source, "version": place, "packed": packed, "via": source, "link_cause": "c"}
        data |= {"linked_at": format_time(NOW)} | ({"handoff": f"h{place:024x}"} if place % 9 == 0 else {})
    topic = "engagement.linked" if "linked" in event else "engagement.events"
    headers = to_headers(id=f"e{place}", source="/s", type=kind, time=FIRST + event.get("hour", 0) * HOUR)
    return LogRecord(topic, 0, place, NOW + place, KEY, json.dumps(data, ensure_ascii=False).encode(), headers)


def run(log: Sequence[LogRecord], most: int) -> tuple[dict[bytes, bytes], Effects]:
    """The log in batches of at most so many records of one topic."""
    processor, state, total = ScorerProcessor(KEYS), dict[bytes, bytes](), Effects()
    batches: list[list[LogRecord]] = []
    for each in log:
        if not batches or len(batches[-1]) >= most or batches[-1][-1].topic != each.topic:
            batches.append([])
        batches[-1].append(each)
    for batch in batches:
        effects = processor.process(Batch(batch[0].topic, 0, batch), state, CONTEXT)
        total.absorb(effects)
        state.update({key: packed for key, packed in effects.states.items() if packed is not None})
        assert all(len(packed) <= MOST_BYTES for packed in effects.states.values() if packed is not None)
    return state, total


@settings(max_examples=25, deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=30), st.integers(2, 9))
def test_no_stream_makes_a_person_larger_and_no_cut_into_batches_changes_it(
    events: list[dict[str, Any]], most: int
) -> None:
    log = [record(place, event) for place, event in enumerate(events)]
    (one, told), (other, told_too) = run(log, most), run(log, 1)
    assert one == other
    assert told.sends == told_too.sends
    assert told.dead_letters == []
    assert cuts(told) == cuts(told_too)


def cuts(effects: Effects) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for each in effects.observations:
        if each.metric == CUT:
            found[each.labels] += int(each.value)
    return found


@settings(max_examples=40, deadline=None)
@given(st.lists(EVENT.filter(lambda event: "linked" not in event), min_size=1, max_size=4))
def test_an_event_lets_a_person_grow_by_no_more_than_is_taken_off(events: list[dict[str, Any]]) -> None:
    before = 0
    processor, state = ScorerProcessor(KEYS), dict[bytes, bytes]()
    for place, event in enumerate(events):
        log = record(place, event)
        effects = processor.process(Batch(log.topic, 0, [log]), state, CONTEXT)
        state.update({key: packed for key, packed in effects.states.items() if packed is not None})
        one = person.unpack(state[person.PREFIX + KEY])
        size = len(profile.pack(one.profile)) + len(str(one.claims))
        assert size - before <= 4 * len(log.value or b"") + growth_of(DEFINITIONS)
        before = size
