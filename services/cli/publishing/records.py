"""Drafts into records: the topic that takes them, a key without personal data, binary CloudEvents."""

from __future__ import annotations

import re

from baton_schemas.contract import Contract, format_time
from baton_schemas.crm import AccountFacts, PersonFacts
from baton_schemas.engagement import Identifiers, PersonUnlinked
from baton_schemas.envelope import JSON_TYPE
from baton_schemas.feedback import InsightReported, OutcomeReported
from baton_schemas.keys import IdentifierKind, account_key, person_key
from services.cli.publishing.cloudevents import TOPIC_OF
from services.cli.publishing.draft import Draft, Refused
from services.runtime.effects import Send
from services.runtime.settings import Settings

MAX_VALUE_BYTES = 256 << 10
"""What the scorer takes; more is refused here, where the sender can still see it."""
KINDS: tuple[IdentifierKind, ...] = ("email", "user_id", "anonymous_id")
"""Of identifiers, the strongest first."""
_KEY = re.compile(r"^[a-z0-9]{1,8}\.a?[0-9a-f]{32}$")


class KeyMaker:
    """Makes the keys of records with the secret that all of Baton shares."""

    def __init__(self, secret: bytes, key_id: str) -> None:
        self._secret = secret
        self._key_id = key_id

    def person(self, person: Identifiers) -> str:
        """The key of the strongest identifier: e-mail, then user id, then anonymous id."""
        kind = next(kind for kind in KINDS if getattr(person, kind) is not None)
        return person_key(self._secret, self._key_id, kind, getattr(person, kind))

    def identifier(self, kind: IdentifierKind, text: str) -> str:
        """The key of one identifier."""
        return person_key(self._secret, self._key_id, kind, text)

    def of(self, data: Contract) -> str:
        """The key under which a contract travels on its topic."""
        if isinstance(data, OutcomeReported | InsightReported):
            return data.lead
        if isinstance(data, AccountFacts):
            return data.account if _KEY.match(data.account) else account_key(self._secret, self._key_id, data.account)
        if isinstance(data, PersonFacts):
            return data.person
        person = data.previous if isinstance(data, PersonUnlinked) else getattr(data, "person", None)
        if not isinstance(person, Identifiers):
            raise Refused("type", "has no key")
        return self.person(person)


def keys_of(settings: Settings, *, required: bool = False) -> KeyMaker:
    """A maker of keys with the secret in force; without one, when it is not `required`, of keys that fit nobody."""
    secret = settings.required_secret("person_key_secret") if required else settings.secret("person_key_secret")
    return KeyMaker(secret or b"only checking", settings.person_key_id)


def to_send(draft: Draft, keys: KeyMaker, topic: str | None = None) -> Send:
    """The record of `draft` for the topic of its type, or for `topic`; the same bytes for the same draft. Raises
    Refused for what no topic takes."""
    if isinstance(draft.data, PersonFacts) and not _KEY.match(draft.data.person):
        raise Refused("data.person", "must be a lead's id as on leads.routed, such as k1.0f...; no name or address")
    data = draft.data
    if isinstance(data, AccountFacts) and not _KEY.match(data.account):
        data = data.model_copy(update={"account": keys.of(data)})
    try:
        value = data.to_json()
        headers = _headers(draft)
        key = keys.of(data).encode()
    except (UnicodeEncodeError, ValueError):
        raise Refused("", "holds half of a surrogate pair, which is no text") from None
    if len(value) > MAX_VALUE_BYTES:
        raise Refused("", f"{len(value)} bytes, the limit is {MAX_VALUE_BYTES}")
    return Send(topic or TOPIC_OF[data.TYPE], key, value, headers)


def _headers(draft: Draft) -> tuple[tuple[str, bytes], ...]:
    """As the envelope's, but without a time where the sender gave none: then the time of arrival counts."""
    time = (("ce_time", format_time(draft.time).encode()),) if draft.time is not None else ()
    return (
        ("content-type", JSON_TYPE),
        ("ce_specversion", b"1.0"),
        ("ce_id", draft.id.encode()),
        ("ce_source", draft.source.encode()),
        ("ce_type", draft.data.TYPE.encode()),
        *time,
        *((f"ce_{name}", text.encode()) for name, text in draft.extensions),
    )
