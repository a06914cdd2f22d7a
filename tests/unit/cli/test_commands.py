"""Commands without a cluster: mistakes are one line and exit code 2, `--json` is JSON, every command has an example."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import COMMANDS, app
from tests.unit.cli.whole import DATA, EXAMPLES, ROOT

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No cluster, no data dir, no environment of the developer's."""
    for name in ("BATON_KAFKA", "BATON_PERSON_KEY_SECRET", "BATON_PERSON_KEY_SECRET_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BATON_DATA_DIR", str(tmp_path / "baton"))
    return tmp_path


def baton(*arguments: str) -> Result:
    return RUNNER.invoke(app, list(arguments))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = baton(name, "--help")
    assert result.exit_code == 0, result.output
    assert f"baton {name}" in " ".join(result.output.split()) or "Example" in result.output


def test_help_flows_on_a_narrow_terminal_and_examples_keep_their_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.strip() for line in baton("publish", "--help").output.splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith("Publishing the same file"))
    assert all(len(line) > 60 for line in lines[start : start + 3])
    assert [line for line in lines if line.startswith("Example: ")] == [
        "Example: baton publish calls.jsonl",
        "Example: baton publish people.csv.gz --mapping people.yaml --times arrival",
        "Example: baton publish 2025.jsonl --backfill old-crm --before 2026-01-15",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["publish", "/no/such/file"], "no such file"),
        (["publish", str(DATA / "bank-cut.csv")], "needs a mapping"),
        (["publish", str(DATA / "segment-cut.json"), "--outcomes"], "needs a CSV file and its mapping"),
        (["publish", str(DATA / "bank-cut.csv"), "--mapping", "/no.yaml", "--check"], "can't be read"),
        (["publish", str(DATA / "segment-cut.json")], "no Kafka"),
        (["apply", "/no/such/folder", "--check"], "no such directory"),
        (["apply", str(ROOT / "config")], "no Kafka"),
        (["topics", "check"], "no Kafka"),
        (["tail", "leads.rooted"], "not in the catalogue"),
        (["dead-letters", "list"], "no Kafka"),
        (["dead-letters", "replay"], "nothing named"),
        (["explain", "ada@example.com"], "no Kafka"),
        (["skip", "no.topic", "0", "0", "--reason", "x"], "not in the catalogue"),
        (["skip", "engagement.events", "0", "0", "--reason", " "], "--reason: empty"),
        (["worker", "scorrer"], "no service"),
        (["connector", "check", "/no/such.yaml"], "/no/such.yaml"),
        (["connector", "check", str(ROOT / "config/connectors/tryton.yaml"), "--ping"], "is no webhook"),
        (["connector", "verify", str(ROOT / "config/connectors/csv.yaml")], "no records to compare"),
        (["definition", "sign", "/no.yaml", "--key", "/no"], "--key: /no: can't be read"),
        (["definition", "check", "/no.yaml"], "can't be read"),
        (["definition", "show", "b2b-saas"], "no Kafka"),
        (["definition", "sign", "--proposed", "b2b-saas", "--key", "/no"], "--key: /no: can't be read"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: list[str], says: str) -> None:
    result = baton(*arguments)
    assert result.exit_code == 2, result.output
    assert says in result.output
    assert result.output.count("\n") == 1
    assert "Traceback" not in result.output


def test_the_demo_does_not_touch_a_cluster_of_yours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_KAFKA", "kafka.example:9092")
    result = baton("demo")
    assert (result.exit_code, "BATON_KAFKA" in result.output) == (2, True)


def test_publish_check_counts_without_a_cluster() -> None:
    result = baton("publish", str(DATA / "segment-cut.json"), "--check", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["accepted"], found["refused"], found["published"]) == (0, 13, 4, False)
    assert found["refusals"][1]["field"] == "userId"


def test_a_file_without_a_usable_line_exits_with_2(nowhere: Path) -> None:
    (nowhere / "x.jsonl").write_text("nothing\n")
    result = baton("publish", str(nowhere / "x.jsonl"), "--check")
    assert result.exit_code == 2
    assert "x.jsonl:1: not JSON" in result.output


def test_many_refusals_are_bounded_in_words_and_whole_in_json(nowhere: Path) -> None:
    (nowhere / "x.jsonl").write_text("nothing\n" * 50)
    assert "and 30 more" in baton("publish", str(nowhere / "x.jsonl"), "--check").output
    found = json.loads(baton("publish", str(nowhere / "x.jsonl"), "--check", "--json").stdout)
    assert len(found["refusals"]) == 50


@pytest.mark.parametrize("folder", [ROOT / "config", EXAMPLES / "bank", EXAMPLES / "segment"])
def test_every_example_passes_its_own_check(folder: Path) -> None:
    assert baton("apply", str(folder), "--check").exit_code == 0


BREAKS = {
    "a typo in the definition": ("definition.yaml", "thresholds:", "treshholds:", "did you mean `thresholds`"),
    "an altered definition": ("definition.yaml", "points: 45", "points: 46", "sign"),
    "an unknown team": ("territories.yaml", "team: deposits", "team: deposit", "no team"),
    "a rep in two teams": (
        "teams.yaml",
        "teams:\n",
        (
            "teams:\n  - {name: other, manager: m, calendar: lisbon, reps: [{id: rep-1, capacity: 1}],"
            " pools: [{name: p, members: [{rep: rep-1}]}]}\n"
        ),
        "is also in team",
    ),
    "a calendar without open time": ("calendars.yaml", '{mon-fri: ["08:30-18:30"]}', "{}", "open time"),
    "no catch-all": ("territories.yaml", "catch_all: true", "countries: [PT]", "territories"),
    "a reason twice": ("reasons.yaml", "code: bad_data", "code: no_interest", "given twice"),
    "a tier that no definition has": ("sla.yaml", "hot: {first", "hto: {first", "'hto' is no tier"),
    "points alone": (
        "definition.yaml",
        (
            "required:\n  - label: Was reached in the last 30 days\n"
            "    any_of: [reached_by_mobile, reached_by_phone]\n    within_days: 30\n"
        ),
        "",
        "required: none",
    ),
    "no YAML": ("sla.yaml", "policies:", "policies: [", "sla"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_document_is_named_and_nothing_is_applied(nowhere: Path, name: str) -> None:
    file, old, new, says = BREAKS[name]
    folder = nowhere / "config"
    shutil.copytree(EXAMPLES / "bank", folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    result = baton("apply", str(folder), "--check")
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_file_of_no_kind_and_a_missing_kind_are_named(nowhere: Path) -> None:
    folder = nowhere / "config"
    shutil.copytree(EXAMPLES / "bank", folder)
    (folder / "teams.yaml").rename(folder / "team.yaml")
    assert "did you mean teams.yaml" in baton("apply", str(folder), "--check").output
    (folder / "team.yaml").unlink()
    assert "teams: none" in baton("apply", str(folder), "--check").output
