"""`baton publish --backfill`: a file of the past becomes days of people; a later run takes the place of an earlier."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from baton_schemas.backfill import MOST_ACTS, DayBackfilled
from baton_schemas.contract import format_time
from baton_schemas.engagement import PersonAliased
from services.cli.backfill import day_sends, file_sends
from services.cli.main import app
from services.cli.publishing.days import BULK, Days
from services.cli.publishing.reading import json_readings
from services.cli.publishing.records import KeyMaker
from services.cli.publishing.report import Report
from tests.unit.scorer.world import DAY, HOUR, KEYS, NOW, World, email, key_of

MAKER = KeyMaker(KEYS.secret, KEYS.key_id)
ADA, BEN = email("ada"), email("ben")
PEOPLE = [email(f"p{number}") for number in range(3)]


def act(who: dict[str, str], action: str, ago: int, *, id: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id or f"{who}{action}{ago}",
        "source": "/old",
        "type": "baton.engagement.recorded.v1",
        "time": format_time(NOW - ago * DAY),
        "data": {"person": who, "action": action, **more},
    }


def identify(who: dict[str, str], ago: int, **traits: Any) -> dict[str, Any]:
    told = act(who, "x", ago)
    return {**told, "type": "baton.person.identified.v1", "data": {"person": who, "traits": traits}}


def good(people: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """History by which each of these people qualifies."""
    traits = [identify(who, 3, seniority="vp", employees=100) for who in people]
    return traits + [act(who, *did) for who in people for did in (("demo_requested", 2), ("page_viewed", 1))]


def publish(
    world: World, tmp_path: Path, events: Sequence[dict[str, Any]], source: str = "old-crm", before: int | None = None
) -> Report:
    """Runs a backfill against the world, as the command does against a cluster."""
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join(json.dumps(event) for event in events))
    report, days = Report(file=str(path)), Days(source, MAKER, now=world.clock.now(), before=before)
    sends = list(file_sends(json_readings(path, "/import/s"), report, days))
    for record in world.engine.records(BULK):
        days.hear(record)
    for send in [*sends, *day_sends(report, days)]:
        assert b"@" not in send.key
        world.engine.publish(send.topic, send.key, send.value, send.headers)
    world.run()
    days.close()
    return report


def counts(world: World, who: dict[str, str] = ADA) -> dict[str, int]:
    return {reading.rule.id: reading.times for reading in world.judgement(key_of(who)).readings}


def test_history_counts_by_its_days_however_old_it_is(tmp_path: Path) -> None:
    world = World()
    events = [act(ADA, "joined", 400), act(ADA, "page_viewed", 40), act(ADA, "page_viewed", 40, id="b")]
    report = publish(world, tmp_path, [*events, identify(ADA, 300, seniority="vp")])
    assert (report.accepted, report.refused, report.events, report.days) == (4, 0, 4, 2)
    assert counts(world) == {"view": 2, "steady": 1}
    assert world.judgement(key_of(ADA)).fit == 200
    assert world.dead(BULK) == []


def test_a_live_event_of_that_age_is_too_late() -> None:
    world = World()
    world.act(ADA, "joined", at=NOW - 40 * DAY)
    world.run()
    assert [letter["baton-dead-code"] for letter in world.dead()] == ["too_late"]


def test_the_same_file_twice_and_forty_days_later_leaves_every_byte(tmp_path: Path) -> None:
    world = World()
    events = [act(ADA, "joined", 50), act(BEN, "page_viewed", 3), identify(BEN, 3, seniority="vp")]
    publish(world, tmp_path, events)
    before = world.engine.state("scorer")
    for _ in range(2):
        publish(world, tmp_path, events)
        assert world.engine.state("scorer") == before
        world.clock.advance(40 * DAY)
    assert world.dead(BULK) == []


def test_days_of_the_file_are_replaced_of_everybody_and_others_stay(tmp_path: Path) -> None:
    world = World()
    publish(world, tmp_path, [act(ADA, "joined", 50), act(BEN, "joined", 50), act(BEN, "joined", 60)])
    report = publish(world, tmp_path, [act(ADA, "email_clicked", 50)])
    assert (report.days, report.taken_back) == (1, 1)
    assert counts(world) == {"click": 1}
    assert counts(world, BEN) == {"steady": 1}
    assert publish(world, tmp_path, [act(ADA, "email_clicked", 50)]).taken_back == 0


def test_another_source_and_live_events_are_not_touched(tmp_path: Path) -> None:
    world = World()
    world.act(ADA, "joined", at=NOW - 5 * DAY)
    publish(world, tmp_path, [act(ADA, "joined", 5, id="x")])
    publish(world, tmp_path, [act(ADA, "joined", 5, id="y")], source="fair")
    publish(world, tmp_path, [act(ADA, "page_viewed", 5, id="z")], source="fair")
    assert counts(world) == {"steady": 2, "view": 1}


def test_what_came_in_live_is_left_out_from_a_day_on(tmp_path: Path) -> None:
    world = World()
    first = (NOW // DAY - 4) * DAY
    report = publish(world, tmp_path, [act(ADA, "joined", 5), act(ADA, "joined", 4, id="b")], before=first)
    assert (report.accepted, report.left_out) == (1, 1)
    assert counts(world) == {"steady": 1}


def test_a_visitor_of_the_past_is_linked_by_what_it_did(tmp_path: Path) -> None:
    world = World()
    visitor = {"anonymous_id": "v1"}
    publish(world, tmp_path, [act(visitor, "page_viewed", 41), act({**ADA, **visitor}, "joined", 40)])
    assert counts(world) == {"view": 1, "steady": 1}
    aliases = [data for data in world.records(BULK) if isinstance(data, PersonAliased)]
    assert len(aliases) == 1


def test_who_is_who_comes_under_the_key_of_the_stronger_side(tmp_path: Path) -> None:
    world = World()
    user = {"user_id": "u7"}
    alias = {**act(ADA, "x", 40), "type": "baton.person.aliased.v1", "data": {"person": user, "previous": ADA}}
    blank = {"email": "   ", "user_id": "u7"}
    publish(
        world,
        tmp_path,
        [alias, act(user, "joined", 40), act(blank, "page_viewed", 41), identify(blank, 4, seniority="vp")],
    )
    assert world.dead(BULK) == []
    assert counts(world) == {"view": 1, "steady": 1}
    assert world.judgement(key_of(ADA)).fit == 200


def test_lines_that_no_backfill_takes_are_refused_by_field(tmp_path: Path) -> None:
    world = World()
    timeless = {name: value for name, value in act(ADA, "joined", 5).items() if name != "time"}
    fact = {**act(ADA, "x", 5), "type": "baton.crm.person.v1", "data": {"person": key_of(ADA), "at": format_time(NOW)}}
    many = [act(ADA, "page_viewed", 9, id=f"n{n}") for n in range(MOST_ACTS + 1)]
    report = publish(world, tmp_path, [timeless, act(ADA, "joined", -1), fact, *many])
    assert [(each.line, each.field) for each in report.refusals][:3] == [(1, "time"), (2, "time"), (3, "type")]
    assert (report.refused, report.accepted, report.days) == (4, MOST_ACTS, 1)
    (day,) = [data for data in world.records(BULK) if isinstance(data, DayBackfilled)]
    assert len(day.acts) == MOST_ACTS
    assert counts(world) == {"view": 20}


def test_who_qualifies_by_the_past_is_announced_in_turn_and_marked(tmp_path: Path) -> None:
    world = World(partitions=1)
    publish(world, tmp_path, good(PEOPLE))
    assert [each.cause for each in world.qualified()] == [f"timer:backfill@{NOW}"]
    assert len({score.lead for score in world.records("leads.scored")}) == 3  # type: ignore[attr-defined]
    world.engine.advance(10_000)
    assert len(world.qualified()) == 2
    world.engine.advance(10_000)
    assert [each.cause for each in world.qualified()] == [
        f"timer:backfill@{NOW + late}" for late in (0, 10_000, 20_000)
    ]
    world.engine.advance(HOUR)
    assert len(world.qualified()) == 3


def test_who_does_something_meanwhile_is_announced_for_that_at_once(tmp_path: Path) -> None:
    world = World(partitions=1)
    publish(world, tmp_path, good(PEOPLE))
    told = {each.lead for each in world.qualified()}
    waiting = next(who for who in PEOPLE if key_of(who) not in told)
    world.act(waiting, "page_viewed", id="live")
    world.run()
    assert [each.cause for each in world.qualified(key_of(waiting))] == ["/site#live"]
    world.engine.advance(HOUR)
    assert len(world.qualified(key_of(waiting))) == 1
    assert len(world.qualified()) == 3


def test_a_root_that_qualifies_by_a_linked_identitys_past_waits_for_its_turn(tmp_path: Path) -> None:
    world = World(partitions=1)
    visitor = {"anonymous_id": "v1"}
    for who in (ADA, BEN):
        world.traits(who, seniority="vp", employees=100)
    world.alias(ADA, visitor)
    world.run()
    publish(world, tmp_path, [act(visitor, "demo_requested", 1)])
    assert [each.cause for each in world.qualified()] == [f"timer:backfill@{NOW}"]


def test_who_comes_after_such_a_root_in_the_log_does_not_wait(tmp_path: Path) -> None:
    """Both records are of one batch, and only the first tells of the past."""
    visitor = {"anonymous_id": "v1"}

    def linked() -> World:
        world = World(partitions=1, seed=3)
        for who in (ADA, BEN):
            world.traits(who, seniority="vp", employees=100)
        world.alias(ADA, visitor)
        world.run()
        return world

    twin = linked()
    publish(twin, tmp_path, [act(visitor, "demo_requested", 1)])
    told = twin.engine.records("engagement.linked")[-1]
    world = linked()
    world.engine.publish(told.topic, told.key, told.value, told.headers)
    demo = {"person": BEN, "action": "demo_requested"}
    world.publish("engagement.recorded", demo, id="live", key=key_of(BEN), topic="engagement.linked")
    world.run()
    assert {each.lead: each.cause for each in world.qualified()} == {
        key_of(ADA): f"timer:backfill@{NOW}",
        key_of(BEN): "/site#live",
    }


def test_an_erased_person_stays_forgotten(tmp_path: Path) -> None:
    world = World()
    publish(world, tmp_path, [act(ADA, "joined", 50)])
    world.erase(key_of(ADA))
    world.run()
    world.clock.advance(HOUR)
    publish(world, tmp_path, [act(ADA, "joined", 50), act(ADA, "page_viewed", 1)])
    one = world.person(key_of(ADA))
    assert one is None or one.profile.past == b""


def test_a_day_under_a_foreign_key_is_a_dead_letter(tmp_path: Path) -> None:
    world = World()
    publish(world, tmp_path, [act(ADA, "joined", 50), identify(ADA, 50, seniority="vp")])
    for record in world.engine.records(BULK):
        world.engine.publish(BULK, key_of(BEN).encode(), record.value, record.headers)
    world.run()
    assert [letter["baton-dead-code"] for letter in world.dead(BULK)] == ["misdirected"] * 2
    assert world.person(key_of(BEN)) is None


@pytest.mark.parametrize("moved", [-1, 1])
def test_a_day_that_has_not_begun_or_holds_acts_of_another_is_a_dead_letter(tmp_path: Path, moved: int) -> None:
    world = World()
    publish(world, tmp_path, [act(ADA, "joined", 0)])
    (record,) = world.engine.records(BULK)
    data = json.loads(record.value or b"")
    data["day"] = format_time(NOW + moved * DAY)[:10]
    data["acts"] = [] if moved > 0 else data["acts"]
    world.engine.publish(BULK, record.key, json.dumps(data).encode(), record.headers)
    world.run()
    assert [letter["baton-dead-code"] for letter in world.dead(BULK)] == ["invalid_field"]


def test_the_command_reads_and_counts_without_a_cluster(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(act(ADA, "joined", 50)))
    ran = CliRunner().invoke(app, ["publish", str(path), "--backfill", "old-crm", "--check", "--json"])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert (found["accepted"], found["days"], found["published"]) == (1, 1, False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--backfill", "Old CRM"], "is no name"),
        (["--backfill", "old", "--times", "arrival"], "--times arrival"),
        (["--before", "2026-01-01"], "--before: is for --backfill"),
    ],
)
def test_what_cannot_go_together_is_refused(tmp_path: Path, options: list[str], words: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(act(ADA, "joined", 50)))
    ran = CliRunner().invoke(app, ["publish", str(path), *options, "--check"])
    assert ran.exit_code == 2
    assert words in ran.output
