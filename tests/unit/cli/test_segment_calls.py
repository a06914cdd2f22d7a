"""Calls as senders write them: what each becomes, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from baton_schemas.engagement import AccountIdentified, EngagementRecorded, PersonAliased, PersonIdentified
from services.cli.publishing.draft import Refused
from services.cli.publishing.segment import parse_call

TRACK = {"type": "track", "event": "Demo Requested", "userId": "u1", "messageId": "m1"}


def test_a_track_becomes_an_engagement_event_under_a_snake_case_action() -> None:
    call = TRACK | {
        "timestamp": "2026-03-02T09:30:00Z",
        "properties": {"formName": "contact", "nested": {"left": "out"}},
        "context": {
            "campaign": {"name": "spring", "source": "mail"},
            "page": {"url": "https://x.example/demo"},
            "userAgent": "Firefox",
        },
    }
    (draft,) = parse_call(call, "/import/s")
    assert isinstance(draft.data, EngagementRecorded)
    assert (draft.data.action, draft.data.url, draft.data.user_agent) == (
        "demo_requested",
        "https://x.example/demo",
        "Firefox",
    )
    assert draft.data.properties == {"form_name": "contact"}
    assert draft.data.campaign is not None
    assert draft.data.campaign.name == "spring"
    assert (draft.id, draft.source, draft.time) == ("track-m1", "/import/s", 1_772_443_800_000)


def test_one_message_id_over_calls_of_different_types_gives_different_ids() -> None:
    page = {"type": "page", "anonymousId": "a", "messageId": "m1"}
    assert parse_call(page, "/s")[0].id != parse_call(TRACK, "/s")[0].id


def test_without_a_message_id_the_content_is_the_id() -> None:
    call = {"type": "page", "anonymousId": "a", "name": "Home"}
    assert parse_call(call, "/s")[0].id == parse_call(dict(reversed(call.items())), "/s")[0].id
    assert parse_call(call, "/s")[0].id != parse_call(call | {"name": "About"}, "/s")[0].id


def test_identify_brings_traits_under_our_names_and_links_identifiers() -> None:
    call = {
        "type": "identify",
        "userId": "u1",
        "anonymousId": "a1",
        "traits": {
            "email": "Ada@Example.com",
            "name": "Ada King Lovelace",
            "title": "CTO",
            "company": {"name": "Engines", "industry": "software", "employee_count": 12},
            "address": {"country": "United Kingdom", "state": "ENG"},
            "website": "https://www.engines.example/about",
        },
    }
    (draft,) = parse_call(call, "/s")
    assert isinstance(draft.data, PersonIdentified)
    person, traits = draft.data.person, draft.data.traits
    assert (person.email, person.user_id, person.anonymous_id) == ("Ada@Example.com", "u1", "a1")
    assert (traits["first_name"], traits["last_name"], traits["job_title"]) == ("Ada", "King Lovelace", "CTO")
    assert (traits["company"], traits["industry"], traits["employees"]) == ("Engines", "software", 12)
    assert (traits["country"], traits["region"], traits["company_domain"]) == ("GB", "ENG", "engines.example")


def test_a_group_in_the_context_says_where_the_person_works() -> None:
    first, second = parse_call(TRACK | {"context": {"groupId": "acct"}}, "/s")
    assert isinstance(second.data, AccountIdentified)
    assert second.data.account == "acct"
    assert first.id != second.id


@pytest.mark.parametrize(
    ("previous", "kinds"), [("jen@email.com", {"email"}), ("39239-2392", {"user_id", "anonymous_id"})]
)
def test_an_alias_links_whatever_kind_the_previous_id_was(previous: str, kinds: set[str]) -> None:
    (draft,) = parse_call({"type": "alias", "userId": "u", "previousId": previous}, "/s")
    assert isinstance(draft.data, PersonAliased)
    assert set(draft.data.previous.model_dump(exclude_none=True)) == kinds


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ({"type": "track", "event": "x"}, "userId"),
        ({"type": "page", "userId": ""}, "userId"),
        ({"type": "page", "userId": True}, "userId"),
        ({"type": "page", "userId": {"id": 1}}, "userId"),
        ({"type": "pagee", "userId": "u"}, "type"),
        ({"type": "track", "userId": "u"}, "event"),
        ({"type": "track", "userId": "u", "event": "!!!"}, "event"),
        ({"type": "group", "userId": "u"}, "groupId"),
        ({"type": "alias", "userId": "u"}, "previousId"),
        ({"type": "page", "userId": "u", "timestamp": "yesterday"}, "timestamp"),
        ({"type": "page", "userId": "u", "timestamp": "2026-03-02T09:30:00"}, "timestamp"),
        ({"type": "page", "userId": "u", "timestamp": 12}, "timestamp"),
        ({"type": "page", "userId": "u", "properties": "x"}, "properties"),
        ({"type": "page", "userId": "u", "context": []}, "context"),
        ({"type": "identify", "userId": "x" * 300}, "userId, anonymousId or traits.email.user_id"),
        ({"type": "track", "event": "x", "userId": "u", "properties": {f"p{n}": n for n in range(300)}}, "properties"),
    ],
)
def test_what_is_wrong_is_refused_by_the_callers_own_field_name(call: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_call(call, "/s")
    assert refused.value.field == field
    assert refused.value.reason
