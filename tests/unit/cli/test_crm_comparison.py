"""The comparison of both sides sees each way in which they can differ."""

from __future__ import annotations

from typing import Any

import pytest

from baton_schemas.envelope import envelop
from baton_schemas.feedback import OutcomeReported
from services.cli.crm_comparison import BatonSide, compare
from services.connectors.deal import Deal
from services.runtime.dead_letters import render
from services.runtime.effects import DeadLetter
from services.runtime.record import LogRecord
from tests.unit.connectors.deals import ANN, HANDOFF, LEAD, NOW, US, deal, note, routed, withdrawn, words


def record(topic: str, data: Any, id: str = "e1", source: str = "/connectors/tryton") -> LogRecord:
    headers, value = envelop(data, id=id, source=source, time=NOW)
    return LogRecord(topic, 0, 0, NOW, LEAD.encode(), value, headers)


def said(number: int, kind: str) -> LogRecord:
    data = OutcomeReported(lead=LEAD, handoff=HANDOFF, kind=kind, at=NOW)  # type: ignore[arg-type]
    return record("feedback.events", data, f"{HANDOFF}-tryton-{number}")


def broken(deals: list[Deal], *records: LogRecord) -> set[str]:
    side = BatonSide("tryton")
    side.take(record("leads.routed", routed()))
    for each in records:
        side.take(each)
    return {verdict.law for verdict in compare(side, deals, words()) if not verdict.holds}


def test_both_sides_agree() -> None:
    won = deal(stage="won", by=ANN, remarks=(note("1", "called"), note("2", "nice people")))
    assert broken([won], said(1, "touched"), said(2, "accepted"), said(3, "won"), said(3, "won")) == set()


@pytest.mark.parametrize(
    ("deals", "law"),
    [
        ([], "one_record"),
        ([deal(), deal(id="119")], "one_record"),
        ([deal(), deal(id="7", reference="hffff")], "no_stranger"),
        ([deal(owner="8")], "same_owner"),
        ([deal(owner=None)], "same_owner"),
        ([deal(stage="opportunity", by=ANN)], "same_stage"),
        ([deal(remarks=(note("1", "called"),))], "touches_told"),
    ],
)
def test_each_difference_is_seen(deals: list[Deal], law: str) -> None:
    assert broken(deals) == {law}


def test_what_was_told_and_is_not_there_is_seen() -> None:
    assert broken([deal()], said(1, "touched")) == {"touches_told"}
    assert broken([deal()], said(1, "won")) == {"same_stage"}


def test_a_record_that_was_made_twice_and_taken_back_is_one() -> None:
    assert broken([deal(), deal(id="119", stage="cancelled", by=US)]) == set()


def test_what_the_crm_never_took_is_accounted_for_by_its_dead_letter() -> None:
    original = record("leads.routed", routed())
    send = render(
        DeadLetter(original, "server_error"), topic="leads.routed", processor="connector-tryton", limit=1 << 20
    )
    letter = LogRecord("leads.routed.dead", 0, 0, NOW, send.key, send.value, send.headers)
    assert broken([], letter) == set()


def test_a_withdrawn_or_deleted_one_needs_no_record() -> None:
    assert broken([], record("leads.routed", withdrawn())) == set()
    assert broken([], said(1, "rejected")) == set()
    assert broken([deal(stage="cancelled", by=US)], record("leads.routed", withdrawn())) == set()
