"""A record of Baton's topics as the message that a webhook's receiver gets: always the same id and bytes. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from baton_schemas.alerts import AccountAlert
from baton_schemas.contract import format_time
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadHandedOver, LeadRouted, SlaEvent
from services.connectors.errors import Refused
from services.connectors.reading import read
from services.runtime.record import LogRecord

Told = LeadRouted | LeadWithdrawn | LeadHandedOver | SlaEvent | AccountAlert
_KINDS: dict[type[Told], str] = {
    LeadRouted: "routed",
    LeadWithdrawn: "withdrawn",
    LeadHandedOver: "handed_over",
    AccountAlert: "alert",
}
CONTRACTS: dict[str, type[Told]] = {model.TYPE: model for model in (*_KINDS, SlaEvent)}
PING = "baton.webhook.ping.v1"


class Message(NamedTuple):
    """What is sent. `kind` is what happened, in one word; `lead` whom it tells of; `personal` whether it says more of
    them than that there is one: then it may not go out once they are forgotten."""

    id: str
    kind: str
    lead: str
    at: int
    body: bytes
    personal: bool


def message(record: LogRecord) -> Message | None:
    """The message of a record; None for a type that is not told. Raises Permanent when it can't be read."""
    found = read(record, CONTRACTS)
    if found is None:
        return None
    data: Told = found.data  # type: ignore[assignment]
    kind = data.step if isinstance(data, SlaEvent) else _KINDS[type(data)]
    event = found.event
    return Message(
        identity(event.source, event.type, event.id),
        kind,
        data.spike.lead if isinstance(data, AccountAlert) else data.lead,
        data.at,
        body(data.TYPE, data.at, data.to_json()),
        isinstance(data, LeadRouted | AccountAlert),
    )


def identity(source: str, type: str, id: str) -> str:
    """The webhook-id of an event: from what makes it that event (L2), so a repeat of it has the same one."""
    named = json.dumps([source, type, id], ensure_ascii=True).encode()
    return f"msg_{hashlib.blake2b(named, digest_size=15).hexdigest()}"


def body(type: str, at: int, data: bytes) -> bytes:
    """What Standard Webhooks recommends: type, the time of the event, its data; `data` is JSON already."""
    return b'{"type":"%b","timestamp":"%b","data":%b}' % (type.encode(), format_time(at).encode(), data)


def ping(id: str, at: int) -> Message:
    """A message that tells nothing, for `baton connector check --ping`."""
    return Message(id, "ping", "", at, body(PING, at, b"{}"), personal=False)


def fitting(sent: Message, largest: int) -> Message:
    """The message itself. Raises Refused when it is over `largest` bytes."""
    if len(sent.body) > largest:
        fix = f"it has {len(sent.body)} bytes: raise largest_body, then baton dead-letters replay"
        raise Refused("too_large", field="body", fix=fix)
    return sent
