"""A look-back gives what counting from the beginning would have given, in any order, with events coming meanwhile."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from services.runtime.record import LogRecord
from services.scorer import hot
from services.scorer.coming import changed_in, counting_for, new_in
from services.scorer.definition import Rules, read
from services.scorer.engagement import fold
from services.scorer.intake import open_envelope, tie_of
from services.scorer.joining import join
from services.scorer.ledger import IDS_DAYS
from services.scorer.profile import Profile, pack, unpack
from services.scorer.recount import Recount
from tests.properties.test_scorer_fold import ACT, START, TRAITS, record
from tests.signing import signed
from tests.unit.scorer.world import DAY, DEFINITION, HOUR, KEYS, RICH, RICH_RULES, RULES

OF_ONE = st.lists((ACT | TRAITS).map(lambda event: {**event, "who": 0}), min_size=1, max_size=60)
COUNTING = counting_for(RULES, read(RICH, "rich"))


def joined(hours: list[int]) -> list[LogRecord]:
    return [
        record(index, {"who": 0, "hour": hour, "action": "joined", "pricing": False}, index)
        for index, hour in enumerate(hours)
    ]


def fold_one(profile: Profile, rules: Rules, log: list[LogRecord]) -> Profile:
    for each in log:
        envelope = open_envelope(each)
        event = hot.read_act(envelope.data) or hot.read_traits(envelope.data)
        assert event is not None
        fold(profile, rules, event, envelope.time or 0, tie_of(envelope))
    return profile


def recounted(log: list[LogRecord], rules: Rules) -> Profile:
    recount = Recount(rules, KEYS, since=START - DAY, now_at=lambda at: at, erased_at=lambda _: None)
    for each in log:
        recount.take(each)
    [(_, packed)] = recount.people()
    found = unpack(packed)
    found.email = None  # the only thing that `fold` does not take from an event
    return found


@pytest.mark.parametrize("rules", [RULES, RICH_RULES], ids=["small", "every kind of criterion"])
@settings(max_examples=500, deadline=None)
@given(events=OF_ONE, data=st.data())
def test_two_profiles_joined_are_one_that_saw_it_all(
    rules: Rules, events: list[dict[str, Any]], data: st.DataObject
) -> None:
    log = [record(index, event, index) for index, event in enumerate(events)]
    flags = st.lists(st.booleans(), min_size=len(log), max_size=len(log))
    here, there = data.draw(flags, "known here"), data.draw(flags, "known there, too")
    one = [each for each, known in zip(log, here, strict=True) if known]
    other = [each for each, known, too in zip(log, here, there, strict=True) if too or not known]
    whole = pack(fold_one(Profile(), rules, log))
    for first, second in ((one, other), (other, one)):
        both = fold_one(Profile(), rules, first)
        join(both, fold_one(Profile(), rules, second))
        assert pack(both) == whole
        join(both, fold_one(Profile(), rules, second))
        assert pack(both) == whole, "twice is once"


@settings(max_examples=500, deadline=None)
@given(events=OF_ONE, data=st.data())
def test_counting_begins_late_and_a_look_back_makes_up_for_it(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    """The old definition counts alone at first, then for the coming one as well; the log is read once more up to some
    later event, and what it says is joined at some event after that."""
    log = [record(index, event, index) for index, event in enumerate(events)]
    begun, read_to, at = sorted(data.draw(st.tuples(*[st.integers(0, len(log))] * 3), "places"))
    if not read_to:
        return
    live = fold_one(Profile(), RULES, log[:begun])
    fold_one(live, COUNTING, log[begun:at])
    join(live, recounted(log[:read_to], RICH_RULES))
    fold_one(live, COUNTING, log[at:])
    assert pack(live) == pack(fold_one(Profile(), COUNTING, log))


def test_a_day_that_fills_up_by_joining_is_full() -> None:
    log = joined([5 + index // 15 for index in range(30)])
    both = fold_one(Profile(), RULES, log[:15])
    join(both, fold_one(Profile(), RULES, log[15:]))
    assert pack(both) == pack(fold_one(Profile(), RULES, log))
    assert both.ledger.lines["steady"] == {(START + 5 * HOUR) // DAY * 48 + 1: 20}


def test_days_without_ids_stay_as_they_are_known() -> None:
    """What is older than ids are kept is known to the live profile alone, or to both alike."""
    old, new = joined([0, (IDS_DAYS + 2) * 24])
    live = fold_one(Profile(), RULES, [old, new])
    whole = pack(live)
    for log in ([old, new], [new]):
        join(live, fold_one(Profile(), RULES, log))
        assert pack(live) == whole


def test_what_is_new_and_what_was_changed_is_named() -> None:
    known, rich = read(signed(DEFINITION), "known"), read(RICH, "rich")
    assert new_in(rich, [known]) == ["then_demo", "back_to_jobs", "quiet", "gone", "view"], "view: its first time, too"
    assert new_in(rich, []) == [*[each.id for each in rich.engagement], "then_demo", "back_to_jobs", "quiet", "gone"]
    assert changed_in(rich, known) == []
    other = read(signed(DEFINITION.replace("/pricing}, points: 6", "/prices}, points: 9")), "other")
    assert changed_in(other, known) == ["pricing"]
    assert changed_in(read(signed(DEFINITION.replace("points: 30", "points: 35")), "dearer"), known) == []
    assert new_in(read(signed(DEFINITION.replace("id: click", "id: clicked")), "renamed"), [known]) == ["clicked"]


def test_only_what_is_within_the_look_back_and_after_an_erasure_is_counted() -> None:
    log = joined([24 * index for index in range(10)])

    def found(since: int, erased: int | None) -> int:
        recount = Recount(RULES, KEYS, since=since, now_at=lambda at: at, erased_at=lambda _: erased)
        for each in log:
            recount.take(each)
        [(key, packed)] = recount.people()
        assert recount.since_of(key) == max(since, (erased or -1) + 1)
        return len(unpack(packed).ledger.lines["steady"])

    assert (found(START, None), found(START + 4 * DAY, None), found(START, START + 6 * DAY)) == (10, 6, 3)
