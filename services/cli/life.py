"""What happened to one lead, from its records on the log under whatever identity they were kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from baton_schemas.contract import Contract
from baton_schemas.feedback import ChangeNotice, OutcomeLabelled
from baton_schemas.leads import LeadQualified, LeadScored
from baton_schemas.routing import LeadHandedOver, LeadRouted
from services.cli.story import Line, contract_of, tell
from services.runtime.clock import TimeScale
from services.runtime.record import LogRecord

_TOPICS = (
    "leads.scored", "leads.qualified", "sla.events", "leads.routed", "leads.unrouted", "feedback.events",
    "leads.recycled",
)  # fmt: skip
_AS_IT_IS = TimeScale()


@dataclass(slots=True)
class Life:
    """One lead: its published scores and its handoffs in order, and what happened, as contracts with their lines."""

    lead: str
    said: list[LeadScored] = field(default_factory=list)
    handoffs: list[str] = field(default_factory=list)
    qualified: LeadQualified | None = None
    lines: list[Line] = field(default_factory=list)
    records: list[Contract] = field(default_factory=list)


class Search(Protocol):
    """Finds records by key: `KeySearch` on Kafka."""

    async def of_keys(self, topic: str, keys: Collection[bytes]) -> list[LogRecord]:
        """All records of `keys`, oldest first."""
        ...


async def life_of(
    search: Search,
    lead: str,
    others: Collection[str] = (),
    *,
    handoff: str | None = None,
    until: int | None = None,
    scale: TimeScale = _AS_IT_IS,
) -> Life:
    """The life of a lead under all its keys, or the part of it that is about one handoff; with `until` (Baton ms) what
    the log had then."""

    def known(record: LogRecord) -> bool:
        return until is None or scale.at(record.timestamp) <= until

    keys = [key.encode() for key in (lead, *others)]
    records = [record for topic in _TOPICS for record in await search.of_keys(topic, keys)]
    life = gathered(lead, filter(known, records), handoff)
    if life.qualified is not None:
        await _learnt(search, life, life.qualified.versions.definition, known)
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
            if data.lead == lead:
                life.said.append(data)
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


async def _learnt(search: Search, life: Life, definition: str, known: Callable[[LogRecord], bool]) -> None:
    """Labels of the handoffs, and for each the first change of points that could know of it."""
    key, handoffs = [definition.encode()], [each.encode() for each in life.handoffs]
    labels = []
    for record in await search.of_keys("feedback.labels", key):
        if known(record) and record.value is not None and any(handoff in record.value for handoff in handoffs):
            data = contract_of(record)
            if isinstance(data, OutcomeLabelled) and data.handoff in life.handoffs:
                labels.append(data)
    if not labels:
        return
    notices = [
        data
        for record in await search.of_keys("scoring.notices", key)
        if known(record) and isinstance(data := contract_of(record), ChangeNotice) and data.definition == definition
    ]
    for label in labels:
        _take(life, label)
        following = [notice for notice in notices if notice.at >= label.at]
        if following:
            _take(life, min(following, key=lambda notice: notice.version))
