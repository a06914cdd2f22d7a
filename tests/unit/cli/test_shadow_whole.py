"""All of Baton in shadow, in memory: what people did stops clocks and teaches, by the services' own code."""

from __future__ import annotations

from baton_schemas.configuration import ErasureRequested
from baton_schemas.contract import Contract
from baton_schemas.crm import DealFacts
from baton_schemas.envelope import envelop
from baton_schemas.feedback import OutcomeLabelled, OutcomeReported
from baton_schemas.routing import LeadRouted, SlaEvent
from services.cli.publish import Times
from services.runtime.effects import Send
from services.shadow.processors import FORGET_MS
from tests.unit.cli.whole import DATA, EXAMPLES, Whole

HOUR = 3_600_000
LATE = {"breached", "reassigned", "escalated"}
BANK = EXAMPLES / "bank" / "import" / "people.yaml"


def deal(routed: LeadRouted, **fields: object) -> DealFacts:
    known = {"owner": "somebody", "stage": "offered", "created_at": routed.at, "at": routed.at + HOUR, **fields}
    return DealFacts(person=routed.lead, source="crm", deal=routed.handoff, **known)  # type: ignore[arg-type]


def say(whole: Whole, data: Contract, key: str, topic: str = "crm.actual") -> None:
    headers, value = envelop(data, id=f"{key}-{hash(data.to_json())}", source="/test", time=whole.clock.now())
    whole.send([Send(topic, key.encode(), value, headers)])


def decided() -> tuple[Whole, list[LeadRouted]]:
    whole = Whole(EXAMPLES / "bank", shadow=True)
    whole.publish(DATA / "bank-cut.csv", BANK, Times.ARRIVAL)
    return whole, whole.told("leads.routed", LeadRouted)


def test_a_call_stops_the_clock_and_what_was_sold_teaches() -> None:
    whole, (first, second, *_) = decided()
    whole.clock.advance(HOUR // 4)
    say(
        whole, deal(first, stage="won", first_touch_at=first.at + HOUR // 8, closed_at=first.at + HOUR // 4), first.lead
    )
    whole.clock.advance(60 * 24 * HOUR)
    whole.engine.run_until_idle()
    steps = whole.told("sla.events", SlaEvent)
    done = {each.handoff: {step.step for step in steps if step.handoff == each.handoff} for each in (first, second)}
    assert "met" in done[first.handoff]
    assert not LATE & done[first.handoff]
    assert LATE & done[second.handoff], "nobody called the other one"
    (label,) = whole.told("feedback.labels", OutcomeLabelled)
    assert (label.handoff, label.good) == (first.handoff, True)
    assert whole.dead("feedback.events") == []


def test_baton_keeps_its_own_rep_whoever_has_the_deal() -> None:
    whole, (first, *_) = decided()
    say(whole, deal(first, stage="accepted", first_touch_at=first.at), first.lead)
    versions = [each for each in whole.told("leads.routed", LeadRouted) if each.handoff == first.handoff]
    assert [each.rep for each in versions] == [first.rep]
    assert [each.kind for each in whole.told("feedback.events", OutcomeReported)] == ["touched", "accepted"]


def test_what_can_not_be_used_is_a_dead_letter_and_who_is_forgotten_answers_nothing() -> None:
    whole, (first, second, *_) = decided()
    say(whole, deal(first), "somebody-else")
    whole.send([Send("crm.actual", b"k", None), Send("crm.actual", b"k", b"{}")])
    assert whole.dead("crm.actual") == ["wrong_key", "null_value", "not_cloudevent"]
    erasure = ErasureRequested(person=second.lead, at=whole.clock.now() + HOUR)
    say(whole, erasure, second.lead, "privacy.erasures")
    say(whole, deal(second, stage="won"), second.lead)
    assert whole.told("feedback.events", OutcomeReported) == []
    assert whole.engine.state("shadow").get(second.lead.encode()) is None


def test_a_person_of_whom_nothing_is_heard_any_more_is_forgotten() -> None:
    whole, (first, *_) = decided()
    say(whole, deal(first, stage="won"), first.lead)
    whole.engine.advance(FORGET_MS - HOUR)
    assert first.lead.encode() in whole.engine.state("shadow")
    whole.engine.advance(2 * HOUR)
    assert first.lead.encode() not in whole.engine.state("shadow")
