"""Definitions on the topic: proposed beside the active set, recorded when they come into force, bounded; all of it
whatever was cut short."""

from __future__ import annotations

import pytest

from baton_schemas.documents.definition import LeadDefinition, Team
from baton_schemas.documents.signing import content_digest
from services.cli.applying import plan_set
from services.cli.config_folder import Documents
from services.cli.definitions.topic import (
    MOST_PROPOSED,
    MOST_RETIRED,
    Version,
    find,
    proposal,
    signed_proposal,
    versions,
)
from services.runtime.config_set import CONFIG_TOPIC, active_set
from services.runtime.documents import parse
from services.runtime.effects import Send
from services.runtime.errors import UserError
from services.runtime.processor import Globals
from tests.signing import SIGNERS, signed, signed_by
from tests.unit.scorer.world import DEFINITION, SIGNED


def version(number: int) -> str:
    return signed(DEFINITION.replace("version: 1", f"version: {number}"))


def digest(text: str) -> str:
    return content_digest(parse(LeadDefinition, text, "d"))


class Topic:
    """`baton.config` as a table, and what commands do to it."""

    def __init__(self) -> None:
        self.table: dict[bytes, bytes] = {}
        self.now = 0
        self.ids: set[tuple[bytes, bytes]] = set()

    def take(self, sends: list[Send]) -> None:
        for send in sends:
            if send.value is None:
                self.table.pop(send.key)
                continue
            identity = (dict(send.headers)["ce_id"], send.value)
            assert not {each for each in self.ids if each[0] == identity[0] and each != identity}, (
                "one id, two contents"
            )
            self.ids.add(identity)
            self.table[send.key] = send.value

    def apply(self, text: str, *, most: int | None = None, by: str = "Ops") -> None:
        self.now += 1000
        documents: Documents = {("definition", "definition"): text, ("signers", "signers"): SIGNERS}
        _, steps = plan_set(documents, self.table, now=self.now, by=by)
        self.take([send for step in steps for send in step][:most])

    def propose(self, text: str, by: str | None = None) -> None:
        self.now += 1000
        self.take(proposal(self.table, text, now=self.now, by=by, where="d"))

    def sign(self, seen: Version, team: Team) -> None:
        self.now += 1000
        self.take([signed_proposal(seen, signed_by(team, seen.text), team, self.now)])

    def told(self) -> list[tuple[int, str, int]]:
        return [(each.number, each.state, each.at) for each in versions(self.table, "small")]


def test_a_draft_is_proposed_signed_by_both_applied_and_later_retired() -> None:
    topic = Topic()
    topic.apply(SIGNED)
    draft = DEFINITION.replace("version: 1", "version: 2")
    topic.propose(draft, "Mia")
    assert topic.told() == [(2, "proposed", 2000), (1, "active", 1000)]
    assert digest(active_set(Globals({CONFIG_TOPIC: topic.table})).of("definition")["definition"]) == digest(SIGNED)
    seen = find(topic.table, "small@proposed")
    topic.sign(seen, "sales")
    topic.sign(seen, "marketing")  # at the same time: neither had seen the other's
    topic.propose(draft)  # once more, unsigned
    proposed = find(topic.table, "small@proposed")
    assert {each.team for each in parse(LeadDefinition, proposed.text, "d").signatures} == {"marketing", "sales"}
    assert (proposed.by, proposed.at) == ("Mia", 2000)
    topic.apply(proposed.text)
    assert topic.told() == [(2, "active", 6000), (1, "retired", 1000)]
    assert not [key for key in topic.table if key.startswith(b"proposal/")]
    (_, first) = versions(topic.table, "small")
    assert [(each.since, each.until, each.by) for each in first.periods] == [(1000, 6000, "Ops")]
    assert find(topic.table, "small").number == 2


def test_what_was_retired_can_come_back_and_both_times_are_kept() -> None:
    topic = Topic()
    for text in (SIGNED, version(2), SIGNED):
        topic.apply(text)
    assert topic.told() == [(1, "active", 3000), (2, "retired", 2000)]
    assert [(each.since, each.until) for each in find(topic.table, "small").periods] == [(1000, 2000), (3000, None)]
    topic.propose(version(2))
    assert topic.told() == [(2, "proposed", 4000), (1, "active", 3000)]


def test_what_was_in_force_before_there_was_a_history_is_in_it_from_then_on() -> None:
    topic = Topic()
    topic.apply(SIGNED)
    topic.table = {key: value for key, value in topic.table.items() if not key.startswith(b"history/")}
    assert topic.told() == [(1, "active", 1000)]
    topic.apply(version(2))
    assert topic.told() == [(2, "active", 2000), (1, "retired", 1000)]
    assert find(topic.table, "small@1").text == SIGNED


@pytest.mark.parametrize("most", range(6))
def test_an_apply_that_is_cut_short_anywhere_is_made_up_for_by_the_next(most: int) -> None:
    topic = Topic()
    topic.apply(SIGNED)
    topic.propose(version(2))
    topic.apply(version(2), most=most)
    number, state, _ = topic.told()[0]
    assert (number, state) == (2, "active" if most >= 2 else "proposed")
    topic.apply(version(2))
    assert [(each, state) for each, state, _ in topic.told()] == [(2, "active"), (1, "retired")]
    assert not [key for key in topic.table if key.startswith(b"proposal/")]
    before = dict(topic.table)
    topic.apply(version(2))
    assert topic.table.keys() == before.keys()


def test_history_and_proposals_are_bounded_and_the_latest_stay() -> None:
    topic = Topic()
    for number in range(1, MOST_RETIRED + 5):
        topic.apply(version(number))
    told = topic.told()
    assert [state for _, state, _ in told] == ["active"] + ["retired"] * MOST_RETIRED
    assert told[0][0] - told[-1][0] == MOST_RETIRED
    for number in range(100, 100 + MOST_PROPOSED + 3):
        topic.propose(version(number))
    proposed = [number for number, state, _ in topic.told() if state == "proposed"]
    assert proposed == sorted(range(103, 100 + MOST_PROPOSED + 3), reverse=True)


def test_a_version_is_named_by_number_or_digest_and_no_other_way() -> None:
    topic = Topic()
    topic.apply(SIGNED)
    topic.propose(version(2))
    topic.propose(signed(DEFINITION.replace("enter: 50", "enter: 51")))  # forgot to count on: version 1 again
    assert find(topic.table, "small").state == "active"
    assert find(topic.table, "small@2").number == 2
    assert find(topic.table, f"small@{digest(SIGNED)[:6]}").text == SIGNED
    for ref, says in (
        ("small@1", "several"),
        ("small@proposed", "several"),
        ("small@9", "none"),
        ("smal", "there are: small"),
    ):
        with pytest.raises(UserError, match=says):
            find(topic.table, ref)
    with pytest.raises(UserError, match="in force already"):
        topic.propose(SIGNED)


def test_records_that_cannot_be_read_hide_nothing_else() -> None:
    topic = Topic()
    topic.apply(SIGNED)
    topic.table[b"proposal/definition/small@x"] = b"{garbage"
    topic.table[b"history/definition/small@x"] = b"\xff"
    found: list[Version] = versions(topic.table)
    assert [each.state for each in found] == ["active"]
