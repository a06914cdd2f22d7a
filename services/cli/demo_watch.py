"""Follows the topics for the demo's screen, as anybody could: counts, and picks out what is of one lead."""

from __future__ import annotations

from baton_schemas.engagement import EngagementRecorded, PersonIdentified
from baton_schemas.envelope import from_record
from baton_schemas.feedback import ChangeNotice, OutcomeLabelled
from baton_schemas.leads import LeadQualified, LeadScored
from services.cli.counters import COUNTED, Counters
from services.cli.story import Line, contract_of, tell
from services.runtime.dead_letters import dead_topic
from services.runtime.record import LogRecord

DEAD = tuple(dead_topic(topic) for topic in ("engagement.events", "engagement.linked", "feedback.events"))
TOPICS = (*COUNTED, "leads.scored", "feedback.labels", *DEAD)


class Watch:
    """Counters and one lead's lines. `marks` are texts that only the lead's own events hold; `lead` is its key."""

    def __init__(self, lead: str, marks: tuple[bytes, ...]) -> None:
        self.counters = Counters()
        self.handoff: str | None = None
        self.lines: list[Line] = []
        self._lead = lead.encode()
        self._marks = marks
        self._labelled = False
        self._seen: set[tuple[str, bytes]] = set()

    def take(self, record: LogRecord) -> list[Line]:
        """What a record adds to the lead's life; repeats add nothing."""
        identity = next((value for name, value in record.headers if name == "ce_id"), b"")
        if (record.topic, identity) in self._seen and record.topic != "engagement.events":
            return []
        self._seen.add((record.topic, identity))
        if record.topic == "engagement.events":
            self.counters.take(record.topic, None)
            line = self._act(record)
        elif record.topic in DEAD:
            self.counters.take(record.topic, None)
            line = None
        else:
            line = self._told(record)
        if line is None or line in self.lines:
            return []
        self.lines.append(line)
        return [line]

    def _act(self, record: LogRecord) -> Line | None:
        value = record.value or b""
        if not any(mark in value for mark in self._marks):
            return None
        data = contract_of(record)
        if data is None:
            return None
        when = from_record(record.headers, record.value).time or 0
        if isinstance(data, EngagementRecorded):
            where = f" {data.url.partition('.example')[2]}" if data.url else ""
            known = "" if data.person.email else ", nobody knows who"
            return Line(when, f"{data.action.replace('_', ' ')}{where}{known}", "plain")
        if isinstance(data, PersonIdentified):
            traits = data.traits
            text = (
                f"says who she is: {traits.get('job_title')}, {traits.get('company')}, {traits.get('employees')} people"
            )
            return Line(when, text, "plain")
        return None

    def _told(self, record: LogRecord) -> Line | None:
        data = contract_of(record)
        self.counters.take(record.topic, data)
        if data is None:
            return None
        if isinstance(data, OutcomeLabelled):
            self._labelled = self._labelled or data.handoff == self.handoff
            return tell(data) if data.handoff == self.handoff else None
        if isinstance(data, ChangeNotice):
            moved, self._labelled = self._labelled, False
            return tell(data) if moved else None
        if record.key != self._lead:
            return None
        if isinstance(data, LeadQualified) and self.handoff is None:
            self.handoff = data.handoff
        return _short(data) if isinstance(data, LeadScored) else tell(data)


def _short(data: LeadScored) -> Line:
    missing = tuple(f"missing: {text}" for text in data.missing)
    return Line(data.at, f"grade {data.grade}, {data.score:.1f} points", "dim", missing)
