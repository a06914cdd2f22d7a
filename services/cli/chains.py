"""The law of two stages, as conservation sees it: what was handed over goes on once, and is learnt from once. Pure.

A `qualify` handoff is handed over to one `sell` handoff at most, and a `sell` handoff follows from exactly one; nothing
is routed of the first afterwards; of the two, one has a label in force at most (the highest revision counts).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from baton_schemas.contract import Contract
from baton_schemas.feedback import OutcomeLabelled
from baton_schemas.routing import LeadHandedOver, LeadRouted


@dataclass(slots=True)
class Chains:
    """Takes contracts of any topic, in order within a partition."""

    routed: set[str] = field(default_factory=set)
    _to: dict[str, set[str]] = field(default_factory=dict)
    _from: dict[str, set[str]] = field(default_factory=dict)
    _selling: set[str] = field(default_factory=set)
    _after: set[str] = field(default_factory=set)
    _labels: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def take(self, data: Contract) -> None:
        """One contract; most say nothing of stages."""
        if isinstance(data, LeadRouted):
            self.routed.add(data.handoff)
            if data.stage == "sell":
                self._selling.add(data.handoff)
            if data.handoff in self._to:
                self._after.add(data.handoff)
        elif isinstance(data, LeadHandedOver):
            self._to.setdefault(data.handoff, set()).add(data.to)
            self._from.setdefault(data.to, set()).add(data.handoff)
        elif isinstance(data, OutcomeLabelled):
            known = self._labels.get(data.handoff, (0, False))
            self._labels[data.handoff] = max(known, (data.revision, data.good is not None))

    def broken(self) -> Iterator[str]:
        """What is wrong, by handoff."""
        yield from (f"{first}: handed over {len(to)} times" for first, to in self._to.items() if len(to) > 1)
        yield from (f"{second}: follows {len(of)}" for second, of in self._from.items() if len(of) > 1)
        yield from (f"{second}: sells what nobody handed over" for second in sorted(self._selling - set(self._from)))
        yield from (f"{first}: routed after it was handed over" for first in sorted(self._after))
        for first, to in self._to.items():
            taught = [each for each in (first, *sorted(to)) if self._labels.get(each, (0, False))[1]]
            if len(taught) > 1:
                yield f"{first}: learnt from twice"
