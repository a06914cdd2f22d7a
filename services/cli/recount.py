"""Was each event applied exactly once? Counts again, from the input log alone, and compares byte for byte.

The scorer's profile of an identity is a function of the set of its events (L1). So a fresh scorer, run in memory over
the same input log, must come to the very bytes that the journal of the running one holds: an event that was lost, or
counted twice, or folded into the wrong person, shows as another profile. Pure: logs in, verdict out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.cli.conservation import Verdict, verdict
from services.runtime.clock import ManualClock, TimeScale
from services.runtime.kafka.restore import Fold
from services.runtime.memory.engine import MemoryEngine
from services.runtime.processor import Processor
from services.runtime.record import LogRecord
from services.scorer import person, profile
from services.scorer.limit import MOST_BYTES

OUTSIDE = ("baton.config", "privacy.erasures", "crm.facts", "engagement.events", "engagement.bulk")
"""What the scorer is told by others; everything else that it reads it wrote itself."""


def applied_once(
    scorer: Processor,
    state: Mapping[bytes, bytes],
    outside: Iterable[LogRecord],
    *,
    partitions: int,
    scale: TimeScale,
) -> list[Verdict]:
    """Two laws: profiles are those of the input log; and what a linked identity did has reached its root whole.

    `scorer` is a fresh one, `state` what the running one has journalled (`restored`), `outside` all records of the
    topics in OUTSIDE.
    """
    found = profiles(state)
    wanted = profiles(counted_anew(scorer, partitions, outside, scale))
    differing = [key.decode() for key in sorted(wanted.keys() | found.keys()) if found.get(key) != wanted.get(key)]
    return [verdict("applied_once", len(wanted), differing), _links(state)]


def counted_anew(
    scorer: Processor, partitions: int, outside: Iterable[LogRecord], scale: TimeScale
) -> Mapping[bytes, bytes]:
    """The state that a fresh scorer comes to over the input log, each record taken in at its own time."""
    records = sorted(outside, key=lambda record: (record.topic not in OUTSIDE[:2], record.timestamp))
    clock = ManualClock(min((record.timestamp for record in records), default=0), scale)
    engine = MemoryEngine([scorer], clock=clock, partitions=partitions)
    for record in records:
        clock.advance(max(0, record.timestamp - clock.wall()))
        partition = record.partition if record.topic in scorer.inputs else None
        engine.publish(record.topic, record.key, record.value, record.headers, partition=partition)
    engine.run_until_idle()
    return engine.state(scorer.name)


def profiles(state: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The packed profile of every identity that did anything."""
    empty = profile.pack(profile.Profile())
    packed = {
        key.removeprefix(person.PREFIX): profile.pack(person.unpack(value).profile)
        for key, value in state.items()
        if key.startswith(person.PREFIX)
    }
    return {key: value for key, value in packed.items() if value != empty}


def _links(state: Mapping[bytes, bytes]) -> Verdict:
    """A linked identity's profile is held by the identity it is linked to, as it is now."""
    people = {
        key.removeprefix(person.PREFIX).decode(): person.unpack(value)
        for key, value in state.items()
        if key.startswith(person.PREFIX)
    }
    linked = [(key, one) for key, one in people.items() if one.root is not None]
    broken = []
    for key, one in linked:
        root = people.get(one.root or "")
        held = None if root is None else root.held.get(key)
        own = profile.pack(one.profile)
        if root is None or held is None or (held.packed != own and not _is_cut(held, one.version, own, root)):
            broken.append(key)
    return verdict("links_whole", len(linked), broken)


def _is_cut(held: person.Held, version: int, own: bytes, root: person.Person) -> bool:
    """Whether a profile is what is left, within the limit of the person who holds it, of its newest version. Whom
    nothing had to be cut of is far from that limit."""
    if held.packed is None or held.version != version or len(held.packed) >= len(own):
        return False
    return len(person.pack(root)) + len(own) - len(held.packed) > MOST_BYTES // 4


def restored(journal: Mapping[int, Sequence[LogRecord]]) -> dict[bytes, bytes]:
    """What a journal's records, by partition, hold as committed state."""
    state: dict[bytes, bytes] = {}
    for records in journal.values():
        fold = Fold()
        fold.feed(records)
        state.update(fold.finish().state)
    return state
