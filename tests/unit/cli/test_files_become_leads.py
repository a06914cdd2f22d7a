"""Real files go in and come out as scored, qualified and routed leads; a second time changes nothing."""

from __future__ import annotations

from baton_schemas.feedback import OutcomeLabelled
from baton_schemas.leads import LeadQualified, LeadScored
from baton_schemas.routing import LeadRouted
from services.cli.publish import Times
from tests.unit.cli.whole import DATA, EXAMPLES, Whole

BANK = EXAMPLES / "bank" / "import" / "people.yaml"


def test_segment_calls_become_a_routed_lead_with_its_story() -> None:
    whole = Whole(EXAMPLES / "segment")
    report = whole.publish(DATA / "segment-cut.json")
    assert (report.accepted, report.refused) == (13, 4)
    assert [each.field for each in report.refusals] == ["type", "userId", "userId", "userId"]
    (qualified,) = whole.told("leads.qualified", LeadQualified)
    assert qualified.contact.email == "pgibbons@example.com"
    assert {"signed_up", "trial", "account"} <= {line.criterion for line in qualified.dossier.ledger}
    (routed,) = whole.told("leads.routed", LeadRouted)
    assert routed.handoff == qualified.handoff
    assert whole.told("leads.scored", LeadScored)


def test_calls_of_2015_are_too_late_unless_they_count_as_arriving_now() -> None:
    given, now = Whole(EXAMPLES / "segment"), Whole(EXAMPLES / "segment")
    given.publish(DATA / "segment-cut.json")
    now.publish(DATA / "segment-cut.json", times=Times.ARRIVAL)
    assert set(given.dead("engagement.events")) == {"too_late"}
    assert now.dead("engagement.events") == []


def test_bank_rows_become_leads_and_their_outcomes_labels() -> None:
    whole = Whole(EXAMPLES / "bank")
    report = whole.publish(DATA / "bank-cut.csv", BANK, Times.ARRIVAL)
    assert (report.accepted, report.refused, report.events) == (61, 0, 122)
    routed = {each.handoff for each in whole.told("leads.routed", LeadRouted)}
    assert 5 < len(routed) < 61
    answered = whole.publish_outcomes(DATA / "bank-cut.csv", BANK)
    assert answered.accepted == len(routed)
    assert answered.accepted + answered.without_handoff == 61
    labels = {each.handoff: each.good for each in whole.told("feedback.labels", OutcomeLabelled)}
    assert set(labels) == routed
    assert set(labels.values()) == {True, False}
    assert whole.dead("feedback.events") == []


def test_the_same_file_twice_changes_nothing() -> None:
    whole = Whole(EXAMPLES / "bank")
    whole.publish(DATA / "bank-cut.csv", BANK, Times.ARRIVAL)
    whole.publish_outcomes(DATA / "bank-cut.csv", BANK)
    topics = ("leads.scored", "leads.qualified", "leads.routed", "feedback.labels", "leads.recycled")
    before = {topic: whole.engine.records(topic) for topic in topics}
    whole.publish(DATA / "bank-cut.csv", BANK, Times.ARRIVAL)
    whole.publish_outcomes(DATA / "bank-cut.csv", BANK)
    assert {topic: whole.engine.records(topic) for topic in topics} == before
