"""`baton apply --look-back`: new criteria know the past before they judge (L7).

Four steps, each of which may be done again after a crash. The new definition is announced as coming, and every lane of
the scorer takes note and counts for it beside the one in force. The log of events is read once more, and what each
person did is joined to what is known of them. When that is done the new set comes into force. Then everybody who did
something is judged anew, so many a second.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence

import msgspec

from baton_schemas.configuration import COMING_KEY, DefinitionComing
from baton_schemas.documents.definition import LeadDefinition
from baton_schemas.documents.signing import content_digest
from baton_schemas.envelope import envelop
from baton_schemas.identity import LedgerRecounted
from services.cli.applying import SOURCE, Changes, fresh_criteria, in_force, publish_set
from services.cli.config_folder import Documents
from services.cli.verify import drained
from services.runtime.agreement import check_signed, read_signers
from services.runtime.clock import SystemClock
from services.runtime.config_set import CONFIG_TOPIC
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.processor import Globals
from services.runtime.settings import Settings
from services.scorer.coming import new_in
from services.scorer.configuration import ERASURES_TOPIC, coming_in, erased_at
from services.scorer.definition import compile_rules, read
from services.scorer.identity import Keyring
from services.scorer.intake import HORIZON_MS
from services.scorer.recount import Recount

EVENTS, HOPS = "engagement.events", "engagement.linked"
LOOK_BACK = "/baton/look-back"
_PATIENCE_S = 600.0
_PAUSE_S = 0.1
Advance = Callable[[int, int], None]


class LookedBack(msgspec.Struct, frozen=True, kw_only=True):
    """What a look-back did. `since` is how far back the log reaches, at most 30 days (Baton ms); `until` are the
    offsets up to which it was read."""

    changes: Changes
    criteria: list[str]
    since: int
    events: int
    people: int
    until: dict[int, int]


async def look_back(
    settings: Settings,
    documents: Documents,
    *,
    by: str | None,
    per_second: int,
    advance: Advance = lambda _done, _of: None,
) -> LookedBack:
    """Applies `documents` when the past is counted. Raises UserError when there is nothing to look back for, or when
    the scorer does not answer."""
    clock = SystemClock(settings.scale)
    keyring = Keyring(settings.required_secret("person_key_secret"), settings.person_key_id)
    async with LogClient(settings) as client:
        coming, text, criteria = _coming(documents, in_force(await client.table(CONFIG_TOPIC)))
        signers = {name: each for (kind, name), each in documents.items() if kind == "signers"}
        rules = compile_rules(coming, None, check_signed(coming, read_signers(signers)))
        read_to = await _announce(client, coming, text, next(iter(signers.values())), clock.now(), by)
        await _noted(client, settings, read_to, clock.now())
        erasures = await client.table(ERASURES_TOPIC)
        recount = Recount(
            rules,
            keyring,
            since=clock.now() - HORIZON_MS,
            now_at=settings.scale.at,
            erased_at=lambda key: erased_at(erasures, key),
        )
        until = await _read(client, recount, advance)
        now = clock.now()
        records = (
            _recounted(key, b64encode(packed).decode(), recount.since_of(key), now, read_to, part="joined")
            for key, packed in recount.people()
        )
        people = len(recount)
        await _paced(client, records, 0, lambda done: advance(done, 2 * people))
        await _worked_off(settings)
        changes = await publish_set(client, documents, now=clock.now(), by=by)
        read_to = await _end(client)
        nudges = (
            _recounted(key, None, recount.since, now, read_to, part=changes.set_id) for key, _ in recount.people()
        )
        await _paced(client, nudges, per_second, lambda done: advance(people + done, 2 * people))
        await _worked_off(settings)
    return LookedBack(
        changes=msgspec.structs.replace(changes, fresh=[]),
        criteria=criteria,
        since=recount.since,
        events=recount.events,
        people=people,
        until=until,
    )


def _coming(documents: Documents, known: Sequence[LeadDefinition]) -> tuple[LeadDefinition, str, list[str]]:
    """The definition that counts anew, its text, and its criteria that do."""
    fresh_criteria(documents, known)
    texts = {name: text for (kind, name), text in sorted(documents.items()) if kind == "definition"}
    found = [
        (definition, text, new_in(definition, known))
        for name, text in texts.items()
        for definition in [read(text, name)]
    ]
    anew = [each for each in found if each[2]]
    if not known or not anew:
        raise UserError(
            f"{', '.join(texts)}: no criterion that did not count before", fix="apply it without --look-back"
        )
    if len(anew) > 1:
        names = ", ".join(definition.name for definition, _, _ in anew)
        raise UserError(f"definitions {names}: count anew", fix="apply one after the other: a look-back is for one")
    return anew[0]


async def _end(client: LogClient) -> int:
    """The offset after the last record of `baton.config`."""
    return max([each.offset async for each in client.read(CONFIG_TOPIC)], default=-1) + 1


async def _announce(
    client: LogClient, coming: LeadDefinition, text: str, signers: str, now: int, by: str | None
) -> int:
    """Says which definition is coming; answers what a reader must have read to know. Raises UserError when the scorer
    will not count for it."""
    digest = content_digest(coming)
    data = DefinitionComing(
        name=coming.name, version=coming.version, digest=digest, text=text, signers=signers, at=now, by=by
    )
    headers, value = envelop(data, id=f"{COMING_KEY}@{digest[:16]}:{now}", source=SOURCE, time=now)
    await client.write(Send(CONFIG_TOPIC, COMING_KEY.encode(), value, headers))
    if coming_in(Globals({CONFIG_TOPIC: await client.table(CONFIG_TOPIC)})) != coming:
        raise UserError(f"definition {coming.name}: is not counted for", fix="apply it again: something else is coming")
    return await _end(client)


async def _noted(client: LogClient, settings: Settings, read_to: int, now: int) -> None:
    """Returns when every lane of the scorer counts for what is coming: each has worked off a record that needs it."""
    for partition in await client.partitions(HOPS):
        await client.send(_recounted(f"look-back-{partition}", None, now, now, read_to, part=str(now)), partition)
    await client.flush()
    await _worked_off(settings)


async def _read(client: LogClient, recount: Recount, advance: Advance) -> dict[int, int]:
    until: dict[int, int] = {}
    done = 0
    async for record in client.read(EVENTS):
        recount.take(record)
        until[record.partition] = record.offset + 1
        done += 1
        if done % 1000 == 0:
            advance(0, done)
            await asyncio.sleep(0)
    return until


async def _paced(client: LogClient, records: Iterable[Send], per_second: int, advance: Callable[[int], None]) -> None:
    """Sends, at most so many a second (0: as fast as it goes)."""
    began = time.monotonic()
    for done, record in enumerate(records, start=1):
        await client.send(record)
        advance(done)
        ahead = done / per_second - (time.monotonic() - began) if per_second else 0.0
        if ahead > _PAUSE_S:
            await client.flush()
            await asyncio.sleep(ahead)
    await client.flush()


async def _worked_off(settings: Settings) -> None:
    if not await drained(settings, _PATIENCE_S, ("scorer",)):
        raise UserError("the scorer did not take it in", fix="start it, and apply it again: what was done stays")


def _recounted(key: str, packed: str | None, since: int, until: int, config_read: int, *, part: str) -> Send:
    data = LedgerRecounted(person=key, packed=packed, since=since, until=until, config_read=config_read)
    headers, value = envelop(data, id=f"{part}/{key}", source=LOOK_BACK, time=until)
    return Send(HOPS, key.encode(), value, headers)
