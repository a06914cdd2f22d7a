"""Segment's calls (and RudderStack's, which are the same): identify, track, page, screen, group, alias.

A call's id is its type and `messageId`, because senders reuse one `messageId` over calls of different types; without
one it is a hash of the call, so that a file published twice is a repeat.
"""

from __future__ import annotations

from typing import Any

from baton_schemas.contract import parse_time
from baton_schemas.engagement import (
    AccountIdentified,
    EngagementRecorded,
    PersonAliased,
    PersonIdentified,
)
from services.cli.publishing.draft import Draft, Refused, checked, content_id, scalars
from services.cli.publishing.traits import account_traits, person_traits, snake

CALLS = ("identify", "track", "page", "screen", "group", "alias")
ACTIONS = {
    "email_link_clicked": "email_clicked",
    "signed_up": "form_submitted",
}
"""Events of Segment's specification that lead definitions know under a more general action."""
_TRAITS_IN_PROPERTIES = {"signed_up"}
_NAMES = {"person": "userId, anonymousId or traits.email", "action": "event", "account": "groupId"}


def is_call(document: dict[str, Any]) -> bool:
    """Whether `document` looks like one of the calls, be it a broken one."""
    return isinstance(document.get("type", document.get("action")), str)


def parse_call(document: dict[str, Any], source: str) -> list[Draft]:
    """The drafts that a call comes to: one, or two when it also tells who the person is or where it works.

    Raises Refused naming the call's field.
    """
    kind = _text(document, "type") or _text(document, "action") or ""
    if kind not in CALLS:
        raise Refused("type", f"must be one of {', '.join(CALLS)}")
    context = _object(document, "context")
    properties = _object(document, "properties")
    traits = {**_object(context, "traits"), **_object(document, "traits")}
    if kind == "track" and snake(_text(document, "event") or "") in _TRAITS_IN_PROPERTIES:
        traits = {**traits, **{name: value for name, value in properties.items() if snake(name) in _SIGN_UP}}
    person = _person(document, traits if kind != "group" else _object(context, "traits"))
    if not person:
        raise Refused("userId", "one of userId, anonymousId or an e-mail address in traits is required")
    message = _text(document, "messageId", "message_id")
    call_id = f"{kind}-{message}" if message else content_id(document)
    time = _time(document)
    drafts = [Draft(_data(kind, document, person, properties, traits), call_id, source, time)]
    if kind == "track" and snake(_text(document, "event") or "") in _TRAITS_IN_PROPERTIES:
        identified = checked(PersonIdentified, {"person": person, "traits": person_traits(traits)}, _NAMES)
        drafts.append(Draft(identified, f"{call_id}-traits", source, time))
    group = _text(context, "groupId", "group_id")
    if kind != "group" and group:
        belongs = checked(AccountIdentified, {"person": person, "account": group}, _NAMES)
        drafts.append(Draft(belongs, f"{call_id}-group", source, time))
    return drafts


_SIGN_UP = {"email", "first_name", "last_name", "phone", "title", "company"}


def _data(
    kind: str, document: dict[str, Any], person: dict[str, Any], properties: dict[str, Any], traits: dict[str, Any]
) -> Any:
    if kind == "identify":
        return checked(PersonIdentified, {"person": person, "traits": person_traits(traits)}, _NAMES)
    if kind == "group":
        account = _text(document, "groupId", "group_id")
        if not account:
            raise Refused("groupId", "is required")
        own = account_traits(_object(document, "traits"))
        return checked(AccountIdentified, {"person": person, "account": account, "traits": own}, _NAMES)
    if kind == "alias":
        return checked(PersonAliased, {"person": person, "previous": _previous(document)}, _NAMES)
    return checked(EngagementRecorded, _engagement(kind, document, person, properties), _NAMES)


def _engagement(
    kind: str, document: dict[str, Any], person: dict[str, Any], properties: dict[str, Any]
) -> dict[str, Any]:
    context = _object(document, "context")
    page = _object(context, "page")
    if kind == "track":
        event = _text(document, "event")
        if not event or not snake(event):
            raise Refused("event", "is required, and names what the person did")
        action = ACTIONS.get(snake(event), snake(event))
    else:
        action = "page_viewed" if kind == "page" else "screen_viewed"
    named = {} if kind == "track" or not _text(document, "name") else {"name": document["name"]}
    campaign = {name: value for name, value in _object(context, "campaign").items() if isinstance(value, str)}
    fields: dict[str, Any] = {
        "person": person,
        "action": action,
        "properties": {**named, **scalars((snake(name) or name, value) for name, value in properties.items())},
        "campaign": campaign or None,
        "url": _text(properties, "url") or _text(page, "url"),
        "user_agent": _text(context, "userAgent", "user_agent"),
    }
    return fields


def _person(document: dict[str, Any], traits: dict[str, Any]) -> dict[str, str]:
    found = {
        "email": _text(traits, "email"),
        "user_id": _text(document, "userId", "user_id"),
        "anonymous_id": _text(document, "anonymousId", "anonymous_id"),
    }
    return {name: text for name, text in found.items() if text}


def _previous(document: dict[str, Any]) -> dict[str, str]:
    """`previousId` may have been any kind of id: an address shows itself, else it counts as both kinds it can be."""
    previous = _text(document, "previousId", "previous_id")
    if not previous:
        raise Refused("previousId", "is required")
    if "@" in previous:
        return {"email": previous}
    return {"user_id": previous, "anonymous_id": previous}


def _time(document: dict[str, Any]) -> int | None:
    """`timestamp`, or the nearest to it that the call carries."""
    for name in ("timestamp", "originalTimestamp", "sentAt", "receivedAt"):
        if document.get(name) is not None:
            text = document[name]
            try:
                return parse_time(text)
            except (ValueError, TypeError):
                raise Refused(name, "must be ISO 8601 with a zone, such as 2026-03-02T09:30:00Z") from None
    return None


def _text(fields: dict[str, Any], *names: str) -> str | None:
    """The first of `names` that is given. Numbers are taken as the text they are written as."""
    for name in names:
        value = fields.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Refused(name, "must be a text")
        return str(value).strip() or None
    return None


def _object(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(name, "must be an object")
    return value
