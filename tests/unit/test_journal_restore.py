"""Restore over hand-made journals: what was committed comes back, and nothing else, however the log was cut."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.kafka.group import (
    CLAIM,
    Group,
    Line,
    Outgoing,
    claim_line,
    encode,
    epoch_bytes,
    state_line,
    timer_line,
    tombstones,
)
from services.runtime.kafka.restore import Fold, Restored

OUT = Outgoing("leads.qualified", 3, b"key", b"value", (("ce_id", b"1"),))


def group(number: int, *, value: bytes | None = b"v", out: int = 0, at: int = 0) -> Group:
    key = b"key-%d" % (number % 3)
    return Group(
        states={key: value},
        timers={(key, "due"): number},
        outbox=[OUT._replace(value=b"%d-%d" % (number, index)) for index in range(out)],
        positions={"events": at or number},
        globals={"config": number},
        read_to=number,
    )


def restore(log: Iterable[Line]) -> Restored:
    fold = Fold()
    fold.feed(log)
    return fold.finish()


def compacted(log: list[Line], upto: int | None = None) -> list[Line]:
    """What Kafka's cleaner makes of the first `upto` records: the last of each key."""
    clean, rest = log[:upto], log[upto:] if upto is not None else []
    last = {line.key: index for index, line in enumerate(clean)}
    return [line for index, line in enumerate(clean) if last[line.key] == index] + rest


def owner(epoch: int, before: Restored, groups: Iterable[Group], name: str = "") -> list[Line]:
    """What an owner writes: claim, corrections, the last outbox again, tombstones, then its groups."""
    lines = [claim_line(epoch, name or f"w{epoch}")]
    lines += [state_line(key, before.state.get(key), epoch) for key in before.dirty_states]
    lines += [timer_line(*which, before.timers.get(which), epoch) for which in before.dirty_timers]
    last = Group(outbox=before.outbox, positions=before.positions, globals=before.globals, read_to=before.read_to)
    lines += encode(last, epoch=epoch, number=1)
    lines += tombstones(before.litter, epoch)
    for number, each in enumerate(groups):
        lines += encode(each, epoch=epoch, number=number + 2)
    return lines


def meaning(restored: Restored) -> tuple[object, ...]:
    return restored.state, restored.timers, restored.outbox, restored.positions, restored.globals, restored.read_to


def test_an_empty_journal_is_an_empty_state() -> None:
    assert meaning(restore([])) == ({}, {}, [], {}, {}, 0)


def test_groups_come_back_in_order_with_the_last_outbox() -> None:
    restored = restore(owner(1, Restored(), [group(1, out=3), group(2), group(4, value=b"w", out=1)]))
    assert restored.state == {b"key-1": b"w", b"key-2": b"v"}
    assert restored.timers == {(b"key-1", "due"): 4, (b"key-2", "due"): 2}
    assert restored.outbox == [OUT._replace(value=b"4-0")]
    assert (restored.positions, restored.globals, restored.read_to) == ({"events": 4}, {"config": 4}, 4)
    assert (restored.dirty_states, restored.outbox_lost, restored.epoch) == ([], 0, 1)


@pytest.mark.parametrize("cut", range(1, 5))
def test_an_unfinished_tail_does_not_count_and_is_corrected(cut: int) -> None:
    log = owner(1, Restored(), [group(1, out=1)])
    tail = list(encode(group(4, value=b"torn", out=2), epoch=1, number=3))[:cut]
    restored = restore(log + tail)
    assert meaning(restored) == meaning(restore(log))
    assert restored.state == {b"key-1": b"v"}
    assert restored.dirty_states == [b"key-1"]
    assert restored.dirty_timers == ([(b"key-1", "due")] if cut > 1 else [])
    again = restore(log + tail + owner(2, restored, []))
    assert again.state == restored.state
    assert again.timers == restored.timers
    assert not again.dirty_states


def test_a_new_key_in_an_unfinished_tail_is_gone_for_good() -> None:
    log = owner(1, Restored(), [group(1)])
    tail = list(encode(group(2), epoch=1, number=3))[:2]
    healed = owner(2, restore(log + tail), [])
    assert restore(compacted(log + tail + healed)).state == {b"key-1": b"v"}
    assert restore(compacted(log + tail + healed)).timers == {(b"key-1", "due"): 1}


def test_tombstones_of_every_kind_are_read() -> None:
    log = owner(
        1, Restored(), [group(1, out=2), Group({b"key-1": None}, {(b"key-1", "due"): None}, positions={"e": 9})]
    )
    restored = restore(log)
    assert (restored.state, restored.timers, restored.outbox) == ({}, {}, [])
    second = owner(2, restored, [group(2)])
    third = restore(log + second)
    assert sum(line.value is None for line in log + second) >= 2 + len(restored.litter)
    assert third.state == {b"key-2": b"v"}
    assert all(key[1:5] == epoch_bytes(2) for key in third.litter)


def test_a_late_group_of_an_earlier_owner_never_counts() -> None:
    first = owner(1, Restored(), [group(1)])
    second = owner(2, restore(first), [group(2)])
    late = list(encode(group(4, value=b"late", out=1, at=99), epoch=1, number=9))
    restored = restore(first + second + late)
    assert meaning(restored) == meaning(restore(first + second))
    assert restored.dirty_states == [b"key-1"]
    assert restored.dirty_timers == [(b"key-1", "due")]
    assert {key[:1] for key in restored.litter if key[1:5] == epoch_bytes(1)} == {b"c", b"o"}


def test_a_complete_group_between_restore_and_claim_counts() -> None:
    first = owner(1, Restored(), [group(1)])
    fold = Fold()
    fold.feed(first)
    fold.feed([*encode(group(4, value=b"just before"), epoch=1, number=3), claim_line(2, "w2")])
    assert fold.finish().state == {b"key-1": b"just before"}


def test_the_first_claim_of_an_epoch_wins() -> None:
    fold = Fold()
    fold.feed([claim_line(5, "first"), claim_line(5, "second")])
    assert fold.claims == {5: "first"}
    assert fold.finish(own=frozenset((CLAIM + epoch_bytes(5),))).litter == []


def test_a_lost_outbox_is_said() -> None:
    log = [line for line in owner(1, Restored(), [group(1, out=2)]) if line.key[:1] != b"o"]
    assert restore(log).outbox_lost == 2


EPISODES = st.lists(
    st.tuples(
        st.integers(0, 4),  # groups
        st.integers(0, 6),  # records of an unfinished group at the end
        st.booleans(),  # a late group of the owner before last
        st.booleans(),  # the cleaner runs before the next owner comes
    ),
    min_size=1,
    max_size=6,
)


@given(episodes=EPISODES, seed=st.integers(0, 999))
def test_any_history_restores_to_what_was_committed_compacted_or_not(
    episodes: list[tuple[int, int, bool, bool]], seed: int
) -> None:
    """A model keeps what was committed; owners come and go with tails, late writes and a cleaner between them.

    The cleaner takes only what the lag lets it: everything before the present owner's opening.
    """
    rng = random.Random(seed)
    log: list[Line] = []
    committed = Restored()
    number = 0
    for epoch, (count, torn, late, clean) in enumerate(episodes, start=1):
        restored = restore(log)
        assert restored.state == committed.state
        assert restored.timers == committed.timers
        assert (restored.positions, restored.read_to) == (committed.positions, committed.read_to)
        opening = owner(epoch, restored, [])
        if clean:
            log = compacted(log + opening, len(log) + len(opening))
        else:
            log += opening
        for _ in range(count):
            number += 1
            each = group(number, value=rng.choice([None, b"%d" % number]), out=rng.randrange(3))
            log += encode(each, epoch=epoch, number=number)
            for key, value in each.states.items():
                committed.state.pop(key, None) if value is None else committed.state.update({key: value})
            committed.timers.update({which: due for which, due in each.timers.items() if due is not None})
            committed.positions, committed.read_to = each.positions, each.read_to
        if late and count and epoch > 1:
            log += encode(group(number + 1, value=b"late", out=1, at=-1), epoch=epoch - 1, number=99)
        unfinished = list(encode(group(number + 2, value=b"torn", out=3), epoch=epoch, number=number + 1))
        log += unfinished[: min(torn, len(unfinished) - 1)]
    assert restore(log).state == committed.state
    assert restore(log).timers == committed.timers
