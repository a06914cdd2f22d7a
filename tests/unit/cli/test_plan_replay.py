"""A plan's replay is the memory engine's, and a changed definition changes what it should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from baton_schemas.contract import parse_time
from baton_schemas.leads import LeadQualified
from bench.world import days
from services.cli.main import app
from services.cli.planning.replaying import Replay
from services.runtime.clock import ManualClock, TimeScale
from services.runtime.effects import Send
from services.runtime.memory.engine import MemoryEngine
from services.runtime.record import LogRecord
from services.scorer import person
from services.scorer.person import Person
from services.scorer.processors import ScorerProcessor
from services.scorer.turn import profiles_of
from tests.signing import SIGNERS
from tests.unit.cli.whole import ROOT
from tests.unit.scorer.world import BIG, BOTH, DAY, KEYS, SIGNED, World

START = parse_time("2026-03-02T00:00:00Z")


def traffic() -> list[LogRecord]:
    found = []
    for place, (key, value, headers) in enumerate(days(events=1500, people=120, start=START)):
        try:
            at = parse_time(dict(headers)["ce_time"].decode())
        except (KeyError, ValueError):
            continue
        if START <= at < START + 30 * DAY:
            found.append(LogRecord("engagement.events", 0, place, at, key, value, headers))
    return sorted(found, key=lambda each: (each.timestamp, each.offset))


def standings(people: list[tuple[str, Person]], at: int) -> dict[str, tuple[str, int, bytes, str | None, bool]]:
    found = {}
    for key, one in people:
        judgement = BOTH.judge(profiles_of(one), at)
        known = person.pack(Person(profile=one.profile))
        found[key] = (judgement.grade, judgement.score, known, one.root, one.lead.qualified)
    return found


def changed(rules: Rules) -> Rules:
    points = {rule.id: rule.points * 3 // 2 for rule in rules.scorecard.counted}
    counted = tuple(replace(rule, points=points[rule.id]) for rule in rules.scorecard.counted)
    by_id = {rule.id: rule for rule in counted}
    asked = {
        action: replace(asked, counted=tuple(by_id[rule.id] for rule in asked.counted if rule.id in by_id))
        for action, asked in rules.by_action.items()
    }
    scorecard = replace(rules.scorecard, counted=counted)
    return replace(rules, scorecard=scorecard, by_action=asked, by_id=by_id, enter=rules.enter - 100, judged="changed")


def test_it_comes_to_what_the_memory_engine_comes_to() -> None:
    records, end = traffic(), START + 40 * DAY
    told: list[tuple[str, str, str, int]] = []
    replay = Replay([BOTH], KEYS, TimeScale(), tables={}, qualified=[_into(told)])
    replay.run(records)
    replay.advance(end)

    world = World("", partitions=1)
    world.engine = MemoryEngine([ScorerProcessor(KEYS)], clock=ManualClock(START), partitions=1, max_batch=1)
    world.apply(BIG, SIGNED)
    for record in records:
        world.engine.advance(max(0, record.timestamp - world.engine.clock.now()))
        world.engine.publish(record.topic, record.key, record.value, record.headers)
        world.engine.run_until_idle()
    world.engine.advance(end - world.engine.clock.now())
    state = world.engine.state("scorer").items()
    wanted = [(key[2:].decode(), person.unpack(packed)) for key, packed in state if key.startswith(person.PREFIX)]
    found = standings(list(replay.people(0)), end)
    assert len(found) > 100
    known = standings(wanted, end)
    assert found == {key: known[key] for key in found}
    assert all(known[key][3] is not None for key in known.keys() - found.keys())
    announced = {(each.lead, each.handoff, each.grade, each.at) for each in world.qualified()}
    assert len(announced) > 3
    [side] = played([BOTH], KEYS, TimeScale(), records, end=end, tables={})
    assert {(each.person, each.handoff, each.grade, each.at) for each in side.leads} == announced
    assert {(key, handoff) for key, _, handoff, _ in told} == {(key, handoff) for key, handoff, _, _ in announced}


def _into(told: list[tuple[str, str, str, int]]) -> Qualified:
    return lambda key, judgement, handoff, now: told.append((key, judgement.grade, handoff, now))


@pytest.fixture
def events(tmp_path: Path) -> Path:
    file = tmp_path / "events.jsonl"
    lines = []
    traits = {"seniority": "director", "employees": 200, "industry": "software", "country": "FR"}
    for number in range(6):
        who = {"email": f"person-{number}@company-{number}.example"}
        said = [("baton.person.identified.v1", {"person": who, "traits": traits})]
        said += [("baton.engagement.recorded.v1", {"person": who, "action": "pricing_viewed"})]
        if number < 4:
            said += [("baton.engagement.recorded.v1", {"person": who, "action": "comparison_read"})]
        if number == 5:
            said += [("baton.engagement.recorded.v1", {"person": who, "action": "demo_requested"})]
        for place, (kind, data) in enumerate(said):
            lines.append(
                {
                    "specversion": "1.0", "id": f"{number}-{place}", "source": "/site", "type": kind,
                    "time": f"2026-03-0{2 + place}T10:00:00Z", "datacontenttype": "application/json", "data": data,
                }
            )  # fmt: skip
    file.write_text("\n".join(map(json.dumps, lines)) + "\nno json\n")
    return file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    for path in (ROOT / "config").glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    (folder / "signers.yaml").write_text(SIGNERS)
    return folder


def change(folder: Path, name: str, before: str, after: str) -> None:
    text = (folder / name).read_text()
    assert before in text
    (folder / name).write_text(text.replace(before, after, 1))


def planned(folder: Path, events: Path, *more: str, code: int = 0) -> str:
    arguments = ["plan", str(folder), "--events", str(events), "--against", str(ROOT / "config"), *more]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result.output if code else result.stdout


def test_a_new_criterion_brings_those_who_met_it(config: Path, events: Path) -> None:
    new = (
        "engagement:\n  - {id: comparison, label: Compared, action: comparison_read, points: 20, half_life_days: 30}\n"
    )
    change(config, "definition.yaml", "engagement:\n", new)
    found = json.loads(planned(config, events, "--json"))
    assert found["fresh"] == ["comparison"]
    assert (found["events"], found["refused"]) == (17, 1)
    compared = found["comparison"]
    assert (compared["leads_before"], compared["enters"], compared["leaves"], compared["stays"]) == (1, 4, 0, 1)
    assert compared["causes"] == [{"criterion": "comparison", "people": 4, "points": 20.0}]
    assert {each["change"] for each in compared["moved"]} == {"enters"}
    before, after = (
        {each["territory"]: each["leads"] for each in found[f"territories_{side}"]} for side in ("before", "after")
    )
    assert (before, after) == ({"france": 1}, {"france": 5})
    assert "comparison: not counted so far" in planned(config, events)


def test_a_higher_threshold_loses_those_below_it(config: Path, events: Path) -> None:
    change(config, "definition.yaml", "enter: 60", "enter: 95")
    compared = json.loads(planned(config, events, "--json"))["comparison"]
    assert (compared["leads_before"], compared["leads_after"], compared["leaves"]) == (1, 0, 1)
    assert compared["grades"] == []


def test_another_territory_moves_leads_and_nobody_s_grade(config: Path, events: Path) -> None:
    change(config, "territories.yaml", "FR", "PL")
    found = json.loads(planned(config, events, "--json"))
    assert found["documents"]["changed"] == ["signers/signers", "territories/territories"]
    assert found["comparison"]["moved"] == []
    assert [each["territory"] for each in found["territories_before"]] == ["france"]
    assert [each["territory"] for each in found["territories_after"]] != ["france"]


def test_a_known_id_that_counts_something_else_is_named(config: Path, events: Path) -> None:
    change(config, "definition.yaml", "contains: /pricing", "contains: /prices")
    assert json.loads(planned(config, events, "--json"))["clashing"] == ["pricing_page"]
    assert "pricing_page: counts something else" in planned(config, events)


def test_only_so_many_days_are_replayed(config: Path, events: Path) -> None:
    assert json.loads(planned(config, events, "--days", "1", "--json"))["events"] == 11


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [("enter: 60", "enter: sixty", "enter"), ("thresholds:", "treshold:", "did you mean")],
)
def test_a_mistake_is_named(config: Path, events: Path, before: str, after: str, said: str) -> None:
    change(config, "definition.yaml", before, after)
    assert said in planned(config, events, code=2)


def test_a_file_that_is_none_is_named(config: Path, tmp_path: Path) -> None:
    assert "no such file" in planned(config, tmp_path / "nothing.jsonl", code=2)
    (tmp_path / "empty.jsonl").write_text("{}\n")
    assert "no event that can be used" in planned(config, tmp_path / "empty.jsonl", code=2)
