"""Tryton's words and times: positions that never lose a record, values as they travel, parties that are one company."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.connectors.deal import Card
from services.connectors.tryton.parties import code_of
from services.connectors.tryton.position import Position
from services.connectors.tryton.values import microseconds, plain, wire_time


class Table:
    """Records by time and id, read as Tryton reads them."""

    def __init__(self, rows: list[tuple[int, int]]) -> None:
        self._rows = sorted(rows)

    def page(self, domain: list[Any], size: int) -> list[tuple[int, int]]:
        return [row for row in self._rows if all(self._holds(row, clause) for clause in domain)][:size]

    def _holds(self, row: tuple[int, int], clause: list[Any]) -> bool:
        if clause[0] == "OR":
            return any(all(self._holds(row, part) for part in _clauses(branch)) for branch in clause[1:])
        name, operator, wanted = clause
        value = row[1] if name == "id" else row[0]
        wanted = wanted if name == "id" else microseconds(plain(wanted))
        return {">=": value >= wanted, ">": value > wanted, "=": value == wanted}[operator]


def _clauses(branch: list[Any]) -> list[Any]:
    return branch if isinstance(branch[0], list) else [branch]


rows = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 40)), unique_by=lambda row: row[1], max_size=40)


@given(rows, st.integers(1, 5))
def test_page_by_page_every_record_is_read_once_however_many_have_one_time(
    found: list[tuple[int, int]], size: int
) -> None:
    table, at, read = Table(found), Position(), []
    for _ in range(100):
        page = table.page(at.window(0), size)
        read += page
        at = Position.parse(str(at.read(page[-1] if page else None, full=len(page) >= size)))
        if at.phase == "p":
            break
    assert read == sorted(found)
    at = at.read(None, full=False)
    assert (at.phase, at.after, at.since) == ("o", None, max((time for time, _ in found), default=0))


def test_the_overlap_moves_only_the_beginning_of_a_window() -> None:
    [clause] = Position(10_000_000).window(3_000_000)
    assert microseconds(plain(clause[2])) == 7_000_000
    first, *_ = Position(10_000_000, "o", 12_000_000, 5).window(3_000_000)
    assert first[0] == "OR"


@pytest.mark.parametrize("text", ["x", "12", "00000000000000000001/q00000000000000000001.1/00000000000000000001"])
def test_what_is_no_position_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="no position"):
        Position.parse(text)


@given(st.integers(0, 4 * 10**15))
def test_times_survive_the_wire_to_the_microsecond(moment: int) -> None:
    assert microseconds(plain(wire_time(moment))) == moment


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"domain": "WWW.Acme.example."}, "acme.example"),
        ({"email": "ada@acme.example"}, "acme.example"),
        ({"email": "ada@gmail.com"}, "ada@gmail.com"),
        ({"email": "ada@gmail.com", "company": "Acme"}, "Acme"),
        ({"name": "Ada"}, "Ada"),
        ({}, None),
    ],
)
def test_a_company_is_one_party_whoever_of_it_comes(fields: dict[str, str], code: str | None) -> None:
    names = ("company", "domain", "name", "email", "phone", "job_title", "country", "due_at")
    card = Card("h", None, "t", "s", **{name: fields.get(name) for name in names})  # type: ignore[arg-type]
    assert code_of(card) == code
