"""The traffic that a plan replays: what the topics keep, or a file; and how quick sales was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from baton_schemas.envelope import from_record
from baton_schemas.routing import SlaEvent
from services.cli.config_folder import Documents
from services.cli.planning.loads import Touches, touches
from services.cli.planning.past_file import read_past
from services.cli.publishing.records import KeyMaker
from services.runtime.clock import TimeScale
from services.runtime.config_set import CONFIG_TOPIC, active_set
from services.runtime.errors import UserError
from services.runtime.kafka.log_client import LogClient
from services.runtime.processor import Globals
from services.runtime.record import LogRecord
from services.runtime.settings import Settings
from services.scorer.configuration import ERASURES_TOPIC, MODELS_TOPIC

EVENTS, FACTS = "engagement.events", "crm.facts"
_TABLES = (CONFIG_TOPIC, MODELS_TOPIC, ERASURES_TOPIC)
_EVERY = 5_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Traffic:
    """Records of the scorer's inputs in the order of their times; `reach` is the time of the oldest event that there
    is (Baton ms). `tables` are the topics that are read whole."""

    records: list[LogRecord]
    reach: int | None
    tables: Mapping[str, Mapping[bytes, bytes]] = field(default_factory=dict)
    touches: Touches = field(default_factory=dict)

    def active(self) -> Documents:
        """The documents in force. Raises UserError when there are none."""
        found = active_set(Globals(self.tables)).documents
        if not found:
            raise UserError("nothing is in force yet: there is nothing to compare with", fix="--against FOLDER")
        return dict(found)


async def from_topics(settings: Settings, since: int | None, done: Callable[[int], None]) -> Traffic:
    """What the topics hold, events since a time (Baton ms; None: no events at all)."""
    scale, reach, records = settings.scale, None, []
    async with LogClient(settings) as client:
        tables = {topic: await client.table(topic) for topic in _TABLES}
        if since is not None:
            positions = [(topic, number) for topic in (EVENTS, FACTS) for number in await client.partitions(topic)]
            async for record in client.read_all(positions):
                at = scale.at(record.timestamp)
                if record.topic == EVENTS:
                    reach = at if reach is None else min(reach, at)
                if at >= since or record.topic == FACTS:
                    records.append(record)
                    if len(records) % _EVERY == 0:
                        done(len(records))
        steps = [from_record(each.headers, each.value) async for each in client.read("sla.events")]
    known = touches(SlaEvent.model_validate_json(each.data or b"") for each in steps if each.type == SlaEvent.TYPE)
    records.sort(key=lambda each: (each.timestamp, each.topic, each.partition, each.offset))
    return Traffic(records, reach, tables, known)


def from_file(
    file: Path, keys: KeyMaker, scale: TimeScale, *, days: int, now: int, done: Callable[[int], None] = lambda _: None
) -> tuple[Traffic, int]:
    """The events of a file of JSON lines, each taken in when it happened; and how many lines can't be used. Of the
    `days` before the newest (or `now`, ms): what is older is looked at by no live scorer either."""
    found = read_past(file, keys, done)
    events = [each.at for each in found.told if each.topic == EVENTS]
    if not events:
        raise UserError(f"{file}: no event that can be used", fix="name JSON lines as `baton publish` takes them")
    newest = min(max(events), now)
    times = range(newest - days * _DAY_MS, now + 1)
    records = [
        LogRecord(each.topic, 0, place, scale.wall(each.at), each.key, each.value, each.headers)
        for place, each in enumerate(found.told)
        if each.at in times
    ]
    records.sort(key=lambda each: (each.timestamp, each.offset))
    return Traffic(records, min(events)), found.refused
