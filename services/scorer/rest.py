"""A lead to which sales said no rests: for as long as the reason asks for, and then until it shows something new."""

from __future__ import annotations

from collections.abc import Sequence

from baton_schemas.contract import format_time
from baton_schemas.feedback import LeadRecycled
from services.scorer.definition import Rules
from services.scorer.ledger import HOUR_MS
from services.scorer.moments import last_hour
from services.scorer.past import ledgers_of
from services.scorer.person import Lead, Standing
from services.scorer.profile import Profile


def hear(lead: Lead, recycled: LeadRecycled, handoffs: Sequence[str]) -> bool:
    """Takes the word of sales in, if it is of one of the person's last `handoffs`, under whichever definition: a no, or
    its taking back. Answers whether it changed anything."""
    if recycled.handoff not in handoffs:
        return False
    aside = (each for each in lead.aside.values() if recycled.handoff in (each.last, each.handoff))
    one: Lead | Standing = next(aside, lead)
    if recycled.revoked:
        changed = one.rested_at > 0
        one.rested_at, one.rests_until, one.rest_reason = 0, 0, ""
        one.qualified = one.qualified or changed
        return changed
    told = (recycled.at, recycled.not_before or recycled.at, recycled.reason)
    changed = told != (one.rested_at, one.rests_until, one.rest_reason)
    one.rested_at, one.rests_until, one.rest_reason = told
    one.qualified = False
    return changed


def rests(lead: Lead, rules: Rules, profiles: Sequence[Profile], now: int) -> bool:
    """Whether the lead may not be offered again at `now` (ms)."""
    return lead.rested_at > 0 and (now < lead.rests_until or not _is_new(lead, rules, profiles))


def ends_at(lead: Lead, now: int) -> int | None:
    """The hour at which the rest is over, while it is not."""
    return -(-lead.rests_until // HOUR_MS) if lead.rests_until > now else None


def in_words(lead: Lead, rules: Rules, profiles: Sequence[Profile], now: int) -> list[str]:
    """What the rest asks for before the lead may be offered again."""
    if not rests(lead, rules, profiles, now):
        return []
    words = [f"rests until {format_time(lead.rests_until)[:10]}: {lead.rest_reason}"] if now < lead.rests_until else []
    if not _is_new(lead, rules, profiles):
        words.append(f"something new since sales said no on {format_time(lead.rested_at)[:10]}")
    return words


def _is_new(lead: Lead, rules: Rules, profiles: Sequence[Profile]) -> bool:
    """Whether every required evidence was given after sales said no; where none is required, whether anything was."""
    ledgers = ledgers_of(profiles)
    wanted = [rule.any_of for rule in rules.evidence] or [tuple(rule.id for rule in rules.scorecard.counted)]
    said = lead.rested_at // HOUR_MS
    return all(any((last_hour(name, ledgers) or 0) > said for name in names) for names in wanted)
