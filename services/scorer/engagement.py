"""Engagement events: from a record to a checked event, and from an event into a profile.

The envelope gives identity and time. A time more than five minutes ahead of the log's own is set back to the log's;
one more than 30 days before it is too late to be told from a repeat, and refused. An event without time happened when
the log took it in.
"""

from __future__ import annotations

from typing import NamedTuple

from pydantic import ValidationError

from baton_schemas.contract import Contract, parse_time
from baton_schemas.engagement import (
    AccountIdentified,
    EngagementRecorded,
    PersonAliased,
    PersonDisqualified,
    PersonIdentified,
    PersonUnlinked,
)
from baton_schemas.envelope import JSON_TYPE, EnvelopeError, from_record
from services.runtime.errors import Permanent
from services.runtime.record import Record
from services.scorer import hot
from services.scorer.conditions import Answer
from services.scorer.definition import Rules
from services.scorer.ledger import ALL, FULL_DAY, HOUR_MS, add, advance, is_too_late
from services.scorer.profile import Act, Latest, Profile, add_act, event_id, later, set_trait, subject_of

MAX_VALUE_BYTES = 256 * 1024
HORIZON_MS = 30 * 24 * HOUR_MS
AHEAD_MS = 5 * 60_000

ENGAGEMENT: tuple[type[Contract], ...] = (
    EngagementRecorded,
    PersonIdentified,
    AccountIdentified,
    PersonAliased,
    PersonUnlinked,
    PersonDisqualified,
)
COMPANY_TRAITS = {"name": "company", "domain": "company_domain"}


class Envelope(NamedTuple):
    """A record's CloudEvents attributes; `time` in ms or None, `plain` when its headers are in binary mode."""

    id: str
    source: str
    type: str
    time: int | None
    data: bytes
    plain: bool


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


def open_envelope(record: Record) -> Envelope:
    """The envelope of a record. Raises Permanent: null_value, value_too_large, key_not_utf8, not_cloudevent."""
    value = record.value
    if value is None:
        raise Permanent("null_value", field="value", fix="send a CloudEvent")
    if len(value) > MAX_VALUE_BYTES:
        raise Permanent("value_too_large", field="value", fix=f"send at most {MAX_VALUE_BYTES} bytes")
    if (key := record.key) is not None and not key.isascii():
        try:
            key.decode()
        except UnicodeDecodeError:
            raise Permanent("key_not_utf8", field="key", fix="send UTF-8, or no key at all") from None
    try:
        plain = _binary(record, value)
        if plain is not None:
            return plain
        event = from_record(record.headers, value)
    except EnvelopeError as error:
        raise Permanent("not_cloudevent", field=error.field, fix=error.fix) from None
    if event.data is None:
        raise Permanent("null_value", field="data", fix="send the event's data")
    return Envelope(event.id, event.source, event.type, event.time, event.data, plain=False)


def read_event(models: dict[str, type[Contract]], envelope: Envelope) -> Contract | hot.Act:
    """The event's data, checked. Raises Permanent: unknown_type, invalid_json, no_identifier, invalid_field."""
    model = models.get(envelope.type)
    if model is EngagementRecorded and (act := hot.read_act(envelope.data)) is not None:
        return act
    if model is None:
        raise Permanent("unknown_type", field="ce_type", fix="send " + ", ".join(models))
    try:
        return model.model_validate_json(envelope.data)
    except ValidationError as error:
        raise _refusal(error) from None


def clamp(envelope: Envelope, recorded: int) -> tuple[int, bool]:
    """The event's time within what is possible, and whether it was set back. Raises Permanent: too_late."""
    at = envelope.time
    if at is None:
        return recorded, False
    if at > recorded + AHEAD_MS:
        return recorded, True
    if at < recorded - HORIZON_MS:
        raise Permanent("too_late", field="time", fix="publish within 30 days of the event, or without a time")
    return at, False


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


def tie_of(envelope: Envelope) -> bytes:
    """The event's id in state."""
    return event_id(envelope.source, envelope.id)


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


def _binary(record: Record, value: bytes) -> Envelope | None:
    """The envelope of the usual form: binary mode, lower-case names, each attribute once. None for all else."""
    headers = record.headers
    found = dict(headers)
    if len(found) != len(headers) or found.get("content-type") != JSON_TYPE or found.get("ce_specversion") != b"1.0":
        return None
    try:
        time = found.get("ce_time")
        at = None if time is None else parse_time(time.decode())
        read = Envelope(
            found["ce_id"].decode(), found["ce_source"].decode(), found["ce_type"].decode(), at, value, plain=True
        )
    except (ValueError, KeyError):
        return None
    return read if read.id and read.source else None


def _refusal(error: ValidationError) -> Permanent:
    """What is wrong, without a word of the content: names of properties may be personal, too."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    if first["type"] == "json_invalid":
        return Permanent("invalid_json", field="value", fix="send JSON in UTF-8")
    path = [str(part) for part in first["loc"]]
    message = first["msg"].removeprefix("Value error, ")
    if path in (["person"], ["previous"]):
        return Permanent("no_identifier", field=".".join(path), fix="one of email, user_id, anonymous_id is required")
    shown = path[:1] if path[:1] in (["properties"], ["traits"]) else path[:3]
    return Permanent("invalid_field", field=".".join(shown), fix=message)
