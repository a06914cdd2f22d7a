"""An export of a CRM becomes facts about deals; what can't be used is refused with number, column and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from baton_schemas.contract import parse_time
from baton_schemas.crm import DealFacts
from services.cli.main import app
from services.cli.publishing.deals import DealLine, DealMapping, deal_lines
from services.runtime.documents import parse
from services.runtime.errors import UserError
from tests.unit.cli.whole import EXAMPLES, KEYS

NOW = 1_772_445_600_000
EXAMPLE = EXAMPLES / "shadow" / "deals.yaml"
HEADER = "Contact Email,Opportunity ID,Owner,Stage,Reason,Created,First Activity,Closed,Last Modified"
TIMES = "2026-03-02 10:00,2026-03-02 11:00,2026-03-05,2026-03-05"
ROW = f"Ada@Example.com,006A,Anna Schmidt,Closed Lost,Too expensive,{TIMES}"


def lines(tmp_path: Path, *rows: str, header: str = HEADER, **changes: Any) -> list[DealLine]:
    text = EXAMPLE.read_text()
    mapping = parse(DealMapping, text, "deals.yaml").model_copy(update=changes)
    file = tmp_path / "deals.csv"
    file.write_text("\n".join((header, *rows)) + "\n")
    _, found = deal_lines(file, mapping, text, "deals.yaml", keys=KEYS, now=NOW)
    return list(found)


def facts(line: DealLine) -> DealFacts:
    assert line.send is not None, line.refused
    return DealFacts.model_validate_json(line.send.value or b"")


def test_a_row_is_a_deal_under_its_persons_key(tmp_path: Path) -> None:
    (line,) = lines(tmp_path, ROW)
    found = facts(line)
    assert line.send is not None
    assert line.send.key.decode() == found.person == KEYS.identifier("email", "ada@example.com")
    assert line.send.topic == "crm.actual"
    assert (found.source, found.deal, found.owner, found.stage, found.reason) == (
        "crm-export", "006A", "rep-101", "lost", "price",
    )  # fmt: skip
    assert found.created_at == parse_time("2026-03-02T10:00:00+01:00")
    assert found.first_touch_at == parse_time("2026-03-02T11:00:00+01:00")
    assert found.at == found.closed_at == parse_time("2026-03-05T00:00:00+01:00")
    assert lines(tmp_path, ROW) == [line], "the same row is the same event"


def test_what_the_export_does_not_have_is_not_made_up(tmp_path: Path) -> None:
    bare = "ada@example.com,006A,,New,,2026-03-02,,,"
    found = facts(lines(tmp_path, bare)[0])
    assert (found.owner, found.first_touch_at, found.closed_at, found.at, found.touch_known) == (
        None, None, None, NOW, True,
    )  # fmt: skip
    assert not facts(lines(tmp_path, bare, first_touch=None)[0]).touch_known
    assert facts(lines(tmp_path, bare.replace(",,New", ",Zed,New"))[0]).owner == "Zed"


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        (ROW.replace("Ada@Example.com", ""), "Contact Email", "nobody knows who"),
        (ROW.replace("Closed Lost", "Gone"), "Stage", "not one of the mapping's Closed Lost"),
        (ROW.replace("2026-03-02 10:00", ""), "Created", "empty"),
        (ROW.replace("2026-03-02 11:00", "yesterday"), "First Activity", "ISO 8601"),
        (ROW.replace("006A", ""), "deal", "valid string"),
        ("a,b", "", "2 cells, the header has 9"),
    ],
)
def test_a_row_that_can_not_be_used_names_its_column(tmp_path: Path, row: str, field: str, words: str) -> None:
    bad, good = lines(tmp_path, row, ROW)
    assert bad.refused is not None
    assert (bad.line, bad.refused.field) == (2, field)
    assert words in bad.refused.reason
    assert "Ada" not in bad.refused.reason
    assert good.send is not None


def test_columns_that_are_not_there_are_named_with_line_and_near_miss(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"deals.yaml:\d+: stage.column: the file has no column `Stage`, did you mean"):
        lines(tmp_path, ROW, header=HEADER.replace("Stage", "Stages"))
    with pytest.raises(UserError, match="columns given twice: Owner"):
        lines(tmp_path, ROW, header=HEADER.replace("Stage", "Owner"))


def test_a_file_can_be_read_without_kafka_and_one_without_usable_rows_exits_with_2(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text(f"{HEADER},Extra\n{ROW},x\n")
    command = ["shadow", "actual", str(file), "--mapping", str(EXAMPLE), "--check", "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["accepted"], report["unused_columns"], report["published"]) == (1, ["Extra"], False)
    file.write_text(f"{HEADER}\na,b\n")
    assert CliRunner().invoke(app, command).exit_code == 2
    assert CliRunner().invoke(app, [*command[:2], "nowhere.csv", *command[3:]]).exit_code == 2


def test_a_time_that_is_none_is_refused() -> None:
    result = CliRunner().invoke(app, ["shadow", "report", "--since", "soon"])
    assert (result.exit_code, "no day and no time" in result.output) == (2, True)
