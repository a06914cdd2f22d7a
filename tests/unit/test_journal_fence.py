"""The fence: what a gap in our own journal says."""

from __future__ import annotations

import pytest

from services.runtime.errors import Fenced
from services.runtime.kafka.fence import Gap, judge
from services.runtime.kafka.group import Group, Outgoing, claim_line, encode, tombstones

GROUP = Group({b"a": b"1", b"b": None}, {(b"a", "due"): 1}, [Outgoing("t", 0, b"k", b"v")], {"events": 1})


def test_a_later_epoch_ends_us() -> None:
    with pytest.raises(Fenced, match="epoch 6"):
        judge([claim_line(6, "other")], epoch=5, owner="me")
    with pytest.raises(Fenced):
        judge(tombstones([b"c\x00\x00\x00\x05"], 6), epoch=5, owner="me")


def test_an_earlier_epoch_is_to_be_healed() -> None:
    gap = judge(encode(GROUP, epoch=4, number=1), epoch=5, owner="me")
    assert gap.states == {b"a", b"b"}
    assert gap.timers == {(b"a", "due")}
    assert {key[:1] for key in gap.litter} == {b"o", b"c"}


def test_our_own_records_and_a_rival_who_came_second_are_no_gap() -> None:
    ours = list(encode(GROUP, epoch=5, number=1))
    assert not judge([*ours, claim_line(5, "me"), claim_line(5, "rival")], epoch=5, owner="me")


def test_gaps_add_up() -> None:
    gap = Gap({b"a"})
    gap |= Gap({b"b"}, {(b"k", "n")}, {b"x"})
    assert (gap.states, gap.timers, gap.litter) == ({b"a", b"b"}, {(b"k", "n")}, {b"x"})
