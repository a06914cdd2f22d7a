"""Engagement events: from a checked event into the profile of its owner."""

from __future__ import annotations

from typing import NamedTuple

from baton_schemas.contract import Contract
from baton_schemas.engagement import (
    AccountIdentified,
    EngagementRecorded,
    PersonAliased,
    PersonDisqualified,
    PersonIdentified,
    PersonUnlinked,
)
from services.runtime.errors import Permanent
from services.scorer import hot
from services.scorer.conditions import Answer
from services.scorer.definition import Rules
from services.scorer.ledger import ALL, FULL_DAY, HOUR_MS, add, advance, is_too_late
from services.scorer.profile import Act, Latest, Profile, add_act, later, set_trait, subject_of

ENGAGEMENT: tuple[type[Contract], ...] = (
    EngagementRecorded,
    PersonIdentified,
    AccountIdentified,
    PersonAliased,
    PersonUnlinked,
    PersonDisqualified,
)
COMPANY_TRAITS = {"name": "company", "domain": "company_domain"}


class Change(NamedTuple):
    """What one event did to a profile, as far as the decision after it must know.

    `result` is the event's label in the metrics; `gain` the most points (tenths) it can have added, at whatever hour
    one reads; `lower` that it may have taken points away (negative points, or old events that were cut off); `fit`
    that a trait changed; `stop` that the person may have become no lead; `touched` that the profile changed at all;
    `adjusted` says full when a criterion's day was, cut when old days were given up.
    """

    result: str
    gain: int = 0
    lower: bool = False
    fit: bool = False
    stop: bool = False
    touched: bool = True
    adjusted: str = ""


def fold(profile: Profile, rules: Rules, event: Contract | hot.Act, at: int, tie: bytes) -> Change:
    """Takes an event into the profile of its owner. `tie` is the event's id, see `profile.event_id`."""
    if isinstance(event, (hot.Act, EngagementRecorded)):
        return _fold_act(profile, rules, event, at, tie)
    if isinstance(event, PersonIdentified):
        return _fold_traits(profile, dict(event.traits), at, tie)
    if isinstance(event, AccountIdentified):
        traits: dict[str, Answer] = {COMPANY_TRAITS.get(name, name): value for name, value in event.traits.items()}
        return _fold_traits(profile, {**traits, "account": event.account}, at, tie)
    if isinstance(event, PersonDisqualified):
        profile.stopped = later(profile.stopped, Latest(at, tie, event.reason))
        return Change("disqualified", stop=True)
    return Change("identity", touched=False)


def _fold_act(profile: Profile, rules: Rules, event: EngagementRecorded | hot.Act, at: int, tie: bytes) -> Change:
    action = event.action
    met, hour = rules.by_action.get(action, ()), at // HOUR_MS
    if met and is_too_late(profile.ledger, hour):
        raise Permanent("too_late", field="time", fix="publish within 30 days of the event")
    values: dict[str, Answer] | None = None
    gain, lower, result, adjusted = 0, False, "no_criterion", ""
    for rule in met:
        if rule.test is not None:
            if values is None:
                values = _values(event)
            if not rule.test(values):
                continue
        if result == "no_criterion":
            cut = profile.ledger.cut
            gain, lower = _advance(profile, rules, hour)
            adjusted = "cut" if profile.ledger.cut > cut else ""
            result = add(profile.ledger, ALL, hour, tie)
        added = add(profile.ledger, rule.id, hour, tie)
        if added == "counted":
            result = added
            lower = lower or rule.points < 0
            gain += max(rule.points, 0)
        elif added == "full":
            adjusted = adjusted or added
        elif added == "filled":
            result = "counted"
            lower = lower or rule.points < 0
            gain += max(rule.points, 0) + rule.younger_by(FULL_DAY)
    fit = _fold_notes(profile, rules, event, at, tie)
    if result != "no_criterion":
        add_act(profile, Act(at, tie, action, subject_of(event.properties, event.url)))
        _fold_campaign(profile, event, at, tie)
    if stop := action in rules.stop_actions:
        profile.stopped = later(profile.stopped, Latest(at, tie, action))
    return Change(result, gain, lower, fit, stop, stop or fit or result != "no_criterion", adjusted)


def _advance(profile: Profile, rules: Rules, hour: int) -> tuple[int, bool]:
    """Tells the ledger of the hour. Answers how many points that can have added (a coarser bucket counts from its
    day's last hour, so its events look younger), and whether it can have taken some away."""
    ledger, gain = profile.ledger, 0
    cut = ledger.cut
    coarser = advance(ledger, hour)
    lower = ledger.cut > cut
    for name, moved in coarser:
        rule = rules.by_id.get(name)
        if rule is not None:
            lower = lower or (rule.points < 0 and moved > 0)
            gain += rule.younger_by(moved)
    return gain, lower


def _fold_notes(profile: Profile, rules: Rules, event: EngagementRecorded | hot.Act, at: int, tie: bytes) -> bool:
    changed = False
    for name in rules.notes:
        if name in event.properties:
            changed = set_trait(profile, name, event.properties[name], at, tie) or changed
    return changed


def _fold_campaign(profile: Profile, event: EngagementRecorded | hot.Act, at: int, tie: bytes) -> None:
    campaign = event.campaign
    if campaign is not None and (name := campaign.name or campaign.source):
        profile.campaign = later(profile.campaign, Latest(at, tie, name[:200]))


def _fold_traits(profile: Profile, traits: dict[str, Answer], at: int, tie: bytes) -> Change:
    changed = False
    for name, value in traits.items():
        changed = set_trait(profile, name, value, at, tie) or changed
    return Change("identified", fit=changed)


def _values(event: EngagementRecorded | hot.Act) -> dict[str, Answer]:
    """What conditions look at: properties by name, the event's own fields behind an @ (see conditions)."""
    values: dict[str, Answer] = dict(event.properties)
    if event.url is not None:
        values["@url"] = event.url
    if event.user_agent is not None:
        values["@user_agent"] = event.user_agent
    if event.campaign is not None:
        for name in ("name", "source", "medium", "content", "term"):
            values[f"@campaign.{name}"] = getattr(event.campaign, name)
    return values
