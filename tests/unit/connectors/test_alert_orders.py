"""An alert in the CRM: a remark on its owner's open record, in words, said once; and as a message and a row."""

from __future__ import annotations

import json
from typing import Any

from baton_schemas.alerts import AccountAlert
from baton_schemas.contract import format_time
from baton_schemas.envelope import envelop
from services.connectors.card import LONGEST_STORY, alert_text
from services.connectors.deal import Remark
from services.connectors.drop.desk import told_of
from services.connectors.drop.rows import ALERT_WORDS, row
from services.connectors.orders import Change, Nothing, carried_out, decide, is_old, wanted
from services.connectors.webhook.message import message
from services.runtime.record import LogRecord
from tests.unit.connectors.deals import ANN, EXAMPLES, HANDOFF, US, deal, link, words

COLLEAGUE = "k1.5b0e7bd8d41c4cb8a3b9de4d2c9e1f30"


def alert(**fields: Any) -> AccountAlert:
    """The example's alert, of a colleague of the lead whose record it belongs to."""
    data = json.loads((EXAMPLES / "baton.account.alert.v1.json").read_text())["data"]
    spike = {**data["spike"], "lead": COLLEAGUE, **fields.pop("spike", {})}
    return AccountAlert.model_validate({**data, "spike": spike, "version": 1, **fields})


def test_an_owner_reads_who_it_was_and_why_on_his_open_record() -> None:
    order = alert()
    text = alert_text(order)
    contact, spike = order.spike.contact, order.spike
    assert text.startswith(f"Baton: {contact.company} (your customer) has 63 points of the last 7 days")
    assert f"(alert of {format_time(spike.at)[:16]}Z)" in text
    assert f"{contact.first_name} {contact.last_name}" in text
    best = max(spike.dossier.ledger, key=lambda line: line.points)
    assert f"{best.points:+.1f}  {best.label}" in text
    assert all(each in text for each in spike.dossier.evidence)
    assert wanted(order)
    assert decide(order, link(), deal(), words()) == Change(remark=text)
    assert carried_out(order, link(), Change(remark=text), deal(), words(), now=1) == link()


def test_a_grade_that_rose_is_said_as_one_and_strangers_text_stays_one_line_in_bounds() -> None:
    order = alert(owned_as="handoff", spike={"kind": "grade", "previous_grade": "B3", "grade": "A1"})
    assert "(your open lead) rose to grade A1 from B3." in alert_text(order)
    contact = order.spike.contact.model_copy(update={"company": "Acme\nBaton: called " + "x" * 9000})
    long = order.model_copy(update={"spike": order.spike.model_copy(update={"contact": contact})})
    assert len(alert_text(long)) <= LONGEST_STORY
    assert not any(line.startswith("Baton: called") for line in alert_text(long).splitlines())


def test_it_is_said_once_to_a_version_that_still_counts_and_only_where_there_is_a_record() -> None:
    order = alert()
    said = deal(remarks=(Remark("1", alert_text(order), US, 0),))
    assert decide(order, link(), said, words()) == Nothing("said_already")
    by_a_rep = deal(remarks=(Remark("1", alert_text(order), ANN, 0),))
    assert isinstance(decide(order, link(), by_a_rep, words()), Change)
    assert decide(order, link(), None, words()) == Nothing("not_deliverable")
    assert is_old(order, link(version=2))
    assert is_old(order, link(withdrawn=True))
    assert not is_old(order, link(version=1))


def test_as_a_message_it_tells_of_the_person_who_spiked_and_may_be_forgotten_with_her() -> None:
    headers, value = envelop(alert(), id="e1", source="/baton/router", time=0)
    found = message(LogRecord("accounts.alerts", 0, 0, 0, b"k", value, headers))
    assert found is not None
    assert (found.kind, found.lead, found.personal) == ("alert", COLLEAGUE, True)


def test_as_a_row_it_says_all_there_is_in_known_words_with_or_without_a_record() -> None:
    told = row(alert(), "e1")
    assert set(told) <= set(ALERT_WORDS)
    assert (told["what"], told["rep"], told["lead"], told["handoff"]) == ("account_points", "ann", COLLEAGUE, HANDOFF)
    assert told["story"] == alert_text(alert())
    assert "handoff" not in row(alert(handoff=None), "e2")
    assert told_of(alert()) == COLLEAGUE, "who is forgotten, and her row with her"
