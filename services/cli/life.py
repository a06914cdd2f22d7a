"""Finds everything the log has about one lead: its own partition of each topic, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from baton_schemas.contract import Contract
from baton_schemas.feedback import ChangeNotice, OutcomeLabelled
from baton_schemas.identity import IdentityLinked
from baton_schemas.keys import IdentifierKind, person_key
from baton_schemas.leads import LeadQualified, LeadScored
from baton_schemas.routing import LeadHandedOver, LeadRouted
from services.cli.story import Line, contract_of, tell
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient, Position
from services.runtime.record import LogRecord
from services.runtime.settings import Settings

HANDOFF = re.compile(r"^h[0-9a-f]{24}$")
LEAD = re.compile(r"^[a-z0-9]{1,8}\.[0-9a-f]{32}$")
_TOPICS = (
    "leads.scored", "leads.qualified", "leads.routed", "leads.unrouted", "sla.events", "feedback.events",
    "leads.recycled",
)  # fmt: skip
_MOST_HOPS = 8


@dataclass(slots=True)
class Life:
    """One lead: its score now, its handoffs in order, and what happened, as contracts with their lines."""

    lead: str
    scored: LeadScored | None = None
    handoffs: list[str] = field(default_factory=list)
    qualified: LeadQualified | None = None
    lines: list[Line] = field(default_factory=list)
    records: list[Contract] = field(default_factory=list)


async def lead_of(client: LogClient, settings: Settings, wanted: str) -> str:
    """The lead (root) that an id means: of a handoff, a lead, an e-mail, a user or a visitor (hashed here, locally)."""
    if HANDOFF.match(wanted):
        return await _of_handoff(client, wanted)
    if LEAD.match(wanted):
        return await _root(client, wanted)
    kinds: tuple[IdentifierKind, ...] = ("email",) if "@" in wanted else ("user_id", "anonymous_id")
    secret = settings.required_secret("person_key_secret")
    for kind in kinds:
        root = await _root(client, person_key(secret, settings.person_key_id, kind, wanted))
        if await _known(client, root):
            return root
    raise UserError("nobody is known by this id", fix="give an e-mail, a user id, a visitor id, a lead or a handoff")


async def life_of(client: LogClient, lead: str, handoff: str | None = None) -> Life:
    """The life of a lead, or the part of it that is about one handoff. Raises UserError when there is nothing."""
    key = lead.encode()
    positions: list[Position] = [(topic, await client.partition_of(topic, key)) for topic in _TOPICS]
    records = [record async for record in client.read_all(positions) if record.key == key]
    life = gathered(lead, records, handoff)
    if life.scored is None and not life.records:
        raise UserError(f"{handoff or lead}: nothing on the log", fix="it may be older than the topics' retention")
    if life.qualified is not None:
        await _learnt(client, life, life.qualified.versions.definition)
    life.lines.sort(key=lambda line: line.at)
    return life


def gathered(lead: str, records: Iterable[LogRecord], handoff: str | None = None) -> Life:
    """What a lead's own records say of it, or of one handoff and the one that it was handed over to."""
    life = Life(lead)
    for record in sorted(records, key=lambda record: record.timestamp):
        data = contract_of(record)
        if data is None:
            continue
        if isinstance(data, LeadScored):
            life.scored = data
            continue
        if handoff is not None and handoff not in _about(data):
            continue
        _take(life, data)
    return life


def _take(life: Life, data: Contract) -> None:
    if isinstance(data, LeadQualified):
        life.qualified = data
    elif isinstance(data, LeadRouted) and life.qualified is None:  # in the second of two stages
        life.qualified = data.qualified
    if isinstance(data, LeadQualified | LeadRouted | LeadHandedOver):
        life.handoffs.extend(named for named in _about(data) if named not in life.handoffs)
    line = tell(data)
    if line is not None and data not in life.records:  # a record that was sent twice is one
        life.records.append(data)
        life.lines.append(line)


def _about(data: Contract) -> tuple[str, ...]:
    """The handoffs that a contract is about, in their order; with two stages, also the one before or after."""
    if isinstance(data, LeadHandedOver):
        return data.handoff, data.to
    named = getattr(data, "handoff", None)
    return () if named is None else (named,)


async def _learnt(client: LogClient, life: Life, definition: str) -> None:
    """Labels of the handoffs, and for each the first change of points that could know of it."""
    key = definition.encode()
    topics = ("feedback.labels", "scoring.notices")
    positions = [(topic, await client.partition_of(topic, key)) for topic in topics]
    labels, notices = [], []
    async for record in client.read_all(positions):
        data = contract_of(record)
        if isinstance(data, OutcomeLabelled) and data.handoff in life.handoffs:
            labels.append(data)
        elif isinstance(data, ChangeNotice) and data.definition == definition:
            notices.append(data)
    for label in labels:
        _take(life, label)
        following = [notice for notice in notices if notice.at >= label.at]
        if following:
            _take(life, min(following, key=lambda notice: notice.version))


async def _of_handoff(client: LogClient, handoff: str) -> str:
    """Topics are keyed by lead, so this one search goes over all partitions."""
    needle = handoff.encode()
    for topic in ("leads.qualified", "leads.routed"):  # the second of two stages is on the latter only
        async for record in client.read(topic):
            if record.value is not None and needle in record.value and record.key is not None:
                data = contract_of(record)
                if data is not None and handoff in _about(data):
                    return record.key.decode()
    raise UserError(
        f"{handoff}: no such handoff on leads.qualified or leads.routed", fix="take one from leads.routed: baton tail"
    )


async def _root(client: LogClient, person: str) -> str:
    """Follows links between identities to the one that stands for all of them."""
    for _ in range(_MOST_HOPS):
        key = person.encode()
        latest: IdentityLinked | None = None
        async for record in client.read("engagement.linked", [await client.partition_of("engagement.linked", key)]):
            data = contract_of(record) if record.key == key else None
            if not isinstance(data, IdentityLinked) or data.person != person:
                continue
            if latest is None or (data.at, data.cause) >= (latest.at, latest.cause):
                latest = data
        if latest is None or latest.root is None or latest.root == person:
            break
        person = latest.root
    return person


async def _known(client: LogClient, lead: str) -> bool:
    key = lead.encode()
    positions = [(topic, await client.partition_of(topic, key)) for topic in ("leads.scored", "leads.qualified")]
    async for record in client.read_all(positions):
        if record.key == key:
            return True
    return False
