"""The audited way past a record on which a bug stops every worker: a person says so on `baton.skips` (L6).

Every lane has that topic among its globals. It is asked only when a record has just failed of a bug; the record is
then a dead letter with that person's reason, and the partition goes on. A timer has no position and can't be passed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pydantic import ValidationError

from baton_schemas.configuration import SkipRequested
from services.runtime.effects import DeadLetter
from services.runtime.processor import Globals
from services.runtime.record import Record

SKIPS_TOPIC = "baton.skips"
CODE = "skipped"


def position_key(topic: str, partition: int, offset: int) -> bytes:
    """The key on `baton.skips` for a record of `topic` (catalogue name).

    >>> position_key("engagement.events", 3, 41)
    b'engagement.events/3/41'
    """
    return f"{topic}/{partition}/{offset}".encode()


def with_skips(names: Iterable[str], declared: Collection[str]) -> tuple[str, ...]:
    """Global topics `names`, and the skips where a catalogue declares them."""
    return (*dict.fromkeys(names), SKIPS_TOPIC) if SKIPS_TOPIC in declared else tuple(dict.fromkeys(names))


def skipped(snapshot: Globals, topic: str, record: Record, error: Exception) -> DeadLetter | None:
    """The dead letter for a record that somebody asked to pass; None when nobody did. Names the error's kind only."""
    stored = snapshot.table(SKIPS_TOPIC).get(position_key(topic, record.partition, record.offset))
    if stored is None:
        return None
    try:
        asked = SkipRequested.model_validate_json(stored)
    except ValidationError:
        return None
    return DeadLetter(record, CODE, type(error).__name__, asked.reason)
