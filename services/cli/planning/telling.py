"""A plan in words and tables: what was replayed, who moves, what sales would get."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table

from services.cli.planning.comparing import Comparison
from services.cli.planning.loads import Load, Share
from services.cli.terminal import out

_MOST_MOVES = 8
_SAME = "nothing would change for anybody"


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` says. Times are Baton's (ms); `reach` is how far back the events reach, `since` from when on they
    were replayed; `fresh` are criteria that know nothing of the past unless it is looked back for, `clashing` those
    that count something else under a known id, which an apply refuses."""

    documents: dict[str, list[str]]
    since: int
    until: int
    reach: int | None
    events: int
    refused: int
    fresh: list[str]
    clashing: list[str]
    comparison: Comparison
    territories_before: list[Load]
    territories_after: list[Load]
    reps_before: list[Share]
    reps_after: list[Share]


def tell(planned: Planned) -> None:
    """Everything of it, the decisive first."""
    console = out()
    _documents(console, planned)
    span = f"{_moment(planned.since)} to {_moment(planned.until)} UTC"
    console.print(f"replayed {planned.events:,} events, {span}" + _reach(planned))
    if planned.refused:
        console.print(f"{planned.refused:,} lines could not be used: baton publish --check names them")
    _leads(console, planned.comparison)
    _grades(console, planned.comparison)
    _loads(console, planned.territories_before, planned.territories_after)
    _reps(console, planned.reps_before, planned.reps_after)


def _documents(console: Console, planned: Planned) -> None:
    for word, names in planned.documents.items():
        for name in names:
            console.print(f"{word:8} {name}")
    if planned.clashing:
        console.print(
            f"[red]{', '.join(planned.clashing)}: counts something else under a known id: apply refuses it[/]"
        )
    if planned.fresh:
        console.print(f"{', '.join(planned.fresh)}: not counted so far; apply --look-back counts the last 30 days, too")


def _reach(planned: Planned) -> str:
    return "" if planned.reach is None else f"; the events reach back to {_moment(planned.reach)}"


def _leads(console: Console, found: Comparison) -> None:
    console.print(f"\nleads: {found.leads_before:,} before, {found.leads_after:,} after")
    console.print(
        f"  enter {found.enters:,}, leave {found.leaves:,}, stay {found.stays:,}; {found.people:,} people judged"
    )
    if not found.moved:
        if not found.grades:
            console.print(f"  {_SAME}")
        return
    for each in found.moved:
        by = ", ".join(f"{name} {points:+.1f}" for name, points in each.by)
        line = f"  {each.person}  {each.change:6}  {each.before:2} to {each.after:2}  {each.points:+6.1f}  {by}"
        console.print(line, soft_wrap=True, highlight=False)


def _grades(console: Console, found: Comparison) -> None:
    if found.grades:
        console.print(f"\ngrades: {sum(count for *_, count in found.grades):,} move")
        moves = sorted(found.grades, key=lambda each: -each[2])
        shown = ", ".join(f"{one} to {other} {count:,}" for one, other, count in moves[:_MOST_MOVES])
        rest = f", and {len(moves) - _MOST_MOVES} other moves" if len(moves) > _MOST_MOVES else ""
        console.print(f"  {shown}{rest}", soft_wrap=True, highlight=False)
    if found.causes:
        table = _table("criterion", "people", "points each")
        for cause in found.causes:
            table.add_row(cause.criterion, f"{cause.people:,}", f"{cause.points:+.1f}")
        console.print(table)


def _loads(console: Console, before: Sequence[Load], after: Sequence[Load]) -> None:
    console.print("\nterritories; late: first touches beyond the target, were sales as quick as it was")
    table = _table("territory", "team", "leads before", "after", "late before", "after")
    old, new = ({(each.territory, each.team): each for each in side} for side in (before, after))
    for place in sorted(old.keys() | new.keys()):
        one, other = old.get(place), new.get(place)
        counts = (str(0 if each is None else each.leads) for each in (one, other))
        table.add_row(*place, *counts, _late(one), _late(other))
    console.print(table)


def _late(load: Load | None) -> str:
    return "0.0" if load is None else "not known" if load.late is None else f"{load.late:.1f}"


def _reps(console: Console, before: Sequence[Share], after: Sequence[Share]) -> None:
    console.print("\nreps, by their weight in the pool; absences and capacity are not looked at")
    table = _table("rep", "team", "leads before", "after")
    old, new = ({(each.rep, each.team): each.leads for each in side} for side in (before, after))
    for place in sorted(old.keys() | new.keys()):
        table.add_row(*place, f"{old.get(place, 0.0):.1f}", f"{new.get(place, 0.0):.1f}")
    console.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True, justify="right" if _is_number(name) else "left")
    return table


def _is_number(name: str) -> bool:
    return any(word in name for word in ("leads", "after", "late", "people", "points"))


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")
