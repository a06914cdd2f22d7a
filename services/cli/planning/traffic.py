"""The traffic that a plan replays: what the topics keep, or a file; and how quick sales was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from baton_schemas.contract import parse_time
from baton_schemas.envelope import from_record
from baton_schemas.routing import SlaEvent
from services.cli.config_folder import Documents
from services.cli.planning.loads import Touches, touches
from services.cli.publish import Times, sends_of
from services.cli.publishing.reading import json_readings
from services.cli.publishing.records import KeyMaker
from services.cli.publishing.report import Report
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
        tables: dict[str, dict[bytes, bytes]] = {}
        for topic in _TABLES:
            table = {each.key: each.value async for each in client.read(topic) if each.key is not None}
            tables[topic] = {key: value for key, value in table.items() if value is not None}
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


def from_file(file: Path, keys: KeyMaker, scale: TimeScale, *, days: int, now: int) -> tuple[Traffic, Report]:
    """The events of a file of JSON lines, each taken in when it happened; and what became of its lines. Of the `days`
    before the newest (or `now`, ms): what is older is looked at by no live scorer either."""
    report = Report(file=str(file))
    records = []
    for place, send in enumerate(sends_of(json_readings(file, "/import/plan"), report, keys, Times.GIVEN)):
        at = parse_time(dict(send.headers)["ce_time"].decode())
        records.append(LogRecord(EVENTS, 0, place, scale.wall(at), send.key, send.value, send.headers))
    if not records:
        raise UserError(f"{file}: no event that can be used", fix="name JSON lines as `baton publish` takes them")
    records.sort(key=lambda each: (each.timestamp, each.offset))
    reach = scale.at(records[0].timestamp)
    newest = min(scale.at(records[-1].timestamp), now)
    times = range(newest - days * _DAY_MS, now + 1)
    return Traffic([each for each in records if scale.at(each.timestamp) in times], reach), report
