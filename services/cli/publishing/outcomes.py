"""The second pass over a CSV file: what its outcome column says of handoffs that exist.

An outcome answers a handoff, and a handoff exists only once a lead qualified and a rep has it. So first the rows go in
as events; when the leads are routed, `--outcomes` goes over the same file again and answers for those rows whose
handoff is on `leads.routed`, in the name of the rep who has it. Rows of people who never became a lead are counted and
left out: nobody was asked to call them. Ids follow from handoff and kind, so the pass may be repeated at any time.
"""

from __future__ import annotations

from typing import Any

from baton_schemas.feedback import OutcomeReported
from baton_schemas.routing import LeadRouted
from services.cli.publishing.csv_rows import Row
from services.cli.publishing.draft import Draft, Refused, checked
from services.cli.publishing.mapping import OutcomeColumn, Step


def outcome_drafts(column: OutcomeColumn, row: Row, routed: LeadRouted, uri: str) -> list[Draft]:
    """The outcomes that the row reports of `routed`, in their order, a millisecond apart from when the rep got it.

    Raises Refused when the column's text is not in the mapping. An empty cell says: nothing yet.
    """
    text = row.get(column.column)
    if text is None:
        return []
    steps = column.kinds.get(text)
    if steps is None:
        raise Refused(column.column, f"not one of the mapping's {', '.join(sorted(column.kinds))}")
    drafts = []
    for number, step in enumerate(steps):
        kind, reason = _parts(step)
        fields: dict[str, Any] = {
            "lead": routed.lead,
            "handoff": routed.handoff,
            "kind": kind,
            "rep": routed.rep,
            "reason": reason,
            "channel": column.channel,
            "at": routed.at + number,
        }
        data = checked(OutcomeReported, fields)
        drafts.append(Draft(data, f"{routed.handoff}-{number}-{kind}", uri, routed.at + number))
    return drafts


def _parts(step: Step) -> tuple[str, str | None]:
    if isinstance(step, str):
        return step, None
    return next(iter(step.items()))
