"""The comparison on a screen: a table on a terminal, plain lines elsewhere, the same facts as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from baton_schemas.contract import format_time
from services.cli.printable import printable
from services.cli.shadow_comparison import Entry
from services.cli.shadow_sums import Became, Sums
from services.cli.shadow_words import gap
from services.cli.story import moment

_STYLES = {"both": "", "missed": "red", "waiting": "dim", "withdrawn": "dim", "not_given": "dim", "only_crm": "yellow"}
_TITLES = {"not_given": "not given", "only_crm": "only CRM"}


def show(entries: Sequence[Entry], sums: Sums, console: Console, *, since: int, now: int) -> None:
    """Lead by lead, then in sum."""
    console.print(f"[bold]Baton in shadow, beside the CRM[/] from {moment(since)} to {moment(now)} (UTC)\n")
    if console.is_terminal:
        console.print(_table(entries))
    else:
        for entry in entries:
            console.print(f"{_name(entry)}  {_title(entry)}", markup=False)
            for label, text in (("Baton", _would(entry)), ("CRM", _did(entry))):
                console.print(f"    {label:<6} {printable(text)}", markup=False)
            for text in _texts(entry):
                console.print(f"    -> {text}", markup=False)
    console.print("\n[bold]in sum[/]")
    for line in lines_of(sums):
        console.print(f"  {line}", markup=False)


def lines_of(sums: Sums) -> Iterator[str]:
    """The sums in words."""
    stands, touch, owner = sums.standing, sums.touch, sums.owner
    yield (
        f"leads          {sums.qualified} qualified by Baton: {stands['both']} worked in the CRM, {stands['missed']} "
        f"missed there, {stands['waiting']} not due yet, {stands['withdrawn']} withdrawn, "
        f"{stands['not_given']} given to nobody"
    )
    yield (
        f"beside them    {stands['only_crm']} worked in the CRM that Baton had not qualified; "
        f"of {sums.unknown} of these it never heard"
    )
    yield (
        f"first touch    {_share(sums.in_time)} in time: {touch['in_time']} in time, {touch['late']} late, "
        f"{touch['never']} never, {touch['open']} open, {touch['not_noted']} not noted"
    )
    if sums.median_delay is not None and sums.median_allowed is not None:
        delay, allowed = gap(sums.median_delay), gap(sums.median_allowed)
        yield f"               median of those: {delay} after qualifying; due after {allowed}"
    yield (
        f"owner          {_share(sums.same_owner)} Baton's rep: {owner['same']} the same, {owner['same_team']} of the "
        f"same team, {owner['other_team']} of another, {owner['no_rep']} no rep of Baton's, {owner['nobody']} nobody"
    )
    yield f"became         {_became('worked and qualified', sums.became['both'])}"
    yield f"               {_became('worked, not qualified', sums.became['only_crm'])}"


def as_json(entries: Sequence[Entry], sums: Sums, *, since: int, now: int) -> dict[str, Any]:
    """Everything, for scripts. Times are RFC 3339, spans seconds."""
    return {
        "since": format_time(since),
        "until": format_time(now),
        "entries": [_entry(each) for each in entries],
        "sums": {
            "qualified": sums.qualified,
            "standing": sums.standing,
            "unknown": sums.unknown,
            "first_touch": {
                **sums.touch,
                "share_in_time": sums.in_time,
                "median_s": _seconds(sums.median_delay),
                "median_allowed_s": _seconds(sums.median_allowed),
            },
            "owner": {**sums.owner, "share_same": sums.same_owner},
            "became": {
                name: {
                    "deals": group.deals, "won": group.won, "lost": group.lost, "rejected": group.rejected,
                    "open": group.open, "won_rate": group.rate,
                }
                for name, group in sums.became.items()
            },
        },
    }  # fmt: skip


def _entry(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = {"lead": entry.lead, "standing": entry.standing}
    if (one := entry.decided) is not None:
        found["handoff"] = one.qualified.handoff
        found["baton"] = {
            "qualified_at": format_time(one.qualified.at), "grade": one.qualified.grade, "score": one.qualified.score,
        }  # fmt: skip
        if (routed := one.routed) is not None:
            found["baton"] |= {
                "rep": routed.rep, "team": routed.team,
                "clock": routed.clock.model_dump(mode="json", exclude_none=True),
                "decision": routed.decision.model_dump(mode="json", exclude_none=True),
            }  # fmt: skip
        if one.unrouted is not None and one.routed is None:
            found["baton"]["given_to_nobody"] = one.unrouted.reason
        if one.withdrawn is not None:
            found["baton"]["withdrawn"] = one.withdrawn.reason
    if entry.deal is not None:
        found["crm"] = entry.deal.model_dump(mode="json", exclude_none=True, exclude={"person"})
        found["other_deals"] = [deal.deal for deal in entry.others]
    found |= {"first_touch": entry.touch, "owner": entry.owner, "first_touch_s": _seconds(entry.delay)}
    found["differences"] = [{"kind": each.kind, "why": each.text} for each in entry.differences]
    return found


def _table(entries: Sequence[Entry]) -> Table:
    table = Table(show_lines=True, header_style="bold", expand=True)
    for name, ratio in (("lead", 3), ("Baton would have", 4), ("the CRM has", 4), ("difference", 7)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for entry in entries:
        style = _STYLES[entry.standing]
        first = Text(f"{_title(entry)}\n", style=style).append(_name(entry), style="dim")
        cells = (_would(entry), _did(entry), "\n".join(_texts(entry)) or "-")
        table.add_row(first, *(Text("\n".join(map(printable, cell.split("\n")))) for cell in cells))
    return table


def _name(entry: Entry) -> str:
    return entry.lead if entry.decided is None else entry.decided.qualified.handoff


def _title(entry: Entry) -> str:
    return _TITLES.get(entry.standing, entry.standing)


def _would(entry: Entry) -> str:
    one = entry.decided
    if one is None:
        return "nothing"
    qualified = f"{moment(one.qualified.at)} grade {one.qualified.grade}, {one.qualified.score:g} points"
    if one.routed is not None:
        return f"{qualified}; {one.routed.rep}, first touch due {moment(one.routed.clock.due_at)}"
    if one.unrouted is not None:
        return f"{qualified}; {one.unrouted.reason.replace('_', ' ')}"
    return f"{qualified}; no rep yet"


def _did(entry: Entry) -> str:
    deal = entry.deal
    if deal is None:
        return "nothing"
    none = "no touch noted" if deal.touch_known else "touches not known"
    touched = none if deal.first_touch_at is None else f"first touch {moment(deal.first_touch_at)}"
    stage = f"{deal.stage}{f' ({deal.reason})' if deal.reason else ''}"
    also = f"; also {', '.join(other.deal for other in entry.others)}" if entry.others else ""
    return f"{moment(deal.created_at)} {deal.deal}, {deal.owner or 'nobody'}; {touched}; {stage}{also}"


def _texts(entry: Entry) -> list[str]:
    return [printable(each.text) for each in entry.differences]


def _became(name: str, group: Became) -> str:
    return (
        f"{name}: {group.won} won, {group.lost} lost, {group.rejected} rejected, {group.open} open"
        f"{'' if group.rate is None else f'; {group.rate:.0%} won'}"
    )


def _share(share: float | None) -> str:
    return "nothing to judge" if share is None else f"{share:.0%}"


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
