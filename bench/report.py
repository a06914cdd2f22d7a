"""What was measured, as values: rows of runs, ratios, verdicts; as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_TARGETS_HEAD = ("| target | | measured | |", "|---|--:|--:|---|")


@dataclass(slots=True)
class Row:
    """One line of a table: a contender or a quantity, its runs in order, and what else is worth a word."""

    name: str
    unit: str
    runs: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def median(self) -> float:
        return median(self.runs)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and what came out. `at_least`: more is better."""

    what: str
    goal: float
    got: float
    at_least: bool
    unit: str = ""

    @property
    def reached(self) -> bool:
        return self.got >= self.goal if self.at_least else self.got <= self.goal

    @property
    def words(self) -> str:
        """`reached`, or by how much of the goal it was missed."""
        return "reached" if self.reached else f"missed by {abs(self.got - self.goal) / self.goal:.0%}"


@dataclass(slots=True)
class Section:
    """One measurement: what was done, in words; rows; ratios; verdicts; notes such as a profile."""

    name: str
    title: str
    how: str
    rows: list[Row] = field(default_factory=list)
    ratios: list[tuple[str, float, str]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def row(self, name: str) -> Row:
        """The row of that name. Raises KeyError."""
        return {row.name: row for row in self.rows}[name]

    def compare(self, first: str, second: str, goal: float, *, in_turns: bool = True) -> None:
        """Adds the ratio of two rows' medians with its target, and the ratios run by run when the two took turns."""
        one, two = self.row(first), self.row(second)
        ratio = one.median / two.median
        what = f"{first} : {second}"
        if in_turns:
            pairs = [a / b for a, b in zip(one.runs, two.runs, strict=True)]
            self.ratios.append((what, ratio, ", ".join(f"{pair:.2f}" for pair in pairs)))
        self.verdicts.append(Verdict(what, goal, ratio, at_least=True))


def as_json(machine: dict[str, str], sections: Sequence[Section]) -> dict[str, Any]:
    """Everything, every single run included."""
    measured = []
    for section in sections:
        plain = asdict(section)
        for verdict, told in zip(section.verdicts, plain["verdicts"], strict=True):
            told["verdict"] = verdict.words
        measured.append(plain)
    return {"machine": machine, "measured": measured}


def markdown(machine: dict[str, str], sections: Sequence[Section]) -> str:
    """The whole report."""
    lines = [_on(machine), ""]
    for section in sections:
        lines += [f"### {section.title}", "", section.how, ""]
        lines += ["| | min | median | max | runs | |", "|---|--:|--:|--:|--:|---|"]
        lines += [f"| {_figures(row)} | {row.note} |" for row in section.rows]
        if section.verdicts:
            lines += ["", *_TARGETS_HEAD, *_targets(section)]
        lines += ["", *section.notes, ""] if section.notes else [""]
    return "\n".join(lines).rstrip() + "\n"


def summary(machine: dict[str, str], sections: Sequence[Section]) -> str:
    """Machine, rows and targets without the words between: what the README has room for."""
    lines = [_on(machine), "", "| | min | median | max | runs |", "|---|--:|--:|--:|--:|"]
    for section in sections:
        lines.append(f"| **{section.title}** | | | | |")
        lines += [f"| {_figures(row)} |" for row in section.rows]
    lines += ["", *_TARGETS_HEAD, *(line for section in sections for line in _targets(section))]
    return "\n".join(lines) + "\n"


def _on(machine: dict[str, str]) -> str:
    return " · ".join(f"{name} {what}" for name, what in machine.items())


def _figures(row: Row) -> str:
    low, mid, high = (number(each, row.unit) for each in (min(row.runs), row.median, max(row.runs)))
    return f"{row.name} | {low} | {mid} | {high} | {len(row.runs)}"


def _targets(section: Section) -> Iterator[str]:
    pairs = {what: told for what, _, told in section.ratios}
    for verdict in section.verdicts:
        sign = "≥" if verdict.at_least else "≤"
        goal, got = number(verdict.goal, verdict.unit), number(verdict.got, verdict.unit)
        told = f" (run by run: {pairs[verdict.what]})" if verdict.what in pairs else ""
        words = verdict.words if verdict.reached else f"**{verdict.words}**"
        yield f"| {verdict.what} | {sign} {goal} | {got}{told} | {words} |"


def number(value: float, unit: str) -> str:
    """A number as a person reads it: three digits that count, thousands apart."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return f"{text} {unit}".rstrip()


def placed(text: str, table: str) -> str:
    """`text` with what stands between the markers replaced. Raises ValueError when it has no markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"
