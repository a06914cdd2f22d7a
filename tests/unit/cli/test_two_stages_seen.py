"""What people see of two stages: the laws judge a chain, and either handoff's story names the other."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from baton_schemas.contract import Contract
from baton_schemas.envelope import envelop
from baton_schemas.feedback import OutcomeLabelled
from baton_schemas.keys import sale_id
from baton_schemas.leads import Versions
from baton_schemas.routing import LeadHandedOver, LeadRouted, LeadUnrouted, SlaEvent
from services.cli.conservation import INPUTS, OUTPUTS, Evidence, Verdict
from services.cli.life import Life, gathered
from services.cli.story import contract_of
from services.cli.system import read_checked
from services.runtime.record import LogRecord
from tests.unit.cli.whole import EXAMPLES, ROOT
from tests.unit.router.story import MINUTE, Story
from tests.unit.router.test_router_stages import handed_over, two_stages

TOPICS = (*INPUTS, *OUTPUTS, "leads.qualified")


@cache
def story() -> Story:
    """One lead that an AE has, one that a BDR has."""
    told = two_stages()
    handed_over(told, note="Wants a demo")
    told.qualify("k2")
    told.wait(5 * MINUTE)
    return told


def first() -> str:
    (over,) = story().told("leads.routed", LeadHandedOver)
    return over.handoff


def records() -> Iterator[LogRecord]:
    for topic in dict.fromkeys(TOPICS):
        yield from story().engine.records(topic)


def broken(log: list[LogRecord]) -> set[str]:
    evidence = Evidence()
    for record in log:
        evidence.take(record)
    verdicts: list[Verdict] = evidence.verdicts()
    return {verdict.law for verdict in verdicts if not verdict.holds}


def made(topic: str, data: Contract, name: str) -> LogRecord:
    headers, value = envelop(data, id=name, source="/t", time=story().now)
    return LogRecord(topic, 0, 0, story().now, b"k1", value, tuple(headers))


def of(model: type[Contract], **wanted: object) -> Contract:
    found = (contract_of(record) for record in records())
    return next(
        data
        for data in found
        if isinstance(data, model) and all(getattr(data, name) == value for name, value in wanted.items())
    )


def label(handoff: str, revision: int = 1, good: bool | None = True) -> LogRecord:
    versions = Versions(definition="b2b", definition_version=1, definition_digest="d", model_version=0)
    data = OutcomeLabelled(
        lead="k1", handoff=handoff, revision=revision, good=good, stage="won", criteria=[], versions=versions, at=0
    )
    return made("feedback.labels", data, f"label-{handoff}-{revision}")


def without(model: type[Contract], handoff: str) -> list[LogRecord]:
    return [
        record
        for record in records()
        if not (isinstance(data := contract_of(record), model) and getattr(data, "handoff", None) == handoff)
    ]


def test_an_honest_chain_keeps_every_law() -> None:
    assert broken([*records(), label(sale_id(first()))]) == set()
    taken_back = [label(first()), label(first(), 2, None), label(sale_id(first()))]
    assert broken([*records(), *taken_back]) == set()


def test_a_lead_that_teaches_twice_is_seen() -> None:
    assert broken([*records(), label(first()), label(sale_id(first()))]) == {"chains_whole"}


def test_two_that_go_on_with_one_lead_are_seen() -> None:
    over = of(LeadHandedOver)
    again = made("leads.routed", over.model_copy(update={"to": "h9"}), "again")
    gone = made("leads.unrouted", of_unrouted("h9"), "h9")
    assert broken([*records(), again, gone]) == {"chains_whole"}


def test_one_that_goes_on_with_two_leads_is_seen() -> None:
    other = of(LeadHandedOver).model_copy(update={"handoff": "h8", "version": 1})
    assert broken([*records(), made("leads.routed", other, "other")]) == {"chains_whole"}


def test_a_handover_that_leaves_out_a_version_is_seen() -> None:
    later = of(LeadHandedOver).model_copy(update={"version": 4})
    rest = without(LeadHandedOver, first())
    assert broken([*rest, made("leads.routed", later, "later")]) == {"no_gap"}


def of_unrouted(handoff: str) -> LeadUnrouted:
    return LeadUnrouted(
        lead="k1", handoff=handoff, version=0, reason="x", detail="x", waiting=False, config_set="s", at=0, cause="c"
    )


def test_who_sells_what_nobody_handed_over_is_seen() -> None:
    assert "chains_whole" in broken(without(LeadHandedOver, first()))


def test_one_of_whom_nobody_heard_after_the_handover_is_seen() -> None:
    assert "leads_kept" in broken(without(LeadRouted, sale_id(first())))


def test_a_rep_who_gets_what_was_handed_over_is_seen() -> None:
    routed = of(LeadRouted, handoff=first()).model_copy(update={"version": 3})
    assert "chains_whole" in broken([*records(), made("leads.routed", routed, "late")])


def test_a_clock_that_outlives_the_handover_is_seen() -> None:
    log = [
        record
        for record in records()
        if not (isinstance(data := contract_of(record), SlaEvent) and (data.handoff, data.step) == (first(), "met"))
    ]
    assert broken(log) == {"clocks_closed"}


@pytest.mark.parametrize("which", ["first", "second"])
def test_the_story_of_either_names_the_other(which: str) -> None:
    one, two = first(), sale_id(first())
    own = [record for record in records() if record.key == b"k1"]
    life: Life = gathered("k1", own, one if which == "first" else two)
    assert life.handoffs == [one, two]
    assert life.qualified is not None
    texts = [line.text for line in life.lines]
    details = [detail for line in life.lines for detail in line.details]
    assert "qualified by ann and handed over" in texts
    assert f"handoff {two} goes on with the lead" in details
    assert ("assigned to eva, team field to sell" in texts) == (which == "second")
    assert ("ann wrote: Wants a demo" in details) == (which == "second")
    assert ("assigned to ann, team dach to qualify" in texts) == (which == "first")


def test_the_example_is_applied_as_its_first_lines_say(tmp_path: Path) -> None:
    ours = shutil.copytree(ROOT / "config", tmp_path / "ours")
    for file in (EXAMPLES / "two-stages").glob("*.yaml"):
        shutil.copy(file, ours)
    assert read_checked(ours)
