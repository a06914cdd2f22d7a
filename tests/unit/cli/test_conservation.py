"""The verifier holds on an honest log, and goes red for each law when the log is doctored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from baton_schemas.contract import Contract
from baton_schemas.engagement import EngagementRecorded
from baton_schemas.envelope import envelop, from_record
from baton_schemas.leads import LeadQualified, LeadWithdrawn
from baton_schemas.routing import AssignRequest, LeadRouted, LeadUnrouted, SlaEvent
from services.cli.conservation import INPUTS, OUTPUTS, Evidence, Verdict
from services.cli.counters import Counters
from services.cli.publish import Times
from services.cli.recount import OUTSIDE, applied_once
from services.cli.services import processor
from services.cli.story import contract_of, tell
from services.runtime.clock import TimeScale
from services.runtime.record import LogRecord
from services.scorer import person, profile
from tests.unit.cli.whole import DATA, EXAMPLES, KEYS, SECRET, Whole

BANK = EXAMPLES / "bank" / "import" / "people.yaml"
DEAD = tuple(f"{topic}.dead" for topic in INPUTS)
HOUR = 3_600_000


@cache
def whole() -> Whole:
    """A day of the bank: rows, linked visitors, a repeat, poison, clocks that ring, outcomes."""
    whole = Whole(EXAMPLES / "bank")
    whole.publish(DATA / "bank-cut.csv", BANK, Times.ARRIVAL)
    for number in range(6):
        data = EngagementRecorded.model_validate(
            {
                "person": {"user_id": f"bank-{number + 2}", "anonymous_id": f"v{number}"},
                "action": "call",
                "properties": {"contact": "telephone"},
            }
        )
        for identifiers in (data.person, data.person.model_copy(update={"user_id": None})):
            event = data.model_copy(update={"person": identifiers})
            headers, value = envelop(event, id=f"{number}-{identifiers.user_id}", source="/t", time=whole.clock.now())
            for _ in range(2):
                whole.engine.publish("engagement.events", KEYS.person(identifiers).encode(), value, headers)
    whole.engine.publish("engagement.events", b"k", b"{poison", ())
    whole.engine.advance(30 * HOUR)
    whole.publish_outcomes(DATA / "bank-cut.csv", BANK)
    return whole


def records() -> Iterator[LogRecord]:
    for topic in (*INPUTS, *OUTPUTS, *DEAD):
        yield from whole().engine.records(topic)


def judged(log: Iterator[LogRecord] | list[LogRecord]) -> dict[str, Verdict]:
    evidence = Evidence()
    for record in log:
        evidence.take(record)
    return {verdict.law: verdict for verdict in evidence.verdicts()}


def test_an_honest_log_holds_and_every_law_had_something_to_look_at() -> None:
    verdicts = judged(records())
    assert [verdict.law for verdict in verdicts.values() if not verdict.holds] == []
    assert all(verdict.looked_at for verdict in verdicts.values())
    assert len(verdicts) == 7


def changed(record: LogRecord, **fields: object) -> LogRecord:
    """The record with other data under the same headers."""
    data = contract_of(record)
    assert data is not None
    return record._replace(value=data.model_copy(update=fields).to_json())


def another_id(record: LogRecord) -> LogRecord:
    return record._replace(headers=tuple((n, v + b"x" if n == "ce_id" else v) for n, v in record.headers))


def kept(keep: Callable[[LogRecord, Contract | None], bool]) -> Iterator[LogRecord]:
    return (record for record in records() if keep(record, contract_of(record)))


def first(topic: str, model: type[Contract], **wanted: object) -> LogRecord:
    return next(
        record
        for record in whole().engine.records(topic)
        if isinstance(data := contract_of(record), model)
        and all(getattr(data, name) == value for name, value in wanted.items())
    )


def broken_laws(log: Iterator[LogRecord] | list[LogRecord]) -> set[str]:
    return {law for law, verdict in judged(log).items() if not verdict.holds}


def test_a_repeat_with_other_content_is_seen() -> None:
    routed = first("leads.routed", LeadRouted)
    assert broken_laws([*records(), routed]) == set()
    assert "no_repeat_differs" in broken_laws([*records(), changed(routed, rep="somebody-else")])


def test_a_dead_letter_that_was_altered_is_seen() -> None:
    letters = [record for record in records() if record.topic in DEAD]
    assert letters
    rest = [record for record in records() if record.topic not in DEAD]
    assert broken_laws([*rest, letters[0]._replace(value=b"other")]) == {"dead_letters_whole"}


def test_a_qualified_lead_that_nobody_heard_of_again_is_seen() -> None:
    lost = contract_of(first("leads.qualified", LeadQualified)).handoff  # type: ignore[union-attr]

    def keep(_: LogRecord, data: Contract | None) -> bool:
        gone = isinstance(data, LeadRouted | LeadUnrouted | SlaEvent | AssignRequest)
        return not (gone and getattr(data, "handoff", None) == lost)

    verdict = judged(kept(keep))["leads_kept"]
    assert verdict.broken == (lost,)


def test_two_owners_of_one_version_are_seen() -> None:
    routed = first("leads.routed", LeadRouted)
    assert broken_laws([*records(), another_id(changed(routed, rep="rep-x"))]) == {"one_owner"}


def test_a_version_that_reaches_the_crm_after_a_newer_one_is_seen() -> None:
    newer = first("leads.routed", LeadRouted, version=2)
    older = first("leads.routed", LeadRouted, version=1, handoff=contract_of(newer).handoff)  # type: ignore[union-attr]
    late = another_id(older)
    assert broken_laws([*(r for r in records() if r != older), late]) == {"one_owner"}


def test_a_version_that_is_missing_is_seen() -> None:
    handoff = contract_of(first("leads.routed", LeadRouted, version=2)).handoff  # type: ignore[union-attr]

    def keep(_: LogRecord, data: Contract | None) -> bool:
        ask = isinstance(data, AssignRequest | LeadRouted)
        return not (ask and getattr(data, "handoff", None) == handoff and getattr(data, "version", 0) == 1)

    assert broken_laws(kept(keep)) == {"no_gap"}


@pytest.mark.parametrize("step", ["started", "warned", "breached"])
def test_a_clock_that_starts_twice_or_rings_after_its_end_is_seen(step: str) -> None:
    closed = first("sla.events", SlaEvent, step="closed")
    again = another_id(changed(closed, step=step))
    assert broken_laws([*records(), again]) == {"clocks_closed"}


def test_a_routed_lead_without_a_clock_is_seen() -> None:
    handoff = contract_of(first("leads.routed", LeadRouted)).handoff  # type: ignore[union-attr]
    log = kept(lambda _, data: not (isinstance(data, SlaEvent) and data.handoff == handoff))
    assert broken_laws(log) == {"clocks_closed"}


@pytest.mark.parametrize(("reason", "version", "holds"), [("x", 0, False), ("merged", 0, True), ("merged", 2, False)])
def test_a_clock_that_outlives_a_withdrawal_is_seen(reason: str, version: int, holds: bool) -> None:
    """The scorer's word that two are one (without a version) ends nothing yet."""
    qualified = contract_of(first("leads.qualified", LeadQualified))
    assert isinstance(qualified, LeadQualified)
    gone = LeadWithdrawn(
        lead=qualified.lead, handoff=qualified.handoff, version=version, reason=reason, at=qualified.at, cause="x"
    )
    headers, value = envelop(gone, id="gone", source="/t", time=gone.at)

    def keep(_: LogRecord, data: Contract | None) -> bool:
        closing = isinstance(data, SlaEvent) and data.step in ("met", "closed")
        return not (closing and getattr(data, "handoff", None) == qualified.handoff)

    log = [*kept(keep), LogRecord("leads.qualified", 0, 999, 0, b"k", value, headers)]
    assert broken_laws(log) == (set() if holds else {"clocks_closed"})


def silence(*steps: str) -> list[LogRecord]:
    """Steps of a disposition clock of a handoff that was routed."""
    event = contract_of(first("sla.events", SlaEvent, step="started"))
    assert isinstance(event, SlaEvent)
    log = []
    for number, step in enumerate(steps):
        data = event.model_copy(update={"clock": "disposition", "step": step})
        headers, value = envelop(data, id=f"silence-{number}", source="/t", time=data.at)
        log.append(LogRecord("sla.events", 0, 9000 + number, 0, data.lead.encode(), value, headers))
    return log


@pytest.mark.parametrize(
    ("steps", "holds"),
    [
        (("started", "warned", "met", "started", "breached", "closed", "started"), True),
        (("started", "started"), False),
        (("started", "met", "warned"), False),
        (("started", "reassigned"), False),
    ],
)
def test_a_disposition_clock_may_run_again_but_only_after_its_end(steps: tuple[str, ...], holds: bool) -> None:
    assert broken_laws([*records(), *silence(*steps)]) == (set() if holds else {"clocks_closed"})


def test_a_disposition_clock_that_outlives_a_withdrawal_is_seen() -> None:
    event = contract_of(silence("started")[0])
    assert isinstance(event, SlaEvent)
    gone = LeadWithdrawn(lead=event.lead, handoff=event.handoff, reason="x", at=event.at, cause="x")
    headers, value = envelop(gone, id="gone", source="/t", time=gone.at)
    of_this = [
        r for r in records() if getattr(contract_of(r), "handoff", None) != event.handoff or r.topic != "sla.events"
    ]
    started = first("sla.events", SlaEvent, handoff=event.handoff, step="started")
    closed = another_id(changed(started, step="closed"))
    log = [*of_this, started, closed, LogRecord("leads.qualified", 0, 999, 0, b"k", value, headers)]
    assert broken_laws([*log, *silence("started", "warned", "closed")]) == set()
    assert broken_laws([*log, *silence("started", "warned")]) == {"clocks_closed"}


def test_counters_and_words_tell_the_clocks_apart() -> None:
    counters = Counters()
    log = silence("started", "breached", "met")
    lines = []
    for record in log:
        data = contract_of(record)
        assert data is not None
        counters.take("sla.events", data)
        line = tell(data)
        assert line is not None
        lines.append(line.text)
    assert (len(counters.in_time), len(counters.breached)) == (0, 0)
    assert lines[0].startswith("accepted: a word of")
    assert lines[1].startswith("accepted, then silence")
    assert not any("first touch" in line or "did not call" in line for line in lines)


def recounted(state: dict[bytes, bytes], outside: list[LogRecord]) -> dict[str, Verdict]:
    scorer = processor("scorer", whole().settings.model_copy(update={"person_key_secret": _secret()}))
    found = applied_once(scorer, state, outside, partitions=4, scale=TimeScale())
    return {verdict.law: verdict for verdict in found}


def _secret() -> object:
    return type(whole().settings.person_key_secret)(SECRET)


def test_each_event_was_applied_once_and_links_are_whole() -> None:
    outside = [record for topic in OUTSIDE for record in whole().engine.records(topic)]
    verdicts = recounted(whole().engine.state("scorer"), outside)
    assert verdicts["applied_once"].holds, verdicts
    assert verdicts["links_whole"].holds, verdicts
    assert verdicts["applied_once"].looked_at >= 61
    assert verdicts["links_whole"].looked_at == 6


def test_an_event_that_was_lost_or_counted_for_another_is_seen() -> None:
    outside = [record for topic in OUTSIDE for record in whole().engine.records(topic)]
    calls = [r for r in outside if r.topic == "engagement.events" and b"cellular" in (r.value or b"")]
    event = from_record(calls[0].headers, calls[0].value)
    twice = calls[0]._replace(headers=tuple((n, b"other" if n == "ce_id" else v) for n, v in calls[0].headers))
    assert event.id != "other"
    state = whole().engine.state("scorer")
    assert recounted(state, [r for r in outside if r is not calls[0]])["applied_once"].broken_in_all == 1
    assert recounted(state, [*outside, twice])["applied_once"].broken_in_all == 1


def test_a_ledger_that_did_not_reach_its_root_is_seen() -> None:
    state = whole().engine.state("scorer")
    roots = {key: person.unpack(value) for key, value in state.items() if key.startswith(person.PREFIX)}
    key, root = next((key, one) for key, one in roots.items() if one.held)
    source = next(iter(root.held))
    root.held[source] = person.Held(1, source, profile.pack(profile.Profile()))
    verdicts = recounted({**state, key: person.pack(root)}, [])
    assert verdicts["links_whole"].broken == (source,)
