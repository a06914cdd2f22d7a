"""Runs a processor on a batch or a timer, without any I/O, and answers with what is to be journalled and told (L2, L6).

This is the one place that chooses among the kinds of error:

- `Permanent`, or a size over its limit: the record alone becomes a dead letter, found by bisection;
- `Transient`: passed on, nothing is decided, the engine retries the same call in place;
- `UserError`: passed on, nothing is decided, the worker ends with its exit code: a person has to fix its settings;
- anything else is a bug: the decision covers the good prefix, and `failure` says why the worker stops after it, unless
  a person asked to pass that very record (`services.runtime.skips`).

Bisection starts from the unchanged state; a later half sees the changes of the earlier through an overlay, so the
result is that of deciding record by record. A batch without trouble is one call and one pass over what it sends.
(A state's size is what it is at the end of a call; so a processor must not let one record shrink again what another
one let grow over the limit, or the result would depend on the cut.)

A timer that fails permanently has no input record. It becomes a dead letter all the same, on the dead topic of the
processor's first input, with the state's key, the timer's name and its due time: it is counted and seen, the state
stays as it was, and the lane goes on. It can't be replayed; the next record of that key may set the timer again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.runtime.dead_letters import FRAME_BYTES, dead_topic, render, size_of, timer_letter
from services.runtime.effects import DeadLetter, Effects, Send
from services.runtime.errors import BatonError, Permanent, Transient, UserError
from services.runtime.processor import Context, Processor
from services.runtime.record import Batch
from services.runtime.skips import skipped
from services.runtime.state import Overlay, State
from services.runtime.timers import Timer

OUTPUT_TOO_LARGE = "output_too_large"
STATE_TOO_LARGE = "state_too_large"


class Misuse(BatonError):
    """A processor broke the protocol (undeclared topic, record without key, timer that never moves on): a bug."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the log takes: bytes of one record by catalogue name of the topic, and bytes of one journalled state."""

    max_output: Callable[[str], int]
    max_state: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What one batch or timer comes to.

    `outgoing` are the records to send, in order: `effects.sends`, then the rendered `effects.dead_letters`; topics
    are catalogue names. `consumed` counts the records of the batch that this covers (0 for a timer). With a `failure`
    that is a good prefix: it is to be committed, then the worker stops.
    """

    effects: Effects
    outgoing: tuple[Send, ...]
    consumed: int
    failure: Exception | None = None


def decide_batch(processor: Processor, batch: Batch, state: State, context: Context, limits: Limits) -> Decision:
    """Decides on `batch`. Raises Transient or UserError, and then nothing is decided."""
    try:
        effects = processor.process(batch, state, context)
        _check(processor, effects, limits)
    except (Transient, UserError):
        raise
    except Exception as error:  # noqa: BLE001  the one place that chooses among the kinds of error
        if len(batch.records) > 1:
            return _bisect(processor, batch, state, context, limits)
        letter = _letter(batch, error, context)
        if letter is None:
            return Decision(Effects(), (), 0, error)
        effects = Effects(dead_letters=[letter])
    return Decision(effects, _outgoing(processor, batch.topic, effects, limits), len(batch.records))


def decide_timer(processor: Processor, timer: Timer, state: State, context: Context, limits: Limits) -> Decision:
    """Decides on a timer that is due. `effects.timers` always says what becomes of it: None unless it was set again.

    Raises Transient or UserError, and then nothing is decided. With a `failure` nothing is decided either: the timer
    stays.
    """
    topic = processor.inputs[0]
    due, key, name = timer
    try:
        effects = processor.on_timer(key, name, due, state, context)
        _check(processor, effects, limits)
        again = effects.timers.setdefault((key, name), None)
        if again is not None and again <= due:
            raise Misuse(f"timer {name}: set again to {again}, not after its due time {due}: it would fire for ever")
    except (Transient, UserError):
        raise
    except Permanent as error:
        letter = timer_letter(
            (error.code, error.field, error.fix),
            topic=topic,
            partition=context.partition,
            key=key,
            name=name,
            due=due,
            timestamp=context.scale.wall(due),
        )
        effects = Effects(timers={(key, name): None}, dead_letters=[letter])
    except Exception as error:  # noqa: BLE001  the one place that chooses among the kinds of error
        return Decision(Effects(), (), 0, error)
    return Decision(effects, _outgoing(processor, topic, effects, limits), 0)


def _letter(batch: Batch, error: Exception, context: Context) -> DeadLetter | None:
    """What becomes of a record that failed alone; None for a bug that nobody asked to pass."""
    if isinstance(error, Permanent):
        return DeadLetter(batch.records[0], error.code, error.field, error.fix)
    return skipped(context.globals, batch.topic, batch.records[0], error)


def _bisect(processor: Processor, batch: Batch, state: State, context: Context, limits: Limits) -> Decision:
    middle = len(batch.records) // 2
    earlier_half = Batch(batch.topic, batch.partition, batch.records[:middle])
    later_half = Batch(batch.topic, batch.partition, batch.records[middle:])
    earlier = decide_batch(processor, earlier_half, state, context, limits)
    if earlier.failure is not None:
        return earlier
    later = decide_batch(processor, later_half, Overlay(state, earlier.effects.states), context, limits)
    effects = Effects()
    effects.absorb(earlier.effects)
    effects.absorb(later.effects)
    return Decision(effects, earlier.outgoing + later.outgoing, earlier.consumed + later.consumed, later.failure)


def _check(processor: Processor, effects: Effects, limits: Limits) -> None:
    """Raises Permanent for a size over its limit, Misuse for what the protocol forbids."""
    largest = {topic: limits.max_output(topic) for topic in processor.outputs}
    for send in effects.sends:
        topic, key, value, headers = send
        limit = largest.get(topic)
        if limit is None:
            raise Misuse(f"{processor.name} sends to {topic}, which is not one of its outputs")
        if key is None:
            raise Misuse(f"{processor.name} sends to {topic} without a key: its partition would be left to chance")
        small = not headers and FRAME_BYTES + len(key) + (0 if value is None else len(value)) <= limit
        if not small and (size := size_of(send)) > limit:
            raise Permanent(OUTPUT_TOO_LARGE, field=topic, fix=f"{size} bytes, the limit is {limit}")
    most = limits.max_state
    for state_key, state in effects.states.items():
        if state is not None and len(state_key) + len(state) > most:
            raise Permanent(STATE_TOO_LARGE, fix=f"{len(state_key) + len(state)} bytes, the limit is {most}")
    for timer_key, name in effects.timers:
        if len(timer_key) + len(name) > most:
            raise Permanent(STATE_TOO_LARGE, fix=f"a timer of {len(timer_key) + len(name)} bytes, the limit is {most}")


def _outgoing(processor: Processor, topic: str, effects: Effects, limits: Limits) -> tuple[Send, ...]:
    if not effects.dead_letters:
        return tuple(effects.sends)
    limit = limits.max_output(dead_topic(topic))
    letters = [render(letter, topic=topic, processor=processor.name, limit=limit) for letter in effects.dead_letters]
    return (*effects.sends, *letters)
