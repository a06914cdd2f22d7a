"""Finds one person on the log by key: what the scorer holds of it, and its own records; nobody else's are unpacked.

The scorer's journal says who is who: which identity stands for the person, and which are linked to it. So a link is
known also when the record that made it has long left its topic. Every key is looked for in its own partition only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from baton_schemas.identity import IdentityLinked, LedgerPublished
from baton_schemas.keys import IdentifierKind, person_key
from services.cli.explaining.rebuilding import GLOBALS, INPUTS, root_of
from services.cli.services import journalled
from services.cli.story import contract_of
from services.runtime.errors import UserError
from services.runtime.kafka.admin import journal_topic
from services.runtime.kafka.group import COMMIT, STATE
from services.runtime.kafka.key_search import KeySearch
from services.runtime.kafka.restore import Fold
from services.runtime.processor import Globals
from services.runtime.record import LogRecord
from services.runtime.settings import Settings
from services.scorer import person
from services.scorer.person import Person

HANDOFF = re.compile(r"^h[0-9a-f]{24}$")
LEAD = re.compile(r"^[a-z0-9]{1,8}\.[0-9a-f]{32}$")
_MOST_HOPS = 8
_MOST_KEYS = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A person: the key that was asked for, the one that stands for it, those that are linked to it now, those that
    are or were (all of these among them), and what the scorer holds under each."""

    asked: str
    root: str
    linked: tuple[str, ...]
    keys: tuple[str, ...]
    people: dict[str, Person]


async def find(search: KeySearch, settings: Settings, who: str) -> Found:
    """The person that an e-mail, a user id, a visitor id (hashed here), a lead or a handoff means. Raises UserError
    when the log knows none of these."""
    journal = next(journal_topic(each) for each in journalled(settings) if each.name == "scorer")
    candidates = await _keys(search, settings, who)
    for asked in candidates:  # most are found at once
        if people := await _held(search, journal, [asked]):
            break
    else:  # the scorer does not know it yet, or no longer
        asked, people = await _mentioned(search, candidates), {}
    keys, fresh = [asked], [asked]
    for _ in range(_MOST_HOPS):
        fresh = [key for key in await _related(search, fresh, people) if key not in keys][: _MOST_KEYS - len(keys)]
        if not fresh:
            break
        keys += fresh
        people |= await _held(search, journal, fresh)
    root = root_of(asked, people)
    held = people[root].held if root in people else {}
    linked = tuple(source for source, each in held.items() if each.packed is not None)
    return Found(asked, root, linked, tuple(keys), {key: people[key] for key in keys if key in people})


async def evidence_of(search: KeySearch, found: Found) -> list[LogRecord]:
    """All that the scorer's view of the person follows from."""
    keys = {key.encode() for key in found.keys}
    accounts = {each.encode() for one in found.people.values() if (each := one.membership.account) is not None}
    records = [record for topic in GLOBALS async for record in search.whole(topic)]
    for topic in INPUTS:
        records += await search.of_keys(topic, keys | accounts if topic == "crm.facts" else keys)
    return records


async def in_force(search: KeySearch) -> Globals:
    """The topics that every process reads whole, as they are now."""
    tables: dict[str, dict[bytes, bytes]] = {topic: {} for topic in GLOBALS}
    for topic, table in tables.items():
        async for record in search.whole(topic):
            if record.key is not None and record.value is not None:
                table[record.key] = record.value
            elif record.key is not None:
                table.pop(record.key, None)
    return Globals(tables, dict.fromkeys(GLOBALS, 1))


async def _keys(search: KeySearch, settings: Settings, who: str) -> list[str]:
    if HANDOFF.match(who):
        return [await _lead_of(search, who)]
    if LEAD.match(who):
        return [who]
    kinds: tuple[IdentifierKind, ...] = ("user_id", "anonymous_id")
    if "@" in who:
        kinds = ("email", *kinds)
    secret = settings.required_secret("person_key_secret")
    return [person_key(secret, settings.person_key_id, kind, who) for kind in kinds]


async def _lead_of(search: KeySearch, handoff: str) -> str:
    """Topics are keyed by lead, so this one search goes over all partitions."""
    for topic in ("leads.qualified", "leads.routed"):  # the second of two stages is on the latter only
        async for record in search.holding(topic, handoff.encode()):
            data = contract_of(record)
            if record.key is not None and handoff in (getattr(data, "handoff", None), getattr(data, "to", None)):
                return record.key.decode()
    raise UserError(
        f"{handoff}: no such handoff on leads.qualified or leads.routed", fix="take one from leads.routed: baton tail"
    )


async def _mentioned(search: KeySearch, candidates: Collection[str]) -> str:
    keys = [key.encode() for key in candidates]
    for topic in ("leads.qualified", "leads.scored", "engagement.events", "engagement.linked", "engagement.bulk"):
        for record in await search.of_keys(topic, keys):
            return (record.key or b"").decode()
    raise UserError("nobody is known by this id", fix="give an e-mail, a user id, a visitor id, a lead or a handoff")


async def _held(search: KeySearch, journal: str, keys: Iterable[str]) -> dict[str, Person]:
    """What is committed under the keys, each looked for in its own partition of the journal."""
    by_partition: dict[int, list[bytes]] = {}
    for key in (each.encode() for each in keys):
        by_partition.setdefault(await search.partition_of(journal, key), []).append(person.PREFIX + key)
    result: dict[str, Person] = {}
    for partition, wanted in by_partition.items():
        fold, states = Fold(), [STATE + each for each in wanted]
        fold.feed([each async for each in search.until_closed(journal, partition, states, _commits)])
        state = fold.finish().state
        for each in wanted:
            if (packed := state.get(each)) is not None:
                result[each.removeprefix(person.PREFIX).decode()] = person.unpack(packed)
    return result


def _commits(record: LogRecord) -> bool:
    """What stands before a commit record counts, whoever wrote it in between."""
    return (record.key or b"")[:1] == COMMIT and record.value is not None


async def _related(search: KeySearch, keys: Iterable[str], people: Mapping[str, Person]) -> list[str]:
    """Whom these belong to or belonged to, and who to them."""
    named: dict[str, None] = {}
    for one in (people[key] for key in keys if key in people):
        named |= dict.fromkeys((*([one.root] if one.root is not None else ()), *one.held))
    for record in await search.of_keys("engagement.linked", [key.encode() for key in keys]):
        data = contract_of(record)
        if isinstance(data, IdentityLinked) and data.root is not None:
            named[data.root] = None
        elif isinstance(data, LedgerPublished):
            named[data.source] = None
    return list(named)
