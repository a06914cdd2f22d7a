"""The conservation laws, checked from the topics and nothing else: nothing lost, nothing decided twice. Pure.

    no_repeat_differs   two records with one id have one content (L2)
    dead_letters_whole  a dead letter carries its original, byte for byte, and the original is on the log (L6)
    leads_kept          each lead that qualified, or was handed over, is routed, waits, is unrouted with a reason, or
                        was withdrawn
    one_owner           each version of a handoff has one rep, and versions reach the CRM in order (L5)
    no_gap              the versions of a handoff are 1, 2, 3, ... each of them asked for, given or withdrawn
    clocks_closed       each handoff of sales has one first-touch clock, a disposition clock starts anew only when it
                        was ended; nothing rings after its end; none outlives a withdrawal or a handing over
    chains_whole        what was handed over goes on as one handoff, and is learnt from once (`chains`)

That each event was applied once is checked by `services.cli.recount`, which needs the scorer's own rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from baton_schemas.catalogue import DEAD_SUFFIX
from baton_schemas.leads import LeadQualified, LeadWithdrawn
from baton_schemas.routing import AssignRequest, LeadHandedOver, LeadRouted, LeadUnrouted, SlaEvent
from services.cli.chains import Chains
from services.cli.story import contract_of
from services.runtime import dead_letters
from services.runtime.record import LogRecord

OUTPUTS = (
    "accounts.members", "accounts.signals", "accounts.spikes", "accounts.alerts", "leads.scored", "leads.qualified",
    "leads.routed", "leads.unrouted", "sla.events", "routing.requests", "routing.replies", "leads.recycled",
    "feedback.labels", "scoring.models", "scoring.notices", "notifications",
)  # fmt: skip
INPUTS = ("engagement.events", "engagement.bulk", "feedback.events", "crm.facts")
MOST_NAMED = 5
_CLOSED = ("met", "closed")
_AFTER_CLOSED = {"earlier_touch_reported", "reported_late"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One law: how many cases were looked at, and the broken ones by id (the first few)."""

    law: str
    looked_at: int
    broken: tuple[str, ...] = ()
    broken_in_all: int = 0

    @property
    def holds(self) -> bool:
        return not self.broken_in_all

    @property
    def text(self) -> str:
        """The verdict as a line for people."""
        words = self.law.replace("_", " ")
        if self.holds:
            return f"  holds   {words} ({self.looked_at:,} looked at)"
        return f"  BROKEN  {words}: {self.broken_in_all} of {self.looked_at:,}: {', '.join(self.broken)}"


def verdict(law: str, looked_at: int, broken: Iterable[str]) -> Verdict:
    """A verdict that names the first broken cases and counts all."""
    found = list(broken)
    return Verdict(law, looked_at, tuple(found[:MOST_NAMED]), len(found))


@dataclass(slots=True)
class Evidence:
    """Takes records of any topics, in order within a partition, and judges when all are in."""

    _contents: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    _differing: list[str] = field(default_factory=list)
    _inputs: dict[tuple[str, int, int], bytes] = field(default_factory=dict)
    _letters: list[tuple[tuple[str, int, int], bytes | None, str]] = field(default_factory=list)
    _qualified: set[str] = field(default_factory=set)
    _settled: set[str] = field(default_factory=set)
    _withdrawn: set[str] = field(default_factory=set)
    _owners: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    _latest: dict[str, int] = field(default_factory=dict)
    _disorder: list[str] = field(default_factory=list)
    _versions: dict[str, set[int]] = field(default_factory=dict)
    _steps: dict[str, list[SlaEvent]] = field(default_factory=dict)
    _silences: dict[str, list[SlaEvent]] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)
    _chains: Chains = field(default_factory=Chains)

    def take(self, record: LogRecord) -> None:
        """One record; repeats of what is known change nothing."""
        if record.topic in INPUTS:
            self._inputs[record.topic, record.partition, record.offset] = _content(record.key, record.value)
        elif record.topic.endswith(DEAD_SUFFIX):
            self._bury(record)
        elif record.topic in OUTPUTS and self._is_new(record):
            self._decide(record)

    def verdicts(self) -> list[Verdict]:
        """Every law, judged."""
        buried = [letter for letter in self._letters if letter[1] is not None]
        return [
            verdict("no_repeat_differs", len(self._contents), self._differing),
            verdict(
                "dead_letters_whole",
                len(buried),
                (name for origin, content, name in buried if self._inputs.get(origin, content) != content),
            ),
            verdict("leads_kept", len(self._qualified), sorted(self._qualified - self._settled - self._withdrawn)),
            verdict("one_owner", len(self._owners), self._shared()),
            verdict("no_gap", len(self._versions), (name for name, found in self._versions.items() if _gap(found))),
            verdict("clocks_closed", len(self._steps) + len(self._silences), self._wrong_clocks()),
            verdict("chains_whole", len(self._chains.routed), self._chains.broken()),
        ]

    def _is_new(self, record: LogRecord) -> bool:
        """Whether this id was not seen yet; an id seen with another content breaks a law."""
        ids = [value for name, value in record.headers if name == "ce_id"]
        if not ids or record.value is None:
            return False
        content = _content(record.key, record.value)
        known = self._contents.setdefault((record.topic, ids[0]), content)
        if known is not content and known != content:
            self._differing.append(f"{record.topic}/{record.partition}/{record.offset}")
        return known is content

    def _decide(self, record: LogRecord) -> None:
        data = contract_of(record)
        if data is not None:
            self._chains.take(data)
        if isinstance(data, LeadQualified):
            self._qualified.add(data.handoff)
        elif isinstance(data, LeadRouted):
            self._settled.add(data.handoff)
            self._owners.setdefault((data.handoff, data.version), set()).add(data.rep)
            self._version(data.handoff, data.version)
            if data.version < self._latest.get(data.handoff, 0):
                self._disorder.append(data.handoff)
            self._latest[data.handoff] = data.version
        elif isinstance(data, LeadUnrouted):
            if data.reason:
                self._settled.add(data.handoff)
        elif isinstance(data, LeadWithdrawn) and data.ends:
            self._withdrawn.add(data.handoff)
            if record.topic == "leads.routed":
                self._version(data.handoff, data.version)
        elif isinstance(data, LeadHandedOver):
            self._qualified.add(data.to)
            self._over.add(data.handoff)
            self._version(data.handoff, data.version)
        elif isinstance(data, AssignRequest):
            self._version(data.handoff, data.version)
        elif isinstance(data, SlaEvent):
            kind = self._steps if data.clock == "first_touch" else self._silences
            kind.setdefault(data.handoff, []).append(data)

    def _version(self, handoff: str, version: int) -> None:
        self._versions.setdefault(handoff, set()).add(version)

    def _bury(self, record: LogRecord) -> None:
        letter = dead_letters.read(record)
        content = None if letter.cut or letter.of_timer else _content(letter.key, letter.value)
        origin = (letter.origin.topic, letter.origin.partition, letter.origin.offset)
        self._letters.append((origin, content, f"{record.topic}/{record.partition}/{record.offset}"))

    def _shared(self) -> Iterator[str]:
        yield from (f"{handoff} v{version}" for (handoff, version), reps in self._owners.items() if len(reps) > 1)
        yield from (f"{handoff}: versions out of order" for handoff in self._disorder)

    def _wrong_clocks(self) -> Iterator[str]:
        routed = {handoff for handoff, _ in self._owners}
        for handoff in sorted(routed - set(self._steps)):
            yield f"{handoff}: no clock"
        for handoff, steps in self._steps.items():
            wrong = _wrong_clock([step.step for step in steps], [step.reason for step in steps])
            closed = any(step.step in _CLOSED for step in steps)
            if wrong:
                yield f"{handoff}: {wrong}"
            elif handoff in self._withdrawn | self._over and not closed:
                how = "withdrawn" if handoff in self._withdrawn else "handed over"
                yield f"{handoff}: {how}, but its clock is open"
        for handoff, steps in self._silences.items():
            wrong = _wrong_silence([step.step for step in steps], over=handoff in self._withdrawn | self._over)
            if wrong:
                yield f"{handoff}: disposition clock {wrong}"


def _wrong_clock(steps: list[str], reasons: list[str | None]) -> str | None:
    if steps.count("started") != 1:
        return f"started {steps.count('started')} times"
    ended = next((index for index, step in enumerate(steps) if step in _CLOSED), None)
    if ended is None:
        return None
    for step, reason in list(zip(steps, reasons, strict=True))[ended + 1 :]:
        if step != "met" or reason not in _AFTER_CLOSED:
            return f"{step} after it was closed"
    return None


def _wrong_silence(steps: list[str], *, over: bool) -> str | None:
    """A disposition clock may run many times, one run after the other."""
    running = False
    for step in steps:
        if running == (step == "started"):
            return f"{step} while it ran" if running else f"{step} after it was closed"
        if step in ("reassigned", "escalated"):
            return f"{step}: silence takes no lead from anybody"
        running = step not in _CLOSED
    return "is open, but its handoff is over" if running and over else None


def _gap(versions: set[int]) -> bool:
    return versions != set(range(1, max(versions) + 1))


def _content(key: bytes | None, value: bytes | None) -> bytes:
    return blake2b((key or b"") + b"\0" + (b"\1" + value if value is not None else b""), digest_size=16).digest()
