"""A dropped file as outcomes for Baton, and the rows that are none, each with line, field and reason. Pure.

An outcome's id follows from what its row says and from nothing else: a file that is read twice, or an export that holds
last week's rows again, tells the same events again, and whoever heard them drops them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from baton_schemas.contract import parse_time
from baton_schemas.feedback import OutcomeReported
from services.connectors.drop.settings import Answers
from services.connectors.words import reason_in

_FUTURE_MS = 3_600_000
_WITH_REASON = ("lost", "rejected")
_WITH_RECEIVER = ("passed_on", "owner_changed")


class Answer(NamedTuple):
    """An outcome to tell, and its event's id."""

    id: str
    outcome: OutcomeReported


class Rejected(NamedTuple):
    """A row that tells nothing; `line` counts from 1, the header's. The reason quotes nothing of the row."""

    line: int
    field: str
    reason: str


def read(
    data: bytes,
    answers: Answers,
    find: Callable[[str], str | None],
    *,
    connector: str,
    delimiter: str,
    now: int,
    baton: Callable[[int], int],
) -> Iterator[Answer | Rejected]:
    """Row by row what a file says; `find` knows the lead of each handoff that was
    written to a file of ours. `now` is the wall (ms), `baton` turns wall into Baton
    time. A file that can't be read at all is one Rejected."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Rejected(data.count(b"\n", 0, error.start) + 1, "", "is not UTF-8 text: save the file as UTF-8")
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Rejected(line, "", f"is no CSV from here on: {error}")
            return
        if cells is None:
            break
        if header is None:
            header = [name.strip() for name in cells]
            wrong = _header(header, answers)
            if wrong is not None:
                yield wrong
                return
        elif any(each.strip() for each in cells):
            yield _row(line, header, cells, answers, find, connector, now, baton)
    if header is None:
        yield Rejected(1, "", "is empty: the first line names the columns")


def _header(header: list[str], answers: Answers) -> Rejected | None:
    columns = answers.columns
    for needed in (columns.handoff, columns.outcome, columns.time):
        if needed not in header:
            return Rejected(1, needed, "there is no such column: add it, or name it in answers.columns")
    double = next((name for name in header if name and header.count(name) > 1), None)
    return None if double is None else Rejected(1, double, "this column is there twice: keep one")


def _row(
    line: int,
    header: list[str],
    cells: list[str],
    answers: Answers,
    find: Callable[[str], str | None],
    connector: str,
    now: int,
    baton: Callable[[int], int],
) -> Answer | Rejected:
    if len(cells) != len(header):
        return Rejected(line, "", f"has {len(cells)} cells, the header has {len(header)}")
    said = {name: _plain(text) for name, text in zip(header, cells, strict=True)}
    try:
        return _answer(said, answers, find, connector, now, baton)
    except _NoAnswer as problem:
        return Rejected(line, problem.field, problem.reason)


class _NoAnswer(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def _answer(
    said: Mapping[str, str],
    answers: Answers,
    find: Callable[[str], str | None],
    connector: str,
    now: int,
    baton: Callable[[int], int],
) -> Answer:
    columns = answers.columns
    handoff = said[columns.handoff]
    lead = find(handoff) if handoff else None
    if lead is None:
        raise _NoAnswer(columns.handoff, "no such handoff was written to a file of ours: copy it from there")
    kinds = {word.casefold(): kind for word, kind in answers.kinds.items()}
    kind = kinds.get(said[columns.outcome].casefold())
    if kind is None:
        raise _NoAnswer(columns.outcome, f"is not one of {', '.join(answers.kinds)}: add it to answers.kinds")
    at = _time(said[columns.time], answers.zone, columns.time)
    if at > now + _FUTURE_MS:
        raise _NoAnswer(columns.time, "lies in the future: correct it")
    reason = _reason(said.get(columns.reason, ""), kind, answers)
    to = _rep(said.get(columns.to, ""), answers)
    if kind in _WITH_RECEIVER and to is None:
        raise _NoAnswer(columns.to, f"{kind} needs who has it now")
    rep = _rep(said.get(columns.actor, ""), answers)
    try:
        outcome = OutcomeReported(lead=lead, handoff=handoff, kind=kind, rep=rep, to=to, reason=reason, at=baton(at))
    except ValidationError as error:
        field = str(error.errors(include_input=False, include_url=False)[0]["loc"][0])
        raise _NoAnswer(field, "is too long, or no value for it") from None
    return Answer(f"{handoff}-{connector}-{_digest([handoff, kind, at, reason, rep, to])}", outcome)


def _plain(text: str) -> str:
    """A cell's text; the apostrophe that keeps a spreadsheet from calculating is not part of it."""
    return text.strip().removeprefix("'").strip()


def _reason(text: str, kind: str, answers: Answers) -> str | None:
    if kind not in _WITH_REASON:
        return None
    found = reason_in(text, answers.reasons)
    if found is None:
        raise _NoAnswer(answers.columns.reason, f"{kind} needs a reason: write one of the words in answers.reasons")
    return found


def _rep(text: str, answers: Answers) -> str | None:
    return {word: rep for rep, word in answers.reps.items()}.get(text, text) or None


def _time(text: str, zone: str, column: str) -> int:
    try:
        return parse_time(text)
    except ValueError:
        pass
    try:
        return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise _NoAnswer(column, "is no time such as 2026-03-02T09:30 or 2026-03-02T09:30:00Z") from None


def _digest(parts: list[object]) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=10).hexdigest()
