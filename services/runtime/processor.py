"""The one interface between Baton's rules and the engines that run them.

A processor is plain synchronous code. It sees committed state and a batch, and answers with `Effects`; it never
mutates state, does no I/O, and asks nobody for the time. So the same class runs on Faust, on a plain consumer and in
memory, and the same input log always gives the same decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from services.runtime.clock import TimeScale
from services.runtime.effects import Effects
from services.runtime.record import Batch, Record
from services.runtime.state import State


@dataclass(frozen=True, slots=True)
class Globals:
    """A snapshot of the topics that every process reads whole (configuration, models, erasures), without a group.

    `tables[topic][key]` is the latest value, tombstones removed; `offsets[topic]` the next offset to be read. A new
    snapshot is a new object, so a processor may cache what it compiles by `offsets`.
    """

    tables: Mapping[str, Mapping[bytes, bytes]] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)

    def table(self, topic: str) -> Mapping[bytes, bytes]:
        """The latest value by key; empty when nothing was ever written."""
        return self.tables.get(topic, {})


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may know beside its record and the state.

    `read_to` is the instant (Baton ms) up to which all inputs of this partition have been read: for a timer it is at
    or after its due time, and a ladder uses it to find the highest step that is due (H6). It is not a clock: the
    engine journals it with the decision.
    """

    partition: int
    partitions: int
    globals: Globals = field(default_factory=Globals)
    scale: TimeScale = field(default_factory=TimeScale)
    read_to: int = 0

    def time(self, record: Record) -> int:
        """When the log took `record` in, in Baton milliseconds."""
        return self.scale.at(record.timestamp)


class Processor(Protocol):
    """A set of rules over one partition's records and state.

    All inputs have the same number of partitions; records of one key of any input meet in the same lane.
    """

    @property
    def name(self) -> str:
        """Names the group and the journal: `scorer`."""
        ...

    @property
    def state_version(self) -> int:
        """Version of the state's layout; a new one means a new journal."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """Catalogue names of the partitioned topics it reads."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Catalogue names of every topic it may send to (checked before the journal)."""
        ...

    @property
    def globals(self) -> tuple[str, ...]:
        """Catalogue names of the one-partition topics it needs whole before its first batch."""
        ...

    def process(self, batch: Batch, state: State, context: Context) -> Effects:
        """Decides on a batch. Must give the same result however a log is cut into batches.

        Raises `Permanent` for a record that can't be used (the engine bisects, or list it in `dead_letters`
        yourself), `Transient` to be called again.
        """
        ...

    def on_timer(self, key: bytes, name: str, due: int, state: State, context: Context) -> Effects:
        """Decides on a timer that it had set; `context.read_to >= due`. The timer is gone unless it is set again."""
        ...
