"""What became of a month, judged from topics and from the CRM alone: who had what, who took it, who was blamed.

`two_owners`      a version of a handoff with two reps, an older one after a newer; Baton and the CRM disagree on who
                  has an open handoff; a human with two open handoffs, at any time when all is quiet
`taken_back`      a lead taken from somebody to whom a person gave it, or who had touched it or taken it on; a lead
                  given back to somebody who had given it away, or from whom a person had taken it
`false_breaches`  a breach that comes too early, or on a wrong due time; of a lead that had been touched in time when it
                  was decided; or that is not taken back when a touch in time is reported later
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from baton_schemas.contract import Contract
from baton_schemas.feedback import OutcomeReported
from baton_schemas.leads import LeadWithdrawn
from baton_schemas.routing import LeadRouted, SlaEvent
from services.cli.conservation import Evidence
from services.cli.crm_comparison import TOPICS as COMPARED
from services.cli.crm_comparison import BatonSide, compare
from services.cli.story import contract_of
from services.connectors.words import Words
from services.runtime.record import LogRecord
from tests.connectors.paper import CLOSES_AS, US
from tests.month.company import CLOSES, MINUTE, OPENS, TARGETS, ZONES
from tests.month.crm import MAPPING, PEOPLE, records_of
from tests.month.tale import Month

C = TypeVar("C", bound=Contract)
_TOUCHES = ("touched", "accepted", "opportunity", "won")


class Said(NamedTuple):
    """One thing said on a topic, once, and when the log took it in."""

    logged: int
    order: int
    data: Contract


class Judge:
    """Reads a month that was told."""

    def __init__(self, month: Month) -> None:
        self._month = month
        self._routed = self._by_handoff("leads.routed", LeadRouted)
        self._steps = self._by_handoff("sla.events", SlaEvent)
        self._outcomes = self._by_handoff("feedback.events", OutcomeReported)
        self._gone = self._by_handoff("leads.routed", LeadWithdrawn)

    def two_owners(self) -> Iterator[str]:
        """See the module."""
        for handoff, versions in self._routed.items():
            numbers = [said.data.version for said in versions]  # type: ignore[attr-defined]
            if numbers != sorted(set(numbers)):
                yield f"{handoff}: versions {numbers}"
        yield from self._month.doubled
        yield from self._laws()

    def taken_back(self) -> Iterator[str]:
        """See the module."""
        yield from self._month.crm.taken
        for handoff, versions in self._routed.items():
            yield from self._given_back(handoff, [said for said in versions if isinstance(said.data, LeadRouted)])

    def false_breaches(self) -> Iterator[str]:
        """See the module."""
        for handoff, said in self._steps.items():
            steps = [each.data for each in said if isinstance(each.data, SlaEvent)]
            first = [step for step in steps if step.clock == "first_touch"]
            yield from self._wrong_due(handoff, first)
            for each in said:
                step = each.data
                if isinstance(step, SlaEvent) and step.clock == "first_touch" and step.step == "breached":
                    yield from self._wrong_breach(handoff, each.logged, step, first)

    def happened(self) -> Counter[str]:
        """How often what was looked at occurred at all."""
        found: Counter[str] = Counter()
        for said in self._routed.values():
            found.update(f"routed: {each.data.change}" for each in said if isinstance(each.data, LeadRouted))
        for said in self._outcomes.values():
            found.update(f"told: {each.data.kind}" for each in said if isinstance(each.data, OutcomeReported))
        for said in self._steps.values():
            found.update(f"clock: {each.data.step}" for each in said if isinstance(each.data, SlaEvent))
        for said in self._gone.values():
            found.update(f"withdrawn: {each.data.reason}" for each in said if isinstance(each.data, LeadWithdrawn))
        return found

    def letters(self) -> list[str]:
        """Codes of what was buried."""
        engine = self._month.engine
        return [
            f"{record.topic}: {dict(record.headers)['baton-dead-code'].decode()}"
            for topic in engine.log.topics
            if topic.endswith(".dead")
            for record in engine.records(topic)
        ]

    def _given_back(self, handoff: str, versions: list[Said]) -> Iterator[str]:
        had_enough: set[str] = set()
        told = self._outcomes.get(handoff, [])
        previous: LeadRouted | None = None
        for said in versions:
            routed = said.data
            assert isinstance(routed, LeadRouted)
            if routed.change in ("assigned", "reassigned") and routed.rep in had_enough:
                yield f"{handoff} v{routed.version}: given back to {routed.rep}"
            if routed.change == "reassigned" and previous is not None:
                for each in told:
                    outcome = each.data
                    assert isinstance(outcome, OutcomeReported)
                    if _is_touch(outcome) and each.logged < routed.at and not self._reopened(told, routed.at):
                        yield f"{handoff} v{routed.version}: taken from {previous.rep}, though {outcome.kind} was told"
            if routed.change in ("owner_changed", "passed_on", "reassigned") and routed.previous_rep:
                had_enough.add(routed.previous_rep)
            had_enough.discard(routed.rep)  # a person may give it back
            previous = routed

    def _reopened(self, told: list[Said], before: int) -> bool:
        return any(
            isinstance(each.data, OutcomeReported)
            and each.data.kind in ("reopened", "released")
            and each.logged <= before
            for each in told
        )

    def _wrong_due(self, handoff: str, steps: list[SlaEvent]) -> Iterator[str]:
        start = next((step for step in steps if step.step == "started"), None)
        if start is None:
            return
        team = "uk" if start.territory == "uk" else "dach"
        due = business_minutes_after(start.at, TARGETS.get(start.tier, TARGETS["warm"]), team)
        if start.due_at != due:
            yield f"{handoff}: due {start.due_at}, by hand {due}"
        for step in steps:
            if step.step == "breached" and step.at < start.due_at:
                yield f"{handoff}: breached {start.due_at - step.at} ms too early"

    def _wrong_breach(self, handoff: str, logged: int, step: SlaEvent, steps: list[SlaEvent]) -> Iterator[str]:
        met = any(each.step == "met" and each.at <= step.due_at for each in steps)
        late = any(each.step == "met" and each.reason in ("reported_late", "earlier_touch_reported") for each in steps)
        for said in self._outcomes.get(handoff, []):
            outcome = said.data
            assert isinstance(outcome, OutcomeReported)
            if not _is_touch(outcome) or outcome.at > step.due_at:
                continue
            if said.logged <= step.at - 1 and said.logged < logged:
                yield f"{handoff}: breached at {step.at}, though {outcome.kind} was told at {said.logged}"
            elif not (met or late) and handoff not in self._gone:
                yield f"{handoff}: breached, and {outcome.kind} in time was told later in vain"

    def _laws(self) -> Iterator[str]:
        engine, evidence, side = self._month.engine, Evidence(), BatonSide("paper")
        for topic in engine.log.topics:
            for record in engine.records(topic):
                evidence.take(record)
        for topic in COMPARED:
            for record in engine.records(topic):
                side.take(record)
        words = Words(MAPPING, PEOPLE, US, closes_as=CLOSES_AS)
        for verdict in [*evidence.verdicts(), *compare(side, records_of(self._month.crm), words)]:
            if not verdict.holds:
                yield verdict.text

    def _by_handoff(self, topic: str, model: type[C]) -> dict[str, list[Said]]:
        found: defaultdict[str, list[Said]] = defaultdict(list)
        seen: set[bytes] = set()
        for order, record in enumerate(self._month.engine.records(topic)):
            name = _id(record)
            if name in seen:
                continue
            seen.add(name)
            data = contract_of(record)
            if isinstance(data, model):
                found[data.handoff].append(Said(record.timestamp, order, data))  # type: ignore[attr-defined]
        return found


def business_minutes_after(start: int, minutes: int, team: str) -> int:
    """By hand, minute by minute: the moment at which so much business time has gone by."""
    zone, left, at = ZoneInfo(ZONES[team]), minutes * MINUTE, start
    while True:
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
        open_now = local.weekday() < 5 and OPENS <= local.hour < CLOSES
        step = MINUTE - at % MINUTE
        if open_now:
            if left <= step:
                return at + left
            left -= step
        at += step


def _is_touch(outcome: OutcomeReported) -> bool:
    return outcome.kind in _TOUCHES and not outcome.automated and outcome.direction == "outbound"


def _id(record: LogRecord) -> bytes:
    return next((value for name, value in record.headers if name == "ce_id"), b"")
