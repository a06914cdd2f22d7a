"""What became of a published file: counted line by line, told to people or to scripts."""

from __future__ import annotations

import msgspec

from services.cli.publishing.draft import Refused
from services.cli.terminal import out, say_json

MOST_SHOWN = 20


class Refusal(msgspec.Struct, frozen=True):
    """A line that was not used, and why."""

    line: int
    field: str
    reason: str


class Report(msgspec.Struct, kw_only=True):
    """What became of a file. `events` are the records published; `without_handoff` lines have nothing to answer. Of a
    backfill, `days` are days of people, `taken_back` those that the file has nothing of any more, and `left_out` lines
    of days that it was not to touch."""

    file: str
    accepted: int = 0
    refused: int = 0
    events: int = 0
    without_handoff: int = 0
    days: int = 0
    taken_back: int = 0
    left_out: int = 0
    unused_columns: list[str] = []
    refusals: list[Refusal] = []
    published: bool = True


def refuse(report: Report, line: int, refused: Refused) -> None:
    """Counts a line that is not used."""
    report.refused += 1
    report.refusals.append(Refusal(line, refused.field, refused.reason))


def tell(report: Report, *, json: bool) -> None:
    """What became of the file, the first refusals included."""
    if json:
        say_json(report)
        return
    console = out()
    for refusal in report.refusals[:MOST_SHOWN]:
        field = f"{refusal.field}: " if refusal.field else ""
        console.print(f"{report.file}:{refusal.line}: {field}{refusal.reason}", markup=False)
    if report.refused > MOST_SHOWN:
        console.print(f"... and {report.refused - MOST_SHOWN:,} more, all of them with --json")
    if report.unused_columns:
        console.print(f"columns not used: {', '.join(report.unused_columns)}", markup=False)
    done = "published" if report.published else "would be published"
    console.print(f"{report.accepted:,} lines accepted, {report.refused:,} refused; {report.events:,} events {done}")
    if report.days or report.taken_back:
        back = f", {report.taken_back:,} days taken back" if report.taken_back else ""
        console.print(f"{report.days:,} days of people said{back}")
    if report.left_out:
        console.print(f"{report.left_out:,} lines left out: on or after --before")
    if report.without_handoff:
        console.print(f"{report.without_handoff:,} lines are of people whom no rep has: nothing to answer")
