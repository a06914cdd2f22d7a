"""Timers of a lane, against the plainest model there is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.runtime import timers
from services.runtime.timers import Timer, Timers

NAMES = st.tuples(st.binary(max_size=2), st.sampled_from(["call", "visit", ""]))
CHANGES = st.lists(st.tuples(NAMES, st.none() | st.integers(-5, 30)), max_size=40)


@given(CHANGES, st.integers(-5, 30), CHANGES)
def test_timers_fire_by_due_key_and_name_once(
    before: list[tuple[tuple[bytes, str], int | None]],
    moment: int,
    after: list[tuple[tuple[bytes, str], int | None]],
) -> None:
    lane, model = Timers(), dict[tuple[bytes, str], int]()
    for changes in (before, after):
        for name, due in changes:
            lane.apply({name: due})
            model.pop(name, None)
            model.update({name: due} if due is not None else {})
        ordered = sorted(Timer(due, *name) for name, due in model.items())
        assert list(lane) == ordered
        assert lane.next_due() == (ordered[0].due if ordered else None)
        due_now = [timer for timer in ordered if timer.due <= moment]
        assert lane.first_due(moment) == (due_now[0] if due_now else None)
        assert lane.pop_due(moment) == due_now
        model = {(timer.key, timer.name): timer.due for timer in ordered if timer.due > moment}
        assert len(lane) == len(model)
        assert all(lane.due_of(*name) == due for name, due in model.items())


def test_moved_and_cancelled_timers_do_not_pile_up() -> None:
    lane = Timers()
    for due in range(10_000):
        lane.set(b"key", "call", due)
        lane.set(b"key-%d" % due, "call", due)
        lane.cancel(b"key-%d" % due, "call")
    assert len(lane._heap) < 200
    assert list(lane) == [Timer(9999, b"key", "call")]


@given(st.binary(max_size=300), st.text(max_size=20), st.integers(-(2**60), 2**60))
def test_packed_timers_read_back(key: bytes, name: str, due: int) -> None:
    assert timers.unpack_name(timers.pack_name(key, name)) == (key, name)
    assert timers.unpack_due(timers.pack_due(due)) == due


@given(NAMES, NAMES)
def test_different_timers_have_different_packed_names(one: tuple[bytes, str], other: tuple[bytes, str]) -> None:
    assert (timers.pack_name(*one) == timers.pack_name(*other)) == (one == other)
