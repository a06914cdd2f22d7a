"""Engagement events: from a checked event into the profile of its owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from baton_schemas.contract import Contract
from baton_schemas.engagement import (
    AccountIdentified,
    Campaign,
    EngagementRecorded,
    PersonAliased,
    PersonDisqualified,
    PersonIdentified,
    PersonUnlinked,
)
from services.runtime.errors import Permanent
from services.scorer import hot
from services.scorer.conditions import Event
from services.scorer.criteria import Asked
from services.scorer.definition import Rules
from services.scorer.ledger import ALL, FULL_DAY, HOUR_MS, Ledger, add, advance, is_too_late
from services.scorer.moments import keep_time, note_first, note_last
from services.scorer.operators import Answer
from services.scorer.profile import Latest, Profile, Scalar, about_of, add_act, earlier, later, set_trait

ENGAGEMENT: tuple[type[Contract], ...] = (
    EngagementRecorded,
    PersonIdentified,
    AccountIdentified,
    PersonAliased,
    PersonUnlinked,
    PersonDisqualified,
)
_NOTHING = Asked()
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


def fold(profile: Profile, rules: Rules, event: hot.Event, at: int, tie: bytes) -> Change:
    """Takes an event into the profile of its owner. `tie` is the event's id, see `profile.event_id`."""
    if type(event) is hot.Act or isinstance(event, EngagementRecorded):  # asked of a model, the latter takes its time
        return _fold_act(profile, rules, event, at, tie)
    if isinstance(event, (hot.Traits, PersonIdentified)):
        return _fold_traits(profile, event.traits, at, tie)
    if isinstance(event, (hot.Company, AccountIdentified)):
        traits: dict[str, Answer] = {COMPANY_TRAITS.get(name, name): value for name, value in event.traits.items()}
        return _fold_traits(profile, {**traits, "account": event.account}, at, tie)
    if isinstance(event, PersonDisqualified):
        profile.stopped = later(profile.stopped, Latest(at, tie, event.reason))
        return Change("disqualified", stop=True)
    return Change("identity", touched=False)


def _fold_act(profile: Profile, rules: Rules, event: Event, at: int, tie: bytes) -> Change:
    action, ledger, hour = event.action, profile.ledger, at // HOUR_MS
    asked = rules.by_action.get(action, _NOTHING)
    if asked is not _NOTHING and hour < ledger.newest and is_too_late(ledger, hour):
        raise Permanent("too_late", field="time", fix="publish within 30 days of the event")
    gain, lower, result, adjusted = _fold_counts(ledger, rules, asked, event, hour, tie)
    if asked.steps or asked.absences:
        if result == "no_criterion" and (asked.absences or _is_step(asked, event)):
            gain, lower, result, adjusted = _noted(ledger, rules, hour, tie)
        more, less, cut = _fold_moments(ledger, asked, event, at, tie)
        gain, lower, adjusted = gain + more, lower or less, adjusted or cut
    fit = note_properties(profile, rules, event, at, tie) if event.properties else False
    if result != "no_criterion":
        add_act(profile, at, tie, action, about_of(event.properties, event.url))
        if event.campaign is not None:
            _fold_campaign(profile, event.campaign, at, tie)
    if stop := action in rules.stop_actions:
        profile.stopped = later(profile.stopped, Latest(at, tie, action))
    return Change(result, gain, lower, fit, stop, stop or fit or result != "no_criterion", adjusted)


def _fold_counts(
    ledger: Ledger, rules: Rules, asked: Asked, event: Event, hour: int, tie: bytes
) -> tuple[int, bool, str, str]:
    """Counts the event wherever it meets a criterion. Answers gain, lower, result and adjusted of its Change."""
    gain, lower, result, adjusted = 0, False, "no_criterion", ""
    for rule in asked.counted:
        if rule.test is not None and not rule.test(event):
            continue
        if result == "no_criterion":
            gain, lower, result, adjusted = _noted(ledger, rules, hour, tie)
        added = add(ledger, rule.id, hour, tie)
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
        if rule.dated:
            note_last(ledger, rule.id, hour)
        if rule.first_time and note_first(ledger, rule.id, hour):
            lower = True  # an earlier first time weighs less, and whatever else it does is found by reading
            gain += max(rule.first_time, 0)
    return gain, lower, result, adjusted


def _noted(ledger: Ledger, rules: Rules, hour: int, tie: bytes) -> tuple[int, bool, str, str]:
    """Takes note of an event that is asked for: gain, lower, result and adjusted of its Change so far."""
    gain, lower, adjusted = _advance(ledger, rules, hour) if hour > ledger.newest else (0, False, "")
    return gain, lower, add(ledger, ALL, hour, tie), adjusted


def _is_step(asked: Asked, event: Event) -> bool:
    return any(step.test is None or step.test(event) for _, step in asked.steps)


def _fold_moments(ledger: Ledger, asked: Asked, event: Event, at: int, tie: bytes) -> tuple[int, bool, str]:
    """Keeps the event's time for sequences and absences. Answers gain, lower and adjusted of its Change."""
    gain, lower, adjusted = 0, False, ""
    for rule, step in asked.steps:
        if step.test is None or step.test(event):
            kept = keep_time(ledger, step.key, at, tie)
            if kept != "known":
                gain += max(rule.points, 0)
                lower = lower or rule.points < 0 or kept == "cut"
                adjusted = "cut" if kept == "cut" else adjusted
    for absence in asked.absences:
        before = note_last(ledger, absence.id, at // HOUR_MS)
        if before is None or at // HOUR_MS - before >= absence.after_h:
            lower = True  # what was absent is back, or begins to be watched: time has another next change
    return gain, lower, adjusted


def _advance(ledger: Ledger, rules: Rules, hour: int) -> tuple[int, bool, str]:
    """Tells the ledger of a newer hour. Answers how many points that can have added (a coarser bucket counts from its
    day's last hour, so its events look younger), whether it can have taken some away, and `cut` if buckets were."""
    gain, cut = 0, ledger.cut
    coarser = advance(ledger, hour)
    lower = ledger.cut > cut
    for name, moved in coarser:
        rule = rules.by_id.get(name)
        if rule is not None:
            lower = lower or (rule.points < 0 and moved > 0)
            gain += rule.younger_by(moved)
    return gain, lower, "cut" if ledger.cut > cut else ""


def note_properties(profile: Profile, rules: Rules, event: Event, at: int, tie: bytes) -> bool:
    """Takes the properties that the definition notes as traits; answers whether one changed."""
    changed, properties = False, event.properties
    for name in rules.kept:
        if name in properties:
            changed = set_trait(profile, name, properties[name], at, tie) or changed
    return changed


def _fold_campaign(profile: Profile, campaign: Campaign | hot.From, at: int, tie: bytes) -> None:
    name = campaign.name or campaign.source
    if not name:
        return
    said: list[Scalar] = [each[:200] if each else "" for each in (campaign.name, campaign.source, campaign.medium)]
    if profile.campaign is None or at >= profile.campaign.at:
        profile.campaign = later(profile.campaign, Latest(at, tie, said))
    if profile.first_touch is None or at <= profile.first_touch.at:
        profile.first_touch = earlier(profile.first_touch, Latest(at, tie, said))


def _fold_traits(profile: Profile, traits: Mapping[str, Answer], at: int, tie: bytes) -> Change:
    changed = False
    for name in sorted(traits):  # in order, they need no sorting where they go
        changed = set_trait(profile, name, traits[name], at, tie) or changed
    return Change("identified", fit=changed)
