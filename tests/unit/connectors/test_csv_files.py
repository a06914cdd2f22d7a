"""CSV files out and back: cells that nothing carries out, whole files, answers told once or refused."""

from __future__ import annotations

import csv
import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.connectors.drop import folder
from services.connectors.drop.answers import Answer, Rejected, read
from services.connectors.drop.cells import cell, render
from services.connectors.drop.check import check
from services.connectors.drop.rows import LEAD_WORDS, SLA_WORDS, row
from services.connectors.drop.settings import CsvSettings
from services.connectors.main import csv_settings
from services.runtime.documents import parse
from services.runtime.errors import UserError
from tests.unit.connectors.deals import HANDOFF, LEAD, NOW, ROOT, handed_over, routed, step, withdrawn

EXAMPLE = ROOT / "config/connectors/csv.yaml"
HEADER = "Handoff,Outcome,Reason,Time,Owner,To\n"


def settings(text: str = "", **fields: Any) -> CsvSettings:
    found = parse(CsvSettings, EXAMPLE.read_text() + text, "csv.yaml")
    return found.model_copy(update=fields)


def answered(rows: str, *, header: str = HEADER, now: int = NOW, baton: int = 0) -> list[Answer | Rejected]:
    find = {HANDOFF: LEAD}.get
    return list(
        read(
            (header + rows).encode(), settings().answers, find, connector="csv", delimiter=",", now=now,
            baton=lambda wall: wall + baton,
        )
    )  # fmt: skip


def refused(rows: str, **more: Any) -> list[tuple[int, str]]:
    return [(each.line, each.field) for each in answered(rows, **more) if isinstance(each, Rejected)]


@given(st.text(max_size=40))
def test_no_text_becomes_a_formula_and_none_is_lost(text: str) -> None:
    shown = cell(text)
    plain = shown.lstrip()
    assert not plain or plain[0] not in "=@\t\r" + "\uff1d\uff0b\uff0d\uff20"
    if plain[:1] in ("+", "-"):
        assert all(letter in "+-. 0123456789" for letter in plain), "a number, which can do nothing"
    assert len(shown) in (len(text), len(text) + 1)


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+SUM(A1:A9)", "-2+3+cmd|x", "@IMPORTXML(1)", "\t=1", " =1", "\n=1", "+49=1"]
)
def test_what_strangers_type_into_forms_stays_text(text: str) -> None:
    assert cell(text).startswith("'")


@given(st.lists(st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=20), min_size=2, max_size=2)))
def test_whatever_stands_in_cells_comes_out_of_the_file_as_those_cells(rows: list[list[str]]) -> None:
    data = render(("a", "b"), rows, ";")
    back = list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=";"))
    assert back == [["a", "b"], *[[cell(text) for text in each] for each in rows]]


def test_a_lead_its_withdrawal_and_a_step_are_rows_in_known_words() -> None:
    contact = routed().qualified.contact.model_copy(update={"first_name": "=HYPERLINK(1)"})
    lead = routed(qualified=routed().qualified.model_copy(update={"contact": contact}))
    told = row(lead, "e1")
    assert set(told) <= set(LEAD_WORDS)
    assert (told["event"], told["handoff"], told["rep"], told["what"]) == ("e1", lead.handoff, "ann", lead.change)
    assert told["first_name"] == "=HYPERLINK(1)", "cells are made safe where they are written"
    assert row(withdrawn(), "e2")["reason"] == "unsubscribed"
    assert "email" not in row(withdrawn(), "e2")
    assert set(row(step(), "e3")) <= set(SLA_WORDS)


def test_a_file_is_whole_ours_alone_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder.make(tmp_path)
    path = tmp_path / "leads/leads-000-1-2.csv"
    old = os.umask(0)
    try:
        folder.write(path, b"one")
        folder.write(path, b"two")
    finally:
        os.umask(old)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_only_settled_files_with_answers_are_taken_and_names_are_kept_apart(tmp_path: Path) -> None:
    folder.make(tmp_path)
    inbox = tmp_path / "outcomes"
    for name in ("b.csv", "a.csv", "a.rejected.csv", ".c.csv", "notes.txt"):
        (inbox / name).write_text("x")
    os.utime(inbox / "b.csv", (1, 1))
    assert [path.name for path in folder.dropped(tmp_path, 0)] == ["b.csv", "a.csv"]
    assert [path.name for path in folder.dropped(tmp_path, 3600)] == ["b.csv"]
    assert folder.put_away(inbox / "b.csv", []) == inbox / "done/b.csv"
    (inbox / "b.csv").write_text("y")
    assert folder.put_away(inbox / "b.csv", [Rejected(3, "Time", "is no time")]) == inbox / "done/b.2.csv"
    assert (inbox / "b.rejected.csv").read_text().splitlines()[1] == '"3","Time","is no time"'


def test_rows_become_outcomes_with_ids_that_follow_from_what_they_say() -> None:
    rows = f"{HANDOFF},Called,,2026-03-02T10:00:00Z,ann,\n{HANDOFF},lost,far Too Expensive,2026-03-02T10:05,ann,\n"
    first, second = (each for each in answered(rows) if isinstance(each, Answer))
    assert (first.outcome.kind, first.outcome.lead, first.outcome.rep) == ("touched", LEAD, "ann")
    assert (second.outcome.kind, second.outcome.reason) == ("lost", "price")
    assert second.outcome.at - first.outcome.at == 300_000
    assert [each.id for each in answered(rows) if isinstance(each, Answer)] == [first.id, second.id]
    swapped = "".join(reversed(rows.splitlines(keepends=True)))
    assert {each.id for each in answered(swapped) if isinstance(each, Answer)} == {first.id, second.id}
    [later] = answered(f"{HANDOFF},called,,2026-03-02T10:01:00Z,ann,\n")
    assert isinstance(later, Answer)
    assert len({first.id, second.id, later.id}) == 3, "he called again"


def test_an_apostrophe_of_ours_and_a_byte_order_mark_are_no_part_of_a_cell() -> None:
    found = answered(f"'{HANDOFF},called,,2026-03-02T10:00:00Z,,\n", header="\ufeff" + HEADER)
    assert [type(each) for each in found] == [Answer]


def test_what_can_not_be_used_says_line_and_field_and_quotes_nothing() -> None:
    rows = (
        f"hunknown,called,,2026-03-02T10:00:00Z,,\n{HANDOFF},danced,,2026-03-02T10:00:00Z,,\n"
        f"{HANDOFF},lost,just so,2026-03-02T10:00:00Z,,\n{HANDOFF},called,,tomorrow,,\n"
        f"{HANDOFF},called,,2031-01-01T00:00:00Z,,\n{HANDOFF},passed on,,2026-03-02T10:00:00Z,ann,\n{HANDOFF},called\n"
    )
    found = answered(rows)
    assert refused(rows) == [
        (2, "Handoff"), (3, "Outcome"), (4, "Reason"), (5, "Time"), (6, "Time"), (7, "To"), (8, "")
    ]  # fmt: skip
    quoted = " ".join(each.reason for each in found if isinstance(each, Rejected))
    assert not any(word in quoted for word in ("danced", "just so", "tomorrow", HANDOFF))


def test_a_row_after_a_cell_of_several_lines_has_its_own_line() -> None:
    assert refused(f'{HANDOFF},called,"a\nb",2026-03-02T10:00:00Z,,\nhunknown,called,,x,,\n') == [(4, "Handoff")]


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"", 1), (b"Handoff,Outcome\n", 1), (b"Handoff,Handoff,Outcome,Time\n", 1), (b"Handoff\n\xff\xfe", 2)],
)
def test_a_file_that_is_none_is_refused_as_a_whole(data: bytes, line: int) -> None:
    found = list(
        read(data, settings().answers, lambda _: None, connector="csv", delimiter=",", now=NOW, baton=lambda wall: wall)
    )
    assert [each.line for each in found if isinstance(each, Rejected)] == [line]
    assert len(found) == 1


def test_times_without_a_zone_are_of_the_settings_and_become_batons() -> None:
    [found] = answered(f"{HANDOFF},called,,2026-03-02T10:00,,\n", baton=7)
    assert isinstance(found, Answer)
    assert found.outcome.at == 1_772_445_600_000 + 7


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("Grade: grade", "Grade: mark", "columns: mark is no word"),
        ("  Version: version\n", "", "columns: no column has version"),
        ("zone: UTC", "zone: Mars/North", "answers.zone: not a time zone"),
        ("called: touched", "called: danced", "answers.kinds.called"),
        ("rows: 500", "rows: 0", "rows: Input should be greater"),
        ("every_s: 60", "everys: 60", "did you mean `every_s`"),
    ],
)
def test_a_mistake_in_the_settings_names_the_field(tmp_path: Path, before: str, after: str, says: str) -> None:
    file = tmp_path / "csv.yaml"
    text = EXAMPLE.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    with pytest.raises(UserError, match=f"csv.yaml:.*{says}"):
        csv_settings(file)


class _Active:
    """The configuration of config/, as far as a check asks for it."""

    def of(self, kind: str) -> dict[str, str]:
        return {kind: (ROOT / f"config/{kind}.yaml").read_text()}


def test_a_check_says_what_is_missing_and_how_to_mend_it(tmp_path: Path) -> None:
    active: Any = _Active()
    assert [each for each in check(settings(folder=tmp_path / "new"), active) if not each.ok] == []
    assert [path.name for path in (tmp_path / "new/leads").iterdir()] == []
    (tmp_path / "file").write_text("")
    answers = settings().answers
    few = answers.model_copy(update={"reasons": answers.reasons[1:], "reps": {"nobody": "N. Body"}})
    found = {each.what: each.fix for each in check(settings(folder=tmp_path / "file", answers=few), active) if each.fix}
    assert set(found) == {"folder", "dropped files", "reasons reachable", "reps"}
    assert "no_budget" in found["reasons reachable"]
    assert "nobody" in found["reps"]
    assert check(settings(folder=tmp_path / "new"), None)[-1].fix == "none is active: baton apply config/"


def test_a_row_says_which_handoff_goes_on() -> None:
    """With a person whose other handoff is kept, and with a lead that a seller takes on."""
    merged = row(withdrawn(reason="merged", stays="h2", stays_with="ben"), "e1")
    assert (merged["what"], merged["goes_on"], merged["goes_on_with"]) == ("withdrawn", "h2", "ben")
    over = row(handed_over(), "e1")
    assert (over["what"], over["goes_on"], over["handoff"]) == ("handed_over", "h2", HANDOFF)
