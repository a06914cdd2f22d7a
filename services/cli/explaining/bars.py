"""A person's score as lines for a page of 80 to 120 columns: points, bar, and what is behind them. Pure.

What is negative goes to the left of the axis. Plain characters say the same where colours and blocks are not wanted.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from services.cli.explaining.document import Bar, Evidence, Explained, Movement, Score
from services.cli.explaining.moving import day
from services.cli.printable import printable
from services.cli.story import Mood, moment

_NARROW, _WIDE = 12, 24
_ADDRESS = re.compile(r"^https?://[^/]+(?=/.)")
"""Of a page, its path says enough."""
_HEAD = 8
"""Columns before a bar: points and a blank."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What lines are written on: `width` columns (None: lines are never broken), blocks or plain characters."""

    width: int | None = None
    blocks: bool = False

    @property
    def cells(self) -> int:
        """The columns of a bar."""
        return _WIDE if self.width is None else max(_NARROW, min(_WIDE, self.width // 5))

    def broken(self, text: str, indent: int, first: str = "") -> Iterator[str]:
        """`text` after `first`, which takes `indent` columns, in lines that fit."""
        text = printable(text)
        rest = [text] if self.width is None else textwrap.wrap(text, max(self.width - indent, 20)) or [""]
        yield first.ljust(indent) + rest[0]
        for line in rest[1:]:
            yield " " * indent + line


Style = Mood | Literal["head"]
Said = tuple[str, Style]
"""A line and how it is meant."""


def page(explained: Explained, paper: Paper) -> Iterator[Said]:
    """The person's part, line by line."""
    others = (
        f", with {_number(len(explained.linked), 'linked identity', 'linked identities')}" if explained.linked else ""
    )
    yield from _plain(paper, f"lead {explained.lead}{others}")
    if explained.person != explained.lead:
        yield from _plain(paper, f"asked for as {explained.person}, which is the same person")
    for key in explained.linked:
        yield f"  linked {key}", "dim"
    for note in explained.notes:
        for line in paper.broken(note, 6, "note:"):
            yield line, "warn"
    if explained.score is not None:
        yield "", "plain"
        yield from score_lines(explained.score, explained.at, paper, rebuilt=explained.rebuilt)


def score_lines(score: Score, at: int, paper: Paper, *, rebuilt: bool = False) -> Iterator[Said]:
    """The score: its sums, its bars, what is missing, why it moved, what judged."""
    standing = "qualified" if score.qualified else "not qualified"
    when = f"as it was at {moment(at)}" if rebuilt else f"at {moment(at)}"
    yield from _plain(
        paper,
        f"grade {score.grade}: {score.score:.1f} points = {score.fit:.1f} fit {_signed(score.engagement)} engagement; "
        f"{standing}, {when} UTC",
        "head",
    )
    for kind, total in (("fit", score.fit), ("engagement", score.engagement)):
        lines = [line for line in score.lines if line.kind == kind]
        yield "", "plain"
        yield f"{total:+7.1f} {kind}", "head"
        for line in sorted(lines, key=lambda line: -abs(line.points)):
            yield from _bar_lines(line, score.lines, at, paper)
        if not lines:
            yield " " * _HEAD + "nothing yet", "dim"
    yield "", "plain"
    yield from _what_is_missing(score, paper)
    for movement in score.movements:
        yield from _movement_lines(movement, at, paper)
    yield from _judged(score, paper)


def _bar_lines(line: Bar, among: Sequence[Bar], at: int, paper: Paper) -> Iterator[Said]:
    bar = drawn(line.points, [each.points for each in among], paper)
    first = f"{line.points:+7.1f} {bar} "
    mood: Mood = "bad" if line.points < 0 else "plain" if line.points else "dim"
    text = ", ".join([line.label, *_facts(line, at)])
    for broken in paper.broken(text, len(first), first):
        yield broken, mood
    if line.evidence:
        seen = "; ".join(_seen(each, at, fit=line.kind == "fit") for each in line.evidence)
        for broken in paper.broken(seen, len(first)):
            yield broken, "dim"


def drawn(points: float, among: Sequence[float], paper: Paper) -> str:
    """A bar of `paper.cells` columns, scaled to the largest of `among`; with negative ones, to both sides of an axis.

    >>> drawn(-5, [10, -5], Paper(60)), drawn(10, [10, -5], Paper(60)), drawn(5, [10, 5], Paper(60))
    ('####|       ', '    |#######', '######      ')
    """
    most, least = max(0.0, *among), min(0.0, *among)
    if not least:
        return _filled(points, most, paper.cells, paper).ljust(paper.cells)
    cells = paper.cells - 1
    left = min(max(round(cells * -least / (most - least)), 1), cells - 1 if most else cells)
    scale = max(most / (cells - left) if cells > left else 0.0, -least / left)
    full = scale * (cells - left) if points > 0 else scale * left
    bar = _filled(abs(points), full, cells - left if points > 0 else left, paper)
    axis = "│" if paper.blocks else "|"
    return (bar.rjust(left) if points < 0 else " " * left) + axis + (bar if points > 0 else "").ljust(cells - left)


def _filled(points: float, full: float, cells: int, paper: Paper) -> str:
    """At least a cell for whatever counts."""
    share = round(cells * points / full) if full else 0
    return ("█" if paper.blocks else "#") * (max(share, 1) if points else 0)


def _facts(line: Bar, at: int) -> Iterator[str]:
    if line.kind == "absence" and line.latest_at is not None:
        yield f"last {day(line.latest_at, at)}"
    elif line.kind == "engagement":
        yield f"{line.count} time{'s' if line.count != 1 else ''}"
        if line.latest_at is not None:
            yield f"last {day(line.latest_at, at)}"
        yield "does not wear off" if line.half_life_days is None else f"halves every {_days(line.half_life_days)}"
    if line.cap is not None:
        yield f"at its cap of {line.cap:g}" if line.capped else f"cap {line.cap:g}"


def _seen(evidence: Evidence, at: int, *, fit: bool) -> str:
    what = evidence.what.replace("_", " ")
    if fit:
        return f"{what} = {evidence.about}, since {day(evidence.at, at).removeprefix('on ')}"
    about = f" ({_ADDRESS.sub('', evidence.about)})" if evidence.about else ""
    return f"{what}{about} {moment(evidence.at)}"


def _what_is_missing(score: Score, paper: Paper) -> Iterator[Said]:
    for text in score.missing:
        yield from _plain(paper, f"missing to qualify: {text}", "warn", 2)
    for step in score.to_next_grade:
        such_as = f", such as: {' or: '.join(step.such_as)}" if step.such_as else ""
        yield from _plain(
            paper, f"{score.grade} -> {step.grade}: {step.points:g} points of {step.kind}{such_as}", "plain", 2
        )
    if (change := score.next_change) is not None:
        falls = ", no longer qualified" if score.qualified and not change.qualified else ""
        yield from _plain(paper, f"time alone: grade {change.grade}{falls} at {moment(change.at)} UTC", "plain", 2)


def _movement_lines(movement: Movement, at: int, paper: Paper) -> Iterator[Said]:
    one, other = movement.from_grade, movement.to_grade
    since = f"since {moment(movement.since)} UTC"
    if movement.until < at:
        since = f"from {moment(movement.since)} to {moment(movement.until)} UTC"
    moved = (
        f"{movement.from_score:.1f} -> {movement.to_score:.1f} points ({movement.to_score - movement.from_score:+.1f})"
    )
    by = ", by time alone" if movement.by_time_alone else ""
    yield "", "plain"
    yield from _plain(paper, f"{since}: {one if one == other else f'{one} -> {other}'}, {moved}{by}", "head")
    if movement.other_points:
        yield from _plain(paper, "the definition or what criteria give has changed in between", "dim", 2)
    for reason in movement.reasons:
        mood: Mood = "good" if reason.points > 0 else "bad"
        for line in paper.broken(reason.words, 10, f"  {reason.points:+7.1f} "):
            yield line, mood
    if not movement.reasons:
        yield "  nothing moved it", "dim"


def _judged(score: Score, paper: Paper) -> Iterator[Said]:
    versions = score.versions
    points = "the points as they were signed"
    if versions.model_version:
        learnt = f", learnt {moment(score.model_at)} UTC" if score.model_at is not None else ""
        points = f"the points of model {versions.model_version}{learnt}"
    yield "", "plain"
    yield from _plain(paper, f"judged by {versions.definition} version {versions.definition_version} with {points}")
    for signature in score.signatures:
        yield from _plain(paper, f"signed for {signature.team} by {signature.by}, {moment(signature.at)} UTC", "dim", 2)


def _plain(paper: Paper, text: str, style: Style = "plain", indent: int = 0) -> Iterator[Said]:
    for line in paper.broken(text, indent):
        yield line, style


def _signed(points: float) -> str:
    return f"{'-' if points < 0 else '+'} {abs(points):.1f}"


def _days(days: float) -> str:
    return f"{days:g} day{'s' if days != 1 else ''}"


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
