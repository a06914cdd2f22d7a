"""A file of past events is read whole, however many read it; and nothing of it is lost silently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from baton_schemas.contract import parse_time
from baton_schemas.engagement import EngagementRecorded
from services.cli.planning.past_file import Found, read_part, read_past
from services.cli.planning.traffic import from_file
from services.cli.planning.usual_line import UsualLines
from services.cli.publishing import lines
from services.cli.publishing.records import KeyMaker
from services.runtime.clock import TimeScale
from services.runtime.record import Headers

KEYS = KeyMaker(b"a secret of some length", "k1")
NOW = parse_time("2026-04-01T00:00:00Z")


def event(number: int, **more: Any) -> dict[str, Any]:
    data = {"person": {"email": f"person-{number}@company.example"}, "action": "pricing_viewed", "url": "é" * 40}
    return {
        "specversion": "1.0", "id": str(number), "source": "/site", "type": "baton.engagement.recorded.v1",
        "time": f"2026-03-{1 + number % 28:02}T10:00:00Z", "datacontenttype": "application/json", "data": data,
    } | more  # fmt: skip


def written(file: Path, *documents: Any) -> Path:
    file.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in documents))
    return file


def as_said(found: Found) -> list[tuple[int, str, bytes | None, Any, Headers]]:
    """The records, with what the contract takes a value for."""
    return [
        (each.at, each.topic, each.key, EngagementRecorded.model_validate_json(each.value or b""), each.headers)
        for each in found.told
    ]


UNUSUAL: dict[str, dict[str, Any]] = {
    "another person": {"data": {"person": {"email": " Ada@Example.COM ", "anonymous_id": "a"}, "action": "joined"}},
    "a blank one": {"data": {"person": {"user_id": "  "}, "action": "joined"}},
    "a float": {"data": {"person": {"user_id": "u"}, "action": "joined", "properties": {"price": 2.5, "l": ["a"]}}},
    "no name": {"data": {"person": {"user_id": "u"}, "action": "Not A Slug"}},
    "an extension": {"traceparent": "00-1"},
    "a subject": {"subject": "s"},
    "another zone": {"time": "2026-03-09T10:00:00.5+02:00"},
    "no zone": {"time": "2026-03-09T10:00:00"},
    "no type": {"type": "com.example.unheard.of"},
    "no media type": {"datacontenttype": None},
    "half a pair": {"data": {"person": {"user_id": "u"}, "action": "joined", "url": "\ud800"}},
    "too long": {"data": {"person": {"user_id": "u"}, "action": "joined", "properties": {"a": "b" * 11_000}}},
    "no id": {"id": ""},
}


@pytest.mark.parametrize("what", UNUSUAL)
def test_a_line_is_read_fast_only_as_it_would_be_in_peace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    file = written(tmp_path / "events.jsonl", event(0), event(1) | UNUSUAL[what], event(2))
    whole = read_part(file, KEYS, None)
    monkeypatch.setattr(lines, "_WORTH_CUTTING", 1)
    found = read_past(file, KEYS)
    assert as_said(found) == as_said(whole)
    assert found.refused == whole.refused


def test_the_usual_line_is_read_fast() -> None:
    usual = UsualLines(KEYS)
    assert usual.read(json.dumps(event(1)).encode()) is not None
    assert usual.read(json.dumps(event(1) | {"subject": "s"}).encode()) is None


@pytest.mark.parametrize("number", [1, 2, 3, 40, 41])
def test_two_halves_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    file = written(tmp_path / "events.jsonl", "no json", *map(event, range(number)), "{}")
    whole = read_part(file, KEYS, None)
    assert len(lines.halves(file)) == 1
    monkeypatch.setattr(lines, "_WORTH_CUTTING", 1)
    assert len(lines.halves(file)) == 2
    assert as_said(read_past(file, KEYS)) == as_said(whole)
    assert (len(whole.told), whole.refused) == (number, 2)


@pytest.mark.parametrize("name", ["events.json", "events.jsonl.gz"])
def test_what_has_no_lines_is_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(lines, "_WORTH_CUTTING", 1)
    file = tmp_path / name
    file.write_text(json.dumps([event(number) for number in range(9)]))
    assert len(lines.halves(file)) == 1


def test_an_event_without_a_time_is_counted_and_facts_go_to_their_topic(tmp_path: Path) -> None:
    timeless = {name: value for name, value in event(1).items() if name != "time"}
    account = {
        "account": "company.example",
        "standing": {"customer_since": "2026-01-01T00:00:00Z"},
        "at": "2026-03-03T10:00:00Z",
    }
    fact = event(2, type="baton.crm.account.v1", data=account)
    found: Found = read_past(written(tmp_path / "events.jsonl", event(0), timeless, fact), KEYS)
    assert found.refused == 1
    assert [each.topic for each in found.told] == ["engagement.events", "crm.facts"]


def test_records_are_in_the_order_of_their_times(tmp_path: Path) -> None:
    file = written(tmp_path / "events.jsonl", *map(event, (9, 3, 30, 5)))
    traffic, refused = from_file(file, KEYS, TimeScale(), days=30, now=NOW)
    assert [dict(each.headers)["ce_id"] for each in traffic.records] == [b"30", b"3", b"5", b"9"]
    assert (traffic.reach, refused) == (parse_time("2026-03-03T10:00:00Z"), 0)
