"""The promises that every engine keeps: one suite, run on each of them."""

from __future__ import annotations

import json

import pytest

from services.runtime import dead_letters
from services.runtime.record import Record
from tests.contract import toy
from tests.contract.engines import Builder, EngineUnderTest
from tests.contract.toy import ALPHA, BETA, BULK, CONFIG, DECIDED, INTERNAL, RANG
from tests.contract.verify import Report, verify

KEYS = [b"ann", b"bob", b"\xff\xfe\x00", b"", None, "zoë".encode()]


def run(engine: EngineUnderTest, *values: bytes, topic: str = ALPHA, key: bytes = b"ann") -> None:
    for value in values:
        engine.publish(topic, key, value)
    engine.start()
    engine.drain()


def check(engine: EngineUnderTest, *, complete: bool = True, healed: bool = False, now: int | None = None) -> Report:
    report = verify(engine.records, complete=complete, healed=healed, now=now, config_from=1, slack_ms=engine.slack_ms)
    assert not report.broken, "\n".join(report.broken[:20])
    return report


def decided(engine: EngineUnderTest) -> list[dict[str, object]]:
    return [json.loads(record.value or b"") for record in engine.records(DECIDED)]


def rang(engine: EngineUnderTest) -> list[dict[str, object]]:
    return [json.loads(record.value or b"") for record in engine.records(RANG)]


def mixed(engine: EngineUnderTest, count: int) -> None:
    """Traffic of every harmless and every poisonous kind, over all keys, both topics and all partitions."""
    values = [b"plain", None, b"", b"\xff\xfe", b"!letter", b"!permanent", b"!wide 3", b"!forget", b"!wide 0"]
    for index in range(count):
        topic = BULK if index % 10 == 9 else (ALPHA, BETA)[index % 2]
        headers = (("same", b"%d" % index), ("same", b"\xff"), ("empty", b""))
        engine.publish(topic, KEYS[index % 6], values[index * 7 % 9], headers[: index % 4])
    engine.publish(BETA, b"ann", b"!transient 1")


def test_each_record_is_decided_once_and_in_order_of_its_key(build: Builder) -> None:
    engine = build()
    mixed(engine, 300)
    engine.start()
    engine.drain()
    report = check(engine)
    assert report.repeats == 0
    assert len(report.expected.decided) > 200
    assert len(report.expected.dead) > 40


@pytest.mark.parametrize("max_batch", [1, 2, 7])
def test_batches_cut_anyhow_give_the_same(build: Builder, max_batch: int) -> None:
    engine = build(max_batch=max_batch, seed=max_batch)
    mixed(engine, 120)
    engine.start()
    engine.drain()
    check(engine)


def test_what_arrives_while_it_runs_is_decided_too(build: Builder) -> None:
    engine = build()
    engine.start()
    for _ in range(3):
        mixed(engine, 30)
        engine.drain()
        check(engine)


def test_a_record_sent_to_an_own_input_is_heard_in_its_lane(build: Builder) -> None:
    engine = build()
    run(engine, b"one", b"two", key=b"ann")
    heard = [record.value for record in engine.records(toy.HEARD)]
    partition = engine.records(ALPHA)[0].partition
    assert heard == [b"toy.alpha/%d/0" % partition, b"toy.alpha/%d/1" % partition]
    assert {record.key for record in engine.records(INTERNAL)} == {toy.group_of(b"ann")}
    check(engine)


def test_a_timer_fires_once_after_its_partition_was_read_up_to_it(build: Builder) -> None:
    engine = build()
    run(engine, b"!timer call 300")
    if engine.slack_ms == 0:
        assert not rang(engine)
    engine.advance(301)
    engine.advance(301)
    fired = rang(engine)
    assert len(fired) == 1
    check(engine)


def test_a_timer_that_is_moved_fires_at_its_last_time_only(build: Builder) -> None:
    engine = build()
    run(engine, b"!timer call 30000", b"!timer call 300")
    engine.advance(400)
    assert len(rang(engine)) == 1
    check(engine)


def test_a_cancelled_timer_never_fires(build: Builder) -> None:
    engine = build()
    run(engine, b"!timer call 500", b"!timer visit 500", b"!cancel call", topic=BETA)
    engine.advance(600)
    assert [str(each["id"]).split("#")[1].split("@")[0] for each in rang(engine)] == ["visit"]
    check(engine)


def test_a_timer_waits_for_what_was_in_the_log_before_it_was_due(build: Builder) -> None:
    engine = build(max_batch=1)
    for value in (b"!timer call 1000", *[b"plain"] * 5, b"!cancel call"):
        engine.publish(ALPHA, b"ann", value)
    engine.pass_time(1100)
    engine.start()
    engine.drain()
    check(engine)
    assert not rang(engine)


def test_a_timer_that_is_due_at_once_or_long_ago_fires(build: Builder) -> None:
    engine = build()
    run(engine, b"!timer now 0", b"!timer past -86400000")
    engine.advance(1)
    assert len(rang(engine)) == 2
    check(engine)


def test_a_timer_may_set_itself_again(build: Builder) -> None:
    engine = build()
    run(engine, b"!timer repeat 100")
    engine.advance(400)
    assert len(rang(engine)) == 1 + toy.REPEATS
    check(engine)


def test_a_timer_survives_a_restart_and_fires_once(build: Builder) -> None:
    engine = build()
    run(engine, b"!timer call 500", b"!timer early 100")
    engine.kill()
    engine.start()
    engine.advance(600)
    engine.kill()
    engine.start()
    engine.advance(100)
    check(engine)
    assert len({str(each["id"]) for each in rang(engine)}) == 2


@pytest.mark.parametrize(("name", "code"), [("permanent", "toy_timer"), ("large", "output_too_large")])
def test_a_timer_that_cannot_be_carried_out_is_a_dead_letter_of_its_own(build: Builder, name: str, code: str) -> None:
    engine = build()
    run(engine, f"!timer {name} 100".encode(), b"!timer other 100")
    engine.advance(200)
    check(engine)
    letters = [dead_letters.read(record) for record in engine.records(ALPHA + ".dead")]
    assert [(letter.code, letter.of_timer, letter.key) for letter in letters] == [(code, True, b"toy.alpha|+ann")]
    assert len(rang(engine)) == 1


def test_dead_letters_keep_bytes_and_headers(build: Builder) -> None:
    engine = build()
    headers = (("same", b"1"), ("same", b"\xff\x00"), ("empty", b""), ("zoë", b"2"))
    sent = [(key, b"!permanent \xff\x00", headers) for key in KEYS] + [(key, b"!letter", ()) for key in KEYS]
    for key, value, each in sent:
        engine.publish(BETA, key, value, each)
    run(engine)
    check(engine)
    letters = [dead_letters.read(record) for record in engine.records(BETA + ".dead")]
    assert sorted(map(repr, sent)) == sorted(repr((each.key, each.value, each.headers)) for each in letters)


def test_a_replayed_dead_letter_is_decided_under_the_id_of_its_origin(build: Builder) -> None:
    engine = build()
    run(engine, b"before", b"!letter", b"after")
    letter = dead_letters.read(engine.records(ALPHA + ".dead")[0])
    again = letter.replay()
    assert (again.topic, again.key, again.value) == (ALPHA, b"ann", b"!letter")
    engine.publish(again.topic, again.key, b"repaired", again.headers)
    engine.drain()
    check(engine)
    assert decided(engine)[-1]["id"] == f"{ALPHA}/{letter.origin.partition}/1"


@pytest.mark.parametrize("poison", [b"!permanent", b"!letter", b"!large", b"!fat"])
def test_poison_in_the_middle_costs_that_record_alone(build: Builder, poison: bytes) -> None:
    engine = build()
    run(engine, *[b"plain"] * 9, poison, *[b"plain"] * 9, b"!near", b"plain")
    check(engine)
    assert [each["n"] for each in decided(engine)] == list(range(1, 21))
    assert len(engine.records(ALPHA + ".dead")) == 1


def test_a_transient_error_holds_the_lane_and_passes(build: Builder) -> None:
    engine = build()
    run(engine, b"plain", b"!transient 3", b"plain", b"!permanent", b"!transient 2")
    check(engine)
    assert [each["n"] for each in decided(engine)] == [1, 2, 3, 4]


@pytest.mark.parametrize("bug", [b"!bug", b"!stray", b"!keyless"])
def test_a_bug_commits_the_good_prefix_and_stops(build: Builder, bug: bytes) -> None:
    engine = build()
    for value in (b"plain", b"!permanent", b"plain", bug, *[b"plain"] * 8):
        engine.publish(ALPHA, b"ann", value)
    for _ in range(2):
        engine.start()
        assert engine.wait_for_failure()
        check(engine, complete=False)
        assert {str(each["id"]).rsplit("/", 1)[1] for each in decided(engine)} == {"0", "2"}
        assert len(engine.records(ALPHA + ".dead")) in (1, 2)


def test_a_repaired_bug_goes_on_where_it_stopped(build: Builder) -> None:
    engine = build()
    for value in (b"plain", b"!bug", b"!timer call 100"):
        engine.publish(ALPHA, b"ann", value)
    engine.start()
    assert "on demand" in engine.wait_for_failure()
    engine.publish(CONFIG, b"heal", b"1")
    engine.start()
    engine.drain()
    engine.advance(200)
    check(engine, healed=True)


def test_a_restart_restores_the_state_and_tells_only_equal_bytes_again(build: Builder) -> None:
    engine = build()
    mixed(engine, 150)
    engine.start()
    engine.drain()
    for end in (engine.kill, engine.stop):
        end()
        mixed(engine, 60)
        engine.start()
        engine.drain()
        check(engine)


def test_an_order_of_one_key_holds_over_a_restart_in_the_middle(build: Builder) -> None:
    engine = build(max_batch=3)
    for _ in range(20):
        engine.publish(ALPHA, b"ann", b"plain")
    engine.start()
    engine.kill()
    run(engine, *[b"plain"] * 20)
    check(engine)
    counts = [each["n"] for each in decided(engine)]
    assert sorted(set(map(str, counts)), key=int) == [str(n) for n in range(1, 41)]


def test_the_configuration_is_whole_before_the_first_batch_and_changes_show(build: Builder) -> None:
    engine = build()
    for index in range(50):
        engine.publish(CONFIG, b"other-%d" % index, b"x")
    engine.publish(CONFIG, b"label", b"second")
    mixed(engine, 40)
    engine.start()
    engine.drain()
    assert {each["label"] for each in decided(engine)} == {"second"}
    engine.publish(CONFIG, b"label", b"third")
    last: Record | None = None
    for _ in range(200):
        run(engine, b"plain")
        last = engine.records(DECIDED)[-1]
        if decided(engine)[-1]["label"] == "third":
            break
    assert last is not None
    assert decided(engine)[-1]["label"] == "third"
    engine.publish(CONFIG, b"label", None)
    check(engine)


def test_state_that_was_deleted_stays_deleted_after_a_restart(build: Builder) -> None:
    engine = build()
    run(engine, b"plain", b"!timer call 200", b"!forget")
    engine.kill()
    run(engine, b"plain")
    engine.advance(300)
    check(engine)
    assert decided(engine)[-1]["n"] == 1
    assert not rang(engine)
