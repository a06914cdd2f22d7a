"""What a connector can't use or never got rid of: a dead letter with the reason, a count, a line in the log (L6)."""

from __future__ import annotations

from typing import NamedTuple

import structlog

from baton_schemas.catalogue import TOPICS, dead_topic
from services.connectors.errors import CrmError, Refused
from services.runtime import log_events
from services.runtime.dead_letters import render
from services.runtime.effects import DeadLetter
from services.runtime.errors import Permanent
from services.runtime.kafka.log_client import LogClient
from services.runtime.metrics import Metrics
from services.runtime.record import LogRecord

log = structlog.get_logger(__name__)


class Burial(NamedTuple):
    """Called with a record and why it ended; returns when the log has the letter."""

    connector: str
    client: LogClient
    metrics: Metrics

    async def __call__(self, record: LogRecord, error: Permanent | CrmError) -> None:
        field, fix = "", "see why the other side refuses this record; then baton dead-letters replay"
        if isinstance(error, Permanent | Refused):
            field, fix = error.field, error.fix
        letter = DeadLetter(record, error.code, field, fix)
        limit = dead_topic(TOPICS[record.topic]).max_message_bytes
        name = f"connector-{self.connector}"
        await self.client.write(render(letter, topic=record.topic, processor=name, limit=limit))
        self.metrics.add("baton_crm_given_up_total", 1, self.connector, error.code)
        log.warning(log_events.GIVEN_UP, connector=self.connector, topic=record.topic, code=error.code, field=field)
