"""Files of every shape, and every kind of bad line: numbered, refused by field, the rest goes on."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from services.cli.publish import Times, sends_of
from services.cli.publishing.lines import MAX_LINE_BYTES, documents
from services.cli.publishing.reading import csv_table, json_readings, read_mapping
from services.cli.publishing.report import Report
from services.runtime.errors import UserError
from tests.unit.cli.whole import KEYS

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/s",
    "type": "baton.engagement.recorded.v1",
    "data": {"person": {"email": "ada@example.com"}, "action": "page_viewed"},
}
CALL = {"type": "page", "userId": "u1"}


def read(path: Path) -> Report:
    report = Report(file=str(path))
    for send in sends_of(json_readings(path, "/import/s"), report, KEYS, Times.GIVEN):
        assert b"@" not in send.key
    return report


def test_lines_of_both_kinds_mixed_and_blank_lines_between(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f"{json.dumps(EVENT)}\n\n  \n{json.dumps(CALL)}\n")
    assert (read(path).accepted, read(path).refused) == (2, 0)


@pytest.mark.parametrize("wrap", [list, lambda calls: [{"page": "x", "payload": call} for call in calls]])
def test_an_array_bare_or_wrapped_counts_lines_of_the_file(tmp_path: Path, wrap: object) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(wrap([CALL, {"All": True}, CALL]), indent=1))  # type: ignore[operator]
    report = read(path)
    assert (report.accepted, report.refused) == (2, 1)
    line = path.read_text().splitlines()[report.refusals[0].line - 1]
    assert line.strip().startswith("{")


def test_a_batch_of_the_http_api_and_gzip(tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"batch": [CALL, CALL | {"userId": "u2"}]}).encode()))
    assert read(path).accepted == 2


BAD = {
    "not JSON": (b"{oops", ""),
    "not UTF-8": (b'{"type":"page","userId":"\xff"}', ""),
    "a list": (b"[1]x", ""),
    "a number": (b"12", ""),
    "nested too deep": (b"[" * 50_000, ""),
    "neither kind": (b'{"hello": 1}', "type"),
    "half a surrogate": (b'{"type":"page","userId":"\\ud800"}', "userId, anonymousId or traits.email.user_id"),
    "too long": (json.dumps(CALL | {"name": "x" * 2_000_000}).encode(), ""),
    "over the limit of a value": (json.dumps(CALL | {"type": "track", "event": "x", "properties": {
        f"p{n}": "x" * 9000 for n in range(40)}}).encode(), ""),
    "old specversion": (json.dumps(EVENT | {"specversion": "0.3"}).encode(), "specversion"),
    "no id": (json.dumps(EVENT | {"id": ""}).encode(), "id"),
    "time without zone": (json.dumps(EVENT | {"time": "2026-03-02T09:30:00"}).encode(), "time"),
    "unknown type": (json.dumps(EVENT | {"type": "baton.engagement.recorded.v2"}).encode(), "type"),
    "a type only services send": (json.dumps(EVENT | {"type": "baton.lead.routed.v1"}).encode(), "type"),
    "no data": (json.dumps({k: v for k, v in EVENT.items() if k != "data"}).encode(), "data"),
    "null data": (json.dumps(EVENT | {"data": None}).encode(), "data"),
    "wrong type inside": (json.dumps(EVENT | {"data": {"person": {"email": 7}, "action": "x"}}).encode(),
                          "data.person.email"),
    "nobody": (json.dumps(EVENT | {"data": {"person": {}, "action": "x"}}).encode(), "data.person"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_refused_by_number_and_field_and_the_rest_goes_on(tmp_path: Path, name: str) -> None:
    content, field = BAD[name]
    path = tmp_path / "x.jsonl"
    path.write_bytes(json.dumps(CALL).encode() + b"\n" + content + b"\n" + json.dumps(CALL).encode() + b"\n")
    report = read(path)
    assert (report.accepted, report.refused) == (2, 1)
    assert (report.refusals[0].line, report.refusals[0].field) == (2, field)
    assert report.refusals[0].reason
    assert "ada@" not in report.refusals[0].reason


def test_a_line_is_never_held_whole_when_it_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"x" * (3 * MAX_LINE_BYTES) + b"\n" + json.dumps(CALL).encode())
    first, second = documents(path)
    assert first.refused is not None
    assert (second.line, second.refused) == (2, None)


def test_an_array_that_was_cut_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('[\n{"type":"page","userId":"u"},\n{"type":"pa')
    report = read(path)
    assert (report.accepted, report.refusals[0].line) == (1, 3)


@pytest.mark.parametrize("cut", [20, 60])
def test_a_broken_archive_is_one_clear_error(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress((json.dumps(CALL) + "\n").encode() * 50)[:cut])
    with pytest.raises(UserError, match=r"x\.jsonl\.gz"):
        read(path)


MAPPING = """
source: trial
empty: ["", unknown]
person: {user_id: id}
traits: {age: {column: age, type: integer}, job_title: job}
event: {action: call}
time: {day: day, month: month, first_year: 2008}
"""


def table(tmp_path: Path, rows: str, mapping: str = MAPPING) -> Report:
    (tmp_path / "m.yaml").write_text(mapping)
    (tmp_path / "x.csv").write_text(rows)
    columns, text = read_mapping(tmp_path / "m.yaml")
    opened = csv_table(tmp_path / "x.csv", columns, text, "m.yaml")
    report = Report(file="x.csv", unused_columns=opened.unused)
    for _ in sends_of(opened.readings, report, KEYS, Times.GIVEN):
        pass
    return report


def test_rows_that_do_not_fit_are_refused_by_column(tmp_path: Path) -> None:
    rows = (
        "id,age,job,day,month,extra\n1,30,x,1,may,\n,30,x,1,may,\n3,old,x,1,may,\n4,30,x,31,feb,\n5,30,x,1,mai,\n6,1\n"
    )
    report = table(tmp_path, rows)
    assert report.accepted == 1
    assert report.unused_columns == ["extra"]
    assert [(r.line, r.field) for r in report.refusals] == [(3, "id"), (4, "age"), (5, "day"), (6, "month"), (7, "")]


def test_the_year_follows_from_months_rolling_over(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MAPPING)
    (tmp_path / "x.csv").write_text(
        "id,age,job,day,month\n1,1,x,5,nov\n2,1,x,5,dec\n3,1,x,5,jan\n4,1,x,5,mar\n5,1,x,5,feb\n"
    )
    columns, text = read_mapping(tmp_path / "m.yaml")
    readings = csv_table(tmp_path / "x.csv", columns, text, "m.yaml").readings
    years = [1970 + (reading.drafts[0].time or 0) / 31_556_952_000 for reading in readings]
    assert [int(year) for year in years] == [2008, 2008, 2009, 2009, 2010]


@pytest.mark.parametrize(
    ("line", "broken", "says"),
    [
        ("person: {user_id: id}", "person: {user_id: ident}", "has no column `ident`"),
        ("person: {user_id: id}", "person: {}", "name a column for email, user_id or anonymous_id"),
        ("person: {user_id: id}", "persn: {user_id: id}", "did you mean `person`"),
        ("first_year: 2008", "zone: Mars/Olympus, first_year: 2008", "not a time zone"),
        (
            "time: {day: day, month: month, first_year: 2008}",
            "time: {day: day}",
            "give either column, or day and month",
        ),
        ("{column: age, type: integer}", "{column: age, value: 3}", "exactly one of column, value, row"),
        ("event: {action: call}", "event: {action: Not A Slug}", "event"),
    ],
)
def test_a_mapping_that_is_wrong_names_line_and_field(tmp_path: Path, line: str, broken: str, says: str) -> None:
    assert line in MAPPING
    with pytest.raises(UserError, match=says) as error:
        table(tmp_path, "id,age,job,day,month\n", MAPPING.replace(line, broken))
    assert "m.yaml" in str(error.value)


def test_a_csv_file_without_header_or_with_one_twice(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="empty"):
        table(tmp_path, "")
    with pytest.raises(UserError, match="columns given twice: age"):
        table(tmp_path, "id,age,age,job,day,month\n")
