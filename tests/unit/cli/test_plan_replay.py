"""A plan's replay is the memory engine's, and a changed definition changes what it should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from baton_schemas.contract import format_time, parse_time
from baton_schemas.envelope import to_headers
from baton_schemas.keys import account_key
from bench.world import days
from services.cli.main import app
from services.cli.planning.both import both
from services.cli.planning.counting import for_all
from services.cli.planning.groups import parts
from services.cli.planning.sides import Side, played
from services.cli.planning.traffic import Traffic
from services.runtime.clock import ManualClock, TimeScale
from services.runtime.memory.engine import MemoryEngine
from services.runtime.record import LogRecord
from services.scorer import person
from services.scorer.criteria import GroupRule
from services.scorer.definition import compile_rules, read
from services.scorer.hot import Traits, Who
from services.scorer.processors import ScorerProcessor
from services.scorer.scope import Definitions, together
from services.scorer.turn import profiles_of
from tests.signing import SIGNERS, signed
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
    found.sort(key=lambda each: (each.timestamp, each.offset))
    return found + [_again(each) for each in found[:600]]


def _again(record: LogRecord) -> LogRecord:
    """The same, done again when most of it has faded."""
    at = record.timestamp + 70 * DAY
    told = dict(record.headers) | {"ce_time": format_time(at).encode()}
    told["ce_id"] = b"again-" + told["ce_id"]
    return record._replace(timestamp=at, headers=tuple(told.items()))


def others(text: str) -> str:
    """The same criteria with other points, decay and bounds, and another threshold."""
    raw = text.partition("signatures:")[0]
    for before, after in (
        ("points: 6,", "points: 9,"),
        ("half_life_days: 14", "half_life_days: 10"),
        ("enter: 50, exit: 35", "enter: 42, exit: 38"),
        ("{A: 25, B: 15, C: 5}", "{A: 28, B: 12, C: 5}"),
        ("{1: 40, 2: 25, 3: 10}", "{1: 35, 2: 25, 3: 12}"),
        ("any_of: [demo, pricing]", "any_of: [demo, pricing, click]"),
    ):
        assert before in raw
        raw = raw.replace(before, after)
    return signed(raw.replace("for_days: 6", "for_days: 4"))


OTHERS = (others(BIG), others(SIGNED))
OTHER = together([compile_rules(read(text, "test")) for text in OTHERS])
Stands = tuple[str, int, dict[str, int]]
Leads = set[tuple[str, str, str, str, str | None, int]]


def of_memory(texts: tuple[str, ...], definitions: Definitions, end: int) -> tuple[dict[str, Stands], Leads]:
    """Everybody's standing and all that was announced, as the memory engine has it, record by record."""
    world = World("", partitions=1)
    world.engine = MemoryEngine([ScorerProcessor(KEYS)], clock=ManualClock(START), partitions=1, max_batch=1)
    world.apply(*texts)
    for record in traffic():
        world.engine.advance(max(0, record.timestamp - world.engine.clock.now()))
        world.engine.publish(record.topic, record.key, record.value, record.headers)
        world.engine.run_until_idle()
    world.engine.advance(end - world.engine.clock.now())
    found = {}
    for key, packed in world.engine.state("scorer").items():
        one = person.unpack(packed) if key.startswith(person.PREFIX) else None
        if one is not None and one.root is None and one.lead.judged:
            judgement = definitions.judge(profiles_of(one), end)
            lines = {line.id: line.points for line in judgement.fit_lines}
            lines |= {
                each.rule.id: each.points
                for each in judgement.readings
                if each.points or isinstance(each.rule, GroupRule)
            }
            found[key[2:].decode()] = (judgement.grade, judgement.score, lines)
    leads = {
        (each.lead, each.handoff, each.grade, each.tier, each.contact.country, each.at) for each in world.qualified()
    }
    return found, leads


def told(side: Side) -> tuple[dict[str, Stands], Leads]:
    people = {key: (each.grade, each.score, each.lines) for key, each in side.people.items()}
    leads = {(each.person, each.handoff, each.grade, each.tier, each.country, each.at) for each in side.leads}
    assert len(leads) == len(side.leads)
    return people, leads


def test_each_side_comes_to_what_the_memory_engine_comes_to() -> None:
    end = START + 110 * DAY
    one, other = played([BOTH, OTHER], KEYS, TimeScale(), traffic(), end=end, tables={})
    assert len(one.people) > 80
    assert 3 < len(one.leads) < len(other.leads)
    assert told(one) == of_memory((BIG, SIGNED), BOTH, end)
    assert told(other) == of_memory(OTHERS, OTHER, end)


def test_parts_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    records, end = traffic(), START + 110 * DAY
    whole = played([BOTH, OTHER], KEYS, TimeScale(), records, end=end, tables={})
    heard: list[tuple[int, int]] = []
    monkeypatch.setattr("services.cli.planning.both._WORTH_CUTTING", 1)
    cut = both(BOTH, OTHER, KEYS, TimeScale(), Traffic(records, 0), end=end, advance=lambda *each: heard.append(each))
    assert [told(side) for side in cut] == [told(side) for side in whole]
    assert [len(side.leads) for side in cut] == [len(side.leads) for side in whole]
    assert len(heard) > 5
    assert heard[-1] == (len(records), len(records))


def test_colleagues_are_played_together_with_what_the_crm_says_of_their_company() -> None:
    company = account_key(KEYS.secret, KEYS.key_id, "acme.example")
    said = [{"person": {"user_id": str(number)}, "traits": {"company_domain": "Acme.example"}} for number in range(2)]
    said.append({"person": {"user_id": "2"}, "traits": {"company_domain": "other.example"}})
    records = [
        LogRecord("engagement.events", 0, place, START, None, json.dumps(each).encode())
        for place, each in enumerate(said)
    ]
    records.append(LogRecord("crm.facts", 0, 0, START, company.encode(), b"{}"))
    assert sorted(parts(records, KEYS, 4)) == [[0, 1, 3], [2]]


def test_sides_that_count_something_else_are_played_one_by_one() -> None:
    records, end = traffic(), START + 110 * DAY
    raw = SIGNED.partition("signatures:")[0].replace("contains: /pricing", "contains: /docs")
    different = together([compile_rules(read(signed(raw), "test"))])
    small = together([compile_rules(read(SIGNED, "test"))])
    assert for_all([small, different]) is None
    found = both(small, different, KEYS, TimeScale(), Traffic(records, 0), end=end)
    for side, definitions in zip(found, (small, different), strict=True):
        [alone] = played([definitions], KEYS, TimeScale(), records, end=end, tables={})
        assert told(side) == told(alone)


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


def test_time_alone_ends_a_qualification_before_the_next_act_begins_one() -> None:
    who = {"email": "ada@acme.example"}
    key = KEYS.owned(Traits(Who(email=who["email"]))).key
    acts = [
        (0, "baton.person.identified.v1", {"person": who, "traits": {"seniority": "vp", "employees": 100}}),
        (1, "baton.engagement.recorded.v1", {"person": who, "action": "demo_requested"}),
        (101, "baton.engagement.recorded.v1", {"person": who, "action": "demo_requested"}),
    ]
    records = []
    for day, kind, data in acts:
        at = START + day * DAY
        headers = to_headers(id=str(day), source="/site", type=kind, time=at)
        records.append(LogRecord("engagement.events", 0, day, at, key, json.dumps(data).encode(), headers))
    small = together([compile_rules(read(SIGNED, "test"))])
    [side] = played([small], KEYS, TimeScale(), records, end=records[-1].timestamp, tables={})
    assert [lead.at for lead in side.leads] == [records[1].timestamp, records[2].timestamp]
