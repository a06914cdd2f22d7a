"""Baton in shadow and the CRM's people: every way in which they differ is seen, named and counted once."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from baton_schemas.configuration import ErasureRequested
from baton_schemas.contract import Contract
from baton_schemas.crm import DealFacts
from baton_schemas.envelope import envelop
from baton_schemas.identity import IdentityLinked
from baton_schemas.leads import LeadScored, LeadWithdrawn
from baton_schemas.routing import LeadRouted, LeadUnrouted
from services.cli.shadow_comparison import Entry, compare
from services.cli.shadow_report import as_json, lines_of, show
from services.cli.shadow_sides import Sides
from services.cli.shadow_sums import sums_of
from services.runtime.record import LogRecord
from tests.unit.connectors.deals import EXAMPLES, routed

HOUR, DAY = 3_600_000, 86_400_000
T = 1_772_443_800_000  # 2026-03-02T09:30:00Z
DUE = T + 4 * HOUR
NOW = T + 10 * DAY
LEAD = "k1.0a"
TEAMS = {"rep-a": "dach", "rep-b": "dach", "rep-c": "france"}
KNOWN = routed()


def example(kind: str) -> Any:
    return json.loads((EXAMPLES / f"{kind}.json").read_text())["data"]


def decision(number: int = 1, at: int = T, rep: str = "rep-a", version: int = 1, lead: str = LEAD) -> LeadRouted:
    handoff = f"h{number:024x}"
    qualified = KNOWN.qualified.model_copy(update={"lead": lead, "handoff": handoff, "at": at, "score": 72.0})
    clock = KNOWN.clock.model_copy(
        update={"started_at": at, "warn_at": at + 3 * HOUR, "due_at": at + 4 * HOUR, "reassign_at": at + 6 * HOUR}
    )
    changes = {"lead": lead, "handoff": handoff, "version": version, "rep": rep, "team": "dach", "at": at}
    return KNOWN.model_copy(update={**changes, "qualified": qualified, "clock": clock})


def deal(id: str = "d1", owner: str | None = "rep-a", stage: str = "offered", **fields: Any) -> DealFacts:
    known: dict[str, Any] = {"person": LEAD, "created_at": T + HOUR, "at": T + 5 * DAY, **fields}
    return DealFacts(source="crm", deal=id, owner=owner, stage=stage, **known)  # type: ignore[arg-type]


def scored(score: float, missing: list[str]) -> LeadScored:
    return LeadScored.model_validate(
        {**example("baton.lead.scored.v1"), "lead": LEAD, "score": score, "grade": "B2", "missing": missing}
    )


def withdrawn(at: int, reason: str = "unsubscribed") -> LeadWithdrawn:
    return LeadWithdrawn(lead=LEAD, handoff=f"h{1:024x}", reason=reason, at=at, cause="c")


def unrouted(reason: str, **fields: Any) -> LeadUnrouted:
    data = {**example("baton.lead.unrouted.v1"), "lead": LEAD, "handoff": f"h{1:024x}", "reason": reason, **fields}
    return LeadUnrouted.model_validate(data)


def record(data: Contract, topic: str = "any") -> LogRecord:
    headers, value = envelop(data, id="e", source="/test", time=T)
    return LogRecord(topic, 0, 0, T, b"k", value, headers)


def sides_of(*said: Contract) -> Sides:
    """What the topics hold; a routed lead was qualified before."""
    sides = Sides(TEAMS)
    for data in said:
        if isinstance(data, LeadRouted):
            sides.take(record(data.qualified))
        sides.take(record(data))
    return sides


def lines(*said: Contract, now: int = NOW, since: int = 0) -> list[Entry]:
    return compare(sides_of(*said), now=now, since=since)


def only(*said: Contract, now: int = NOW) -> tuple[Entry, dict[str, str]]:
    (entry,) = lines(*said, now=now)
    return entry, {each.kind: each.text for each in entry.differences}


def test_they_agree() -> None:
    entry, differences = only(decision(), deal(stage="won", first_touch_at=T + 2 * HOUR, closed_at=T + DAY))
    assert (entry.standing, entry.touch, entry.owner, entry.delay, differences) == (
        "both", "in_time", "same", 2 * HOUR, {},
    )  # fmt: skip


def test_another_owner_is_named_with_both_reasons() -> None:
    entry, differences = only(decision(), deal(owner="rep-c", first_touch_at=T + HOUR))
    assert (entry.owner, set(differences)) == ("other_team", {"owner"})
    match = KNOWN.decision.match
    assert match is not None
    for words in ("Baton gives it to rep-a of dach", match.territory, "the CRM had rep-c (team france)"):
        assert words in differences["owner"]
    assert only(decision(), deal(owner="rep-b"))[0].owner == "same_team"
    assert only(decision(), deal(owner="Zed"))[0].owner == "no_rep"
    nobody, said = only(decision(), deal(owner=None))
    assert (nobody.owner, said["owner"].endswith("the CRM had nobody")) == ("nobody", True)


def test_the_first_assignment_counts_for_later_ones_follow_from_nobody_having_been_told() -> None:
    entry, _ = only(decision(), decision(rep="rep-c", version=2), deal())
    assert entry.owner == "same"


def test_a_late_touch_says_by_how_much_and_what_baton_would_have_done() -> None:
    entry, differences = only(decision(), deal(first_touch_at=DUE + 26 * HOUR))
    assert (entry.touch, entry.delay, entry.allowed) == ("late", 30 * HOUR, 4 * HOUR)
    assert differences["late"] == (
        "first touch 26 h late: due Mon 02 Mar 13:30, touched Tue 03 Mar 15:30; "
        "Baton would have warned Mon 02 Mar 12:30 and given to somebody else Mon 02 Mar 15:30"
    )


def test_a_touch_in_the_very_moment_in_which_it_is_due_is_in_time() -> None:
    assert only(decision(), deal(first_touch_at=DUE))[0].touch == "in_time"
    assert only(decision(), deal(first_touch_at=DUE + 1))[0].touch == "late"


def test_nobody_touched_it() -> None:
    assert only(decision(), deal())[1]["untouched"].startswith("never touched: due Mon 02 Mar 13:30")
    assert only(decision(), deal(at=T + HOUR), now=T + 2 * HOUR)[0].touch == "open"
    for known in (deal(stage="won", closed_at=T + DAY), deal(stage="accepted"), deal(touch_known=False)):
        entry, differences = only(decision(), known)
        assert (entry.touch, entry.delay, differences) == ("not_noted", None, {}), "nothing to judge by"
    assert sums_of([entry]).in_time is None


def test_what_sales_missed_and_what_still_has_time() -> None:
    entry, differences = only(decision())
    assert (entry.standing, entry.touch) == ("missed", "never")
    assert "72 points" in differences["missed"]
    assert "for rep-a by Mon 02 Mar 13:30; never appeared in the CRM" in differences["missed"]
    assert only(decision(), now=DUE)[0].standing == "waiting"
    assert only(decision(), now=DUE + 1)[0].standing == "missed"


def test_what_sales_worked_on_that_baton_had_not_qualified() -> None:
    entry, differences = only(deal(), scored(42, ["18 points more to reach 60", "no intent in 14 days"]))
    assert entry.standing == "only_crm"
    assert differences["not_qualified"] == (
        "worked in the CRM, not qualified by Baton: 42 points, grade B2; "
        "missing: 18 points more to reach 60; no intent in 14 days"
    )
    assert "never heard" in only(deal())[1]["unknown"]
    before, after = lines(decision(), deal("old", created_at=T - 3 * DAY, closed_at=T - DAY, stage="lost"))
    assert (before.standing, before.differences[0].kind, after.standing) == ("only_crm", "not_qualified", "missed")


def test_what_baton_would_have_withdrawn() -> None:
    _, differences = only(decision(), withdrawn(T + HOUR), deal(first_touch_at=T + 2 * HOUR))
    assert differences["withdrawn"] == (
        "Baton would have withdrawn it Mon 02 Mar 10:30: unsubscribed; sales called after that"
    )
    late_call = deal(first_touch_at=DUE + HOUR)
    assert only(decision(), withdrawn(T + HOUR), late_call)[0].touch is None, "there was nobody to call any more"
    assert only(decision(), withdrawn(DUE + DAY), late_call)[0].touch == "late"
    assert only(decision(), withdrawn(T + HOUR))[0].standing == "withdrawn"
    won = deal(stage="won", first_touch_at=T + HOUR, closed_at=T + DAY)
    assert only(decision(), withdrawn(T + DAY, "customer"), won)[1] == {}, "a customer because of this very deal"


def test_what_baton_gives_to_nobody() -> None:
    qualified = decision().qualified
    told = unrouted("customer", detail="The company is a customer: its owner is told.", tell="rep-b", waiting=False)
    _, differences = only(qualified, told, deal())
    assert set(differences) == {"not_given"}
    assert differences["not_given"] == (
        "Baton gives it to nobody: The company is a customer: its owner is told (rep-b would have been told)"
    )
    assert only(qualified, told)[0].standing == "not_given"
    assert only(qualified)[0].standing == "waiting"


def test_people_who_were_earlier_and_other_deals_of_the_same_person() -> None:
    entry, differences = only(decision(), deal(created_at=T - 2 * DAY), deal("d2", created_at=T + DAY))
    assert (entry.deal and entry.deal.deal, [each.deal for each in entry.others]) == ("d1", ["d2"])
    assert differences["earlier"] == "the CRM was 2 days earlier"


def test_identities_are_followed_and_who_is_forgotten_is_left_out() -> None:
    linked = IdentityLinked(person="k1.user", root=LEAD, at=T, cause="c")
    assert only(decision(), linked, deal(person="k1.user"))[0].standing == "both"
    assert lines(decision(), deal(), ErasureRequested(person=LEAD, at=NOW)) == []
    assert len(lines(decision(), deal(), ErasureRequested(person=LEAD, at=T - DAY))) == 1


def test_repeats_and_older_looks_change_nothing() -> None:
    older = deal(stage="offered", at=T + HOUR)
    once = lines(decision(), deal(stage="won"))
    assert lines(decision(), deal(stage="won"), decision(), deal(stage="won"), older) == once


def test_a_period_takes_what_began_in_it() -> None:
    every = lines(decision(), decision(2, T + 5 * DAY), deal("d2", created_at=T + 6 * DAY))
    later = lines(decision(), decision(2, T + 5 * DAY), deal("d2", created_at=T + 6 * DAY), since=T + DAY)
    assert ([each.standing for each in every], [each.standing for each in later]) == (["missed", "both"], ["both"])
    assert lines(decision(), since=T) != [], "what began at that very moment belongs to it"
    assert lines(decision(), since=T + 1) == []


def test_sums_are_those_of_the_lines_and_are_said_in_words() -> None:
    entries = lines(
        decision(), deal(owner="rep-c", first_touch_at=DUE + HOUR, stage="won", closed_at=T + 3 * DAY),
        decision(2, lead="k1.0b"), deal("x", person="k1.0c", stage="lost"),
    )  # fmt: skip
    sums = sums_of(entries)
    assert (sums.qualified, sums.standing["both"], sums.standing["missed"], sums.standing["only_crm"]) == (2, 1, 1, 1)
    assert (sums.in_time, sums.same_owner, sums.median_delay, sums.median_allowed) == (0.0, 0.0, 5 * HOUR, 4 * HOUR)
    assert (sums.became["both"].rate, sums.became["only_crm"].rate, sums.unknown) == (1.0, 0.0, 1)
    text = "\n".join(lines_of(sums))
    for words in (
        "2 qualified by Baton: 1 worked in the CRM, 1 missed",
        "0% in time",
        "median of those: 5 h",
        "1 of another,",
    ):
        assert words in text


def test_it_is_shown_on_terminals_and_elsewhere_and_nothing_steers_the_terminal() -> None:
    entries = lines(decision(), deal("d\x1b[2J", owner="rep-c\x1b[2J"), deal("e", person="k1.0f"))
    sums = sums_of(entries)
    for terminal in (True, False):
        console = Console(record=True, width=160, force_terminal=terminal, file=io.StringIO())
        show(entries, sums, console, since=T, now=NOW)
        text = console.export_text()
        assert "\x1b[2J" not in text
        assert "rep-c" in text
        assert "in sum" in text
    document = as_json(entries, sums, since=T, now=NOW)
    assert [each["standing"] for each in document["entries"]] == ["both", "only_crm"]
    assert json.loads(json.dumps(document)) == document
    assert "robin" not in json.dumps(document), "nobody's name or address"


people = st.sampled_from(["k1.0a", "k1.0b", "k1.0c"])
hours = st.integers(0, 60).map(lambda hour: T + hour * HOUR)
owners = st.sampled_from([None, "rep-a", "rep-b", "rep-c", "zed"])
stages = st.sampled_from(["offered", "accepted", "opportunity", "won", "lost", "rejected"])
decisions = st.builds(lambda number, at, lead: decision(number, at, lead=lead), st.integers(1, 10_000), hours, people)
deals = st.builds(
    lambda number, owner, stage, person, made, touch, closed: deal(
        f"d{number}", owner, stage, person=person, created_at=made, first_touch_at=touch, closed_at=closed
    ),
    st.integers(0, 10_000), owners, stages, people, hours, hours | st.none(), hours | st.none(),
)  # fmt: skip


@given(
    st.lists(decisions, max_size=6, unique_by=lambda each: each.handoff),
    st.lists(deals, max_size=8),
    st.integers(0, 80),
)
def test_each_handoff_and_each_deal_stands_in_exactly_one_line_and_sums_equal_lines(
    decided: list[LeadRouted], worked: list[DealFacts], hour: int
) -> None:
    entries = lines(*decided, *worked, now=T + hour * HOUR)
    handoffs = [each.decided.qualified.handoff for each in entries if each.decided is not None]
    assert sorted(handoffs) == sorted({each.handoff for each in decided})
    shown = [each.deal for entry in entries for each in (entry.deal, *entry.others) if each is not None]
    assert sorted(shown) == sorted({each.deal for each in worked})
    sums = sums_of(entries)
    assert sum(sums.standing.values()) == len(entries)
    assert sums.qualified == sum(sums.standing.values()) - sums.standing["only_crm"]
    assert sum(sums.touch.values()) == sum(each.touch is not None for each in entries)
    assert sum(sums.owner.values()) == sum(each.owner is not None for each in entries)
    groups = sums.became
    assert groups["both"].deals == sums.standing["both"]
    assert all(group.deals == group.won + group.lost + group.rejected + group.open for group in groups.values())
    assert all(entry.differences for entry in entries if entry.standing in ("missed", "only_crm"))
