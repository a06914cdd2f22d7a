"""A processor that is a sharp probe: it does everything a processor may do, on demand, and tells what it saw.

What a record does is in its value, words between spaces; anything else is a plain event.

    !letter            the toy lists it as a dead letter itself
    !permanent         raises Permanent
    !transient N       raises Transient on the first N calls, then it is plain
    !bug               raises ZeroDivisionError, unless toy.config holds a `heal`; then it is plain
    !stray, !keyless   sends to an undeclared topic, or without a key: bugs as well
    !large, !fat       an output, or a state, that no log takes
    !near              a plain event whose decision almost fills its topic's limit
    !wide N            a plain event with N more outputs
    !timer NAME DELAY  sets (or moves) a timer, DELAY ms after the record's time
    !cancel NAME       cancels it
    !forget            deletes the key's state and cancels its timers

Each event is counted per topic and key, answered on toy.decided under an id from its position, and, when it comes
from toy.alpha, sent on to toy.internal under another key, where the toy hears it again, perhaps in another lane. The
decision shows counter and last offsets, so a wrong state shows in the next decision.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from baton_schemas.catalogue import MIB, Topic
from services.runtime.effects import DeadLetter, Effects, Send
from services.runtime.errors import Permanent, Transient
from services.runtime.origin import origin_of
from services.runtime.processor import Context
from services.runtime.record import Batch, Record
from services.runtime.state import State, Working

ALPHA, BETA, BULK, INTERNAL = "toy.alpha", "toy.beta", "toy.bulk", "toy.internal"
DECIDED, HEARD, RANG, CONFIG = "toy.decided", "toy.heard", "toy.rang", "toy.config"
TOPICS = {
    name: Topic(
        name,
        "any",
        (),
        "compact" if name == CONFIG else "delete",
        partitions=1 if name == CONFIG else None,
        bulk=name == BULK,
    )
    for name in (ALPHA, BETA, BULK, INTERNAL, DECIDED, HEARD, RANG, CONFIG)
}
LAST = 5
NEAR = MIB - 4096
TOO_LARGE = 2 * MIB
REPEATS = 2
REPEAT_AFTER = 50


@dataclass(slots=True)
class Tally:
    """What the toy knows of one key: events, last offsets, timers (name -> setter, due, repeats left), loop-backs."""

    n: int = 0
    last: list[int] = field(default_factory=list)
    timers: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    rang: int = 0
    highest: dict[str, int] = field(default_factory=dict)
    padding: str = ""


def pack(tally: Tally) -> bytes:
    return b"\x01" + dumps({name: getattr(tally, name) for name in Tally.__slots__})


def unpack(packed: bytes) -> Tally:
    fields = json.loads(packed[1:])
    fields["timers"] = {name: tuple(timer) for name, timer in fields["timers"].items()}
    return Tally(**fields)


def dumps(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def state_key(topic: str, key: bytes | None) -> bytes:
    """Where a key's tally is kept; a null key is not an empty key."""
    return topic.encode() + (b"|-" if key is None else b"|+" + key)


def group_of(key: bytes | None) -> bytes:
    """The key under which an event is heard again."""
    return b"group-%d" % (sum(key or b"") % 7)


class Toy:
    """The probe. It keeps no state of its own but the count of Transient errors, which are the outer world's."""

    name = "toy"
    state_version = 1
    inputs = (ALPHA, BETA, BULK, INTERNAL)
    outputs = (INTERNAL, DECIDED, HEARD, RANG)
    globals = (CONFIG,)

    def __init__(self) -> None:
        self._attempts: Counter[tuple[str, int, int]] = Counter()

    def process(self, batch: Batch, state: State, context: Context) -> Effects:
        effects = Effects()
        tallies = Working(state, decode=unpack, encode=pack)
        for record in batch.records:
            if batch.topic == INTERNAL:
                self._hear(record, tallies, effects)
            else:
                self._take(batch.topic, record, tallies, effects, context)
        effects.states.update(tallies.changes())
        return effects

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:
        effects = Effects()
        if name.startswith("permanent"):
            raise Permanent("toy_timer", field="name", fix="give it another name")
        packed = state.get(key)
        tally = unpack(packed) if packed is not None else Tally()
        setter, expected, left = tally.timers.pop(name, ("nobody", -1, 0))
        tally.rang += 1
        value: dict[str, object] = {"id": f"{setter}#{name}@{due}", "due": due, "read_to": context.read_to}
        value |= {"stale": True} if expected != due else {}
        value |= {"padding": "x" * TOO_LARGE} if name.startswith("large") else {}
        effects.sends.append(Send(RANG, key, dumps(value)))
        if name.startswith("repeat") and left:
            tally.timers[name] = (setter, due + REPEAT_AFTER, left - 1)
            effects.timers[key, name] = due + REPEAT_AFTER
        effects.states[key] = pack(tally)
        return effects

    def _take(self, topic: str, record: Record, tallies: Working[Tally], effects: Effects, context: Context) -> None:
        words = (record.value or b"").decode("utf-8", "replace").split(" ")
        self._misbehave(words, record, effects, context)
        if words[0] == "!letter":
            effects.dead_letters.append(DeadLetter(record, "toy_letter", "value", "write something else"))
            return
        key = state_key(topic, record.key)
        tally = tallies.get(key) or Tally()
        if words[0] == "!forget":
            effects.timers.update({(key, name): None for name in tally.timers})
            if not tally.padding:  # what has grown too large must show at the end of the batch, however it is cut
                tallies.put(key, None)
            return
        tally.n += 1
        tally.last = [*tally.last, record.offset][-LAST:]
        tally.padding = "x" * TOO_LARGE if words[0] == "!fat" else tally.padding
        self._set_timers(words, key, tally, record, effects, context)
        tallies.put(key, tally)
        self._tell(topic, words, record, tally, effects, context)

    def _misbehave(self, words: list[str], record: Record, effects: Effects, context: Context) -> None:
        match words:
            case ["!permanent", *_]:
                raise Permanent("toy_permanent", field="value", fix="write something else")
            case ["!transient", times, *_]:
                position = (record.topic, record.partition, record.offset)
                self._attempts[position] += 1
                if self._attempts[position] <= int(times):
                    raise Transient("on demand")
            case ["!bug", *_] if b"heal" not in context.globals.table(CONFIG):
                raise ZeroDivisionError("on demand")
            case ["!stray", *_]:
                effects.sends.append(Send("toy.nowhere", b"key", b""))
            case ["!keyless", *_]:
                effects.sends.append(Send(DECIDED, None, b""))  # type: ignore[arg-type]

    def _set_timers(
        self, words: list[str], key: bytes, tally: Tally, record: Record, effects: Effects, context: Context
    ) -> None:
        match words:
            case ["!timer", name, delay, *_]:
                due = context.time(record) + int(delay)
                setter = f"{key!r}/{record.partition}/{record.offset}"
                tally.timers[name] = (setter, due, REPEATS)
                effects.timers[key, name] = due
            case ["!cancel", name, *_]:
                tally.timers.pop(name, None)
                effects.timers[key, name] = None

    def _tell(
        self, topic: str, words: list[str], record: Record, tally: Tally, effects: Effects, context: Context
    ) -> None:
        identity = "/".join(map(str, origin_of(record, topic)))
        table = context.globals.table(CONFIG)
        value: dict[str, Any] = {
            "id": identity,
            "at": [topic, record.partition, record.offset],
            "n": tally.n,
            "last": tally.last,
            "label": table.get(b"label", b"").decode(),
            "config": context.globals.offsets.get(CONFIG, 0),
        }
        padding = {"!near": NEAR, "!large": TOO_LARGE}.get(words[0], 0)
        key = record.key or b""
        effects.sends.append(Send(DECIDED, key, dumps(value).ljust(padding), (("toy-id", identity.encode()),)))
        for index in range(int(words[1]) if words[0] == "!wide" else 0):
            name = f"{identity}+{index}"
            effects.sends.append(Send(DECIDED, key, dumps({**value, "id": name}), (("toy-id", name.encode()),)))
        if topic == ALPHA:
            source = f"{record.partition}/{record.offset}".encode()
            effects.sends.append(Send(INTERNAL, group_of(record.key), identity.encode(), (("toy-from", source),)))

    def _hear(self, record: Record, tallies: Working[Tally], effects: Effects) -> None:
        """A repeat is known by its source position: one lane sends in order, so what is not higher was heard."""
        partition, _, offset = dict(record.headers)["toy-from"].decode().partition("/")
        key = state_key(INTERNAL, record.key)
        tally = tallies.get(key) or Tally()
        if int(offset) <= tally.highest.get(partition, -1):
            return
        tally.highest[partition] = int(offset)
        tally.n += 1
        tallies.put(key, tally)
        effects.sends.append(Send(HEARD, record.key or b"", record.value))
