"""How a decision is made: bisection, dead letters, sizes, bugs, timers."""

# ruff: noqa: ARG002  a processor need not look at all it is given
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from services.runtime.decide import Limits, Misuse, decide_batch, decide_timer
from services.runtime.effects import DeadLetter, Effects, Send
from services.runtime.errors import Permanent, Transient, UserError
from services.runtime.processor import Context
from services.runtime.record import Batch, LogRecord
from services.runtime.state import State
from services.runtime.timers import Timer

LIMITS = Limits(lambda topic: 2000 if topic.endswith(".dead") else 1000, 500)
CONTEXT = Context(partition=3, partitions=8, read_to=50)


@dataclass
class Scripted:
    """Counts its records under one key and sends each on; `on` says what else a value does."""

    on: dict[bytes, Callable[[Effects], None]] = field(default_factory=dict)
    ring: Callable[[Effects], None] = lambda _: None
    calls: list[int] = field(default_factory=list)
    name: str = "scripted"
    state_version: int = 1
    inputs: tuple[str, ...] = ("in", "other")
    outputs: tuple[str, ...] = ("out",)
    globals: tuple[str, ...] = ()

    def process(self, batch: Batch, state: State, context: Context) -> Effects:
        self.calls.append(len(batch.records))
        effects = Effects()
        count = int(state.get(b"count") or b"0")
        for record in batch.records:
            count += 1
            effects.sends.append(Send("out", b"k", b"%d" % count))
            if record.value in self.on:
                self.on[record.value](effects)
        effects.states[b"count"] = effects.states.get(b"count") or b"%d" % count
        return effects

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:
        effects = Effects()
        self.ring(effects)
        return effects


def batch(*values: bytes) -> Batch:
    return Batch("in", 3, [LogRecord("prefix.in", 3, 10 + i, 99, None, value) for i, value in enumerate(values)])


def fail(error: Exception) -> Callable[[Effects], None]:
    def raise_it(_: Effects) -> None:
        raise error

    return raise_it


def send(topic: str, key: bytes | None, size: int) -> Callable[[Effects], None]:
    return lambda effects: effects.sends.append(Send(topic, key, b"x" * size))  # type: ignore[arg-type]


def put(key: bytes, value: bytes) -> Callable[[Effects], None]:
    return lambda effects: effects.states.update({key: value})


def arm(timer: tuple[bytes, str], due: int | None) -> Callable[[Effects], None]:
    return lambda effects: effects.timers.update({timer: due})


def test_a_batch_without_trouble_is_one_call() -> None:
    processor = Scripted()
    decision = decide_batch(processor, batch(*[b""] * 100), {b"count": b"5"}, CONTEXT, LIMITS)
    assert processor.calls == [100]
    assert decision.outgoing == tuple(decision.effects.sends)
    assert (decision.consumed, decision.failure) == (100, None)
    assert decision.effects.states == {b"count": b"105"}


def test_a_permanent_error_costs_its_record_alone_and_later_halves_see_the_earlier() -> None:
    processor = Scripted({b"bad": fail(Permanent("rotten", field="value", fix="grow another"))})
    decision = decide_batch(processor, batch(b"", b"", b"bad", b"", b"bad"), {}, CONTEXT, LIMITS)
    assert [sent.value for sent in decision.effects.sends] == [b"1", b"2", b"3"]
    assert decision.effects.states == {b"count": b"3"}
    assert [letter.record.offset for letter in decision.effects.dead_letters] == [12, 14]
    letters = [sent for sent in decision.outgoing if sent.topic == "in.dead"]
    assert [dict(letter.headers)["baton-dead-offset"] for letter in letters] == [b"12", b"14"]
    assert dict(letters[0].headers)["baton-dead-topic"] == b"in"
    assert (decision.consumed, decision.failure) == (5, None)


def test_a_bug_keeps_the_good_prefix() -> None:
    bug = KeyError("x")
    processor = Scripted({b"bug": fail(bug), b"bad": fail(Permanent("rotten"))})
    decision = decide_batch(processor, batch(b"", b"bad", b"", b"bug", b"", b"bad"), {}, CONTEXT, LIMITS)
    assert decision.consumed == 3
    assert decision.failure is bug
    assert decision.effects.states == {b"count": b"2"}
    assert len(decision.outgoing) == 3


@pytest.mark.parametrize("place", range(9))
def test_the_good_prefix_of_a_bug_is_all_that_came_before_it(place: int) -> None:
    values = [b"bug" if index == place else b"" for index in range(9)]
    decision = decide_batch(Scripted({b"bug": fail(KeyError())}), batch(*values), {}, CONTEXT, LIMITS)
    assert (decision.consumed, len(decision.outgoing)) == (place, place)


def test_a_bug_at_the_first_record_decides_nothing() -> None:
    decision = decide_batch(Scripted({b"bug": fail(KeyError())}), batch(b"bug", b""), {}, CONTEXT, LIMITS)
    assert (decision.consumed, decision.outgoing, decision.effects) == (0, (), Effects())


def test_a_transient_error_is_passed_on_even_from_a_half() -> None:
    processor = Scripted({b"bad": fail(Permanent("rotten")), b"wait": fail(Transient())})
    with pytest.raises(Transient):
        decide_batch(processor, batch(b"bad", b"", b"wait"), {}, CONTEXT, LIMITS)


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (send("out", b"k", 900), "output_too_large"),
        (send("out", b"k" * 451, 450), "output_too_large"),
        (lambda effects: effects.sends.append(Send("out", b"k", None, (("h", b"x" * 900),))), "output_too_large"),
        (put(b"big", b"x" * 498), "state_too_large"),
        (put(b"k" * 499, b"xx"), "state_too_large"),
        (arm((b"k" * 499, "xx"), 5), "state_too_large"),
    ],
)
def test_what_no_log_takes_makes_its_cause_a_dead_letter(cause: Callable[[Effects], None], code: str) -> None:
    decision = decide_batch(Scripted({b"big": cause}), batch(b"", b"big", b""), {}, CONTEXT, LIMITS)
    assert [(letter.code, letter.record.offset) for letter in decision.effects.dead_letters] == [(code, 11)]
    assert decision.effects.states == {b"count": b"2"}
    assert not decision.effects.timers


def test_what_just_fits_goes_out() -> None:
    processor = Scripted(
        {b"big": lambda effects: (send("out", b"k", 899)(effects), put(b"big", b"x" * 497)(effects))[0]}
    )
    decision = decide_batch(processor, batch(b"big"), {}, CONTEXT, LIMITS)
    assert not decision.effects.dead_letters
    assert len(decision.outgoing) == 2


@pytest.mark.parametrize("misuse", [send("elsewhere", b"k", 1), send("out", None, 1), send("in.dead", b"k", 1)])
def test_breaking_the_protocol_is_a_bug(misuse: Callable[[Effects], None]) -> None:
    decision = decide_batch(Scripted({b"odd": misuse}), batch(b"", b"odd"), {}, CONTEXT, LIMITS)
    assert isinstance(decision.failure, Misuse)
    assert decision.consumed == 1


def test_a_processors_own_letters_follow_its_sends() -> None:
    records = batch(b"mine", b"")
    processor = Scripted({b"mine": lambda effects: effects.dead_letters.append(DeadLetter(records.records[0], "mine"))})
    decision = decide_batch(processor, records, {}, CONTEXT, LIMITS)
    assert [sent.topic for sent in decision.outgoing] == ["out", "out", "in.dead"]
    assert processor.calls == [2]


TIMER = Timer(40, b"key", "call")


def test_a_timer_is_gone_unless_it_is_set_again() -> None:
    assert decide_timer(Scripted(), TIMER, {}, CONTEXT, LIMITS).effects.timers == {(b"key", "call"): None}
    again = decide_timer(Scripted(ring=arm((b"key", "call"), 41)), TIMER, {}, CONTEXT, LIMITS)
    assert again.effects.timers == {(b"key", "call"): 41}


def test_a_timer_that_does_not_move_on_is_a_bug() -> None:
    decision = decide_timer(Scripted(ring=arm((b"key", "call"), 40)), TIMER, {}, CONTEXT, LIMITS)
    assert isinstance(decision.failure, Misuse)
    assert decision.effects == Effects()


@pytest.mark.parametrize(
    ("ring", "code"), [(fail(Permanent("rotten")), "rotten"), (send("out", b"k", 950), "output_too_large")]
)
def test_a_timer_that_cannot_be_carried_out_dies_alone(ring: Callable[[Effects], None], code: str) -> None:
    decision = decide_timer(Scripted(ring=ring), TIMER, {}, CONTEXT, LIMITS)
    (letter,) = decision.outgoing
    headers = dict(letter.headers)
    assert (letter.topic, letter.key, headers["baton-dead-code"]) == ("in.dead", b"key", code.encode())
    assert (headers["baton-timer"], headers["baton-timer-due"], headers["baton-dead-partition"]) == (
        b"call",
        b"40",
        b"3",
    )
    assert decision.effects.timers == {(b"key", "call"): None}
    assert not decision.effects.states
    assert len(decision.effects.dead_letters) == 1


def test_a_bug_in_a_timer_leaves_it_set_and_transient_is_passed_on() -> None:
    bug = KeyError()
    decision = decide_timer(Scripted(ring=fail(bug)), TIMER, {}, CONTEXT, LIMITS)
    assert (decision.failure, decision.effects, decision.outgoing) == (bug, Effects(), ())
    with pytest.raises(Transient):
        decide_timer(Scripted(ring=fail(Transient())), TIMER, {}, CONTEXT, LIMITS)


def test_what_a_person_has_to_fix_ends_the_worker_and_decides_nothing() -> None:
    error = UserError("the secret", fix="use the other")
    with pytest.raises(UserError, match="use the other"):
        decide_timer(Scripted(ring=fail(error)), TIMER, {}, CONTEXT, LIMITS)
    with pytest.raises(UserError, match="use the other"):
        decide_batch(Scripted({b"b": fail(error)}), batch(b"a", b"b", b"c"), {}, CONTEXT, LIMITS)
