"""Baton's records as rows for a batch import, in words that the settings give columns to. Pure."""

from __future__ import annotations

from baton_schemas.alerts import AccountAlert
from baton_schemas.contract import format_time
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadHandedOver, LeadRouted, SlaEvent
from services.connectors.card import alert_text, story

_CONTACT = (
    "email", "first_name", "last_name", "phone", "job_title", "company", "company_domain", "country", "region",
    "industry", "employees",
)  # fmt: skip
LEAD_WORDS = (
    "event", "what", "handoff", "version", "lead", "rep", "previous_rep", "team", "pool", "territory", "grade", "tier",
    "score", "due_at", *_CONTACT, "story", "reason", "merged_into",
    "stage", "goes_on", "goes_on_with", "at",
)  # fmt: skip
"""`event` is the same whenever the row is written, `what` a routing's change, `withdrawn` or `handed_over`. `goes_on`
is the handoff that is kept when two people are one, or that goes on with a lead when sales has two stages."""

SLA_WORDS = ("event", "what", "handoff", "version", "lead", "rep", "tier", "territory", "due_at", "reason", "at")

ALERT_WORDS = (
    "event", "what", "handoff", "version", "lead", "rep", "owned_as", "grade", "previous_grade", "points", "threshold",
    "within_days", *_CONTACT, "story", "at",
)  # fmt: skip
"""`what` is what rose: grade or account_points. `handoff` is empty where `rep` has none that the alert belongs to."""

Told = LeadRouted | LeadWithdrawn | LeadHandedOver | SlaEvent | AccountAlert


def row(told: Told, event: str) -> dict[str, str]:
    """What a record says, by word; words that it says nothing of are absent. `event` is its CloudEvent's id."""
    said: dict[str, object] = {
        "event": event, "handoff": told.handoff, "version": told.version, "lead": told.lead,
        "rep": told.recipient if isinstance(told, AccountAlert) else told.rep, "at": format_time(told.at),
    }  # fmt: skip
    if isinstance(told, LeadRouted):
        said |= _routed(told)
    elif isinstance(told, LeadWithdrawn):
        said |= {"what": "withdrawn", "reason": told.reason, "merged_into": told.merged_into}
        said |= {"goes_on": told.stays, "goes_on_with": told.stays_with}
    elif isinstance(told, AccountAlert):
        said |= _alerted(told)
    elif isinstance(told, LeadHandedOver):
        said |= {"what": "handed_over", "goes_on": told.to}
    else:
        said |= {
            "what": told.step, "tier": told.tier, "territory": told.territory, "due_at": format_time(told.due_at),
            "reason": told.reason,
        }  # fmt: skip
    return {word: str(value) for word, value in said.items() if value is not None}


def _routed(routed: LeadRouted) -> dict[str, object]:
    qualified, match = routed.qualified, routed.decision.match
    return {
        "what": routed.change,
        "previous_rep": routed.previous_rep,
        "team": routed.team,
        "pool": routed.pool,
        "territory": None if match is None else match.territory,
        "grade": qualified.grade,
        "tier": qualified.tier,
        "score": f"{qualified.score:.1f}",
        "due_at": format_time(routed.clock.due_at),
        "story": story(routed),
        "reason": routed.decision.reason,
        "stage": routed.stage,
        **{word: getattr(qualified.contact, word) for word in _CONTACT},
    }


def _alerted(alert: AccountAlert) -> dict[str, object]:
    spike = alert.spike
    return {
        "what": spike.kind,
        "lead": spike.lead,
        "owned_as": alert.owned_as,
        "grade": spike.grade,
        "previous_grade": spike.previous_grade,
        "points": spike.points,
        "threshold": spike.threshold,
        "within_days": spike.within_days,
        "story": alert_text(alert),
        **{word: getattr(spike.contact, word) for word in _CONTACT},
    }
