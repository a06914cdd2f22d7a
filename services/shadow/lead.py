"""What is kept of a lead in shadow: its handoffs, its deals in the CRM, what was told of the one by the other. Pure.

No personal data: keys, stages, times.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from baton_schemas.crm import DealFacts, DealStage

LAYOUT = b"\x01"
MOST_DEALS = 50
MOST_HANDOFFS = 20
"""Of one person; the oldest go first, so that nothing grows without bound."""
CLOSED = ("won", "lost", "rejected")


class Deal(msgspec.Struct, frozen=True, array_like=True):
    """A deal as it was last seen; times in ms. `key` is source and id."""

    key: str
    stage: DealStage
    created_at: int
    at: int
    reason: str | None = None
    first_touch_at: int | None = None
    closed_at: int | None = None


class Handoff(msgspec.Struct, frozen=True, array_like=True):
    """A handoff that nobody was given. `deal` is the one that answers it, `touched` and `stage` what was told of it so
    far, in `told` events."""

    id: str
    qualified_at: int
    withdrawn: bool = False
    deal: str | None = None
    touched: bool = False
    stage: DealStage = "offered"
    told: int = 0


class Lead(msgspec.Struct, frozen=True, array_like=True):
    """One person: handoffs and deals in the order of their times."""

    handoffs: tuple[Handoff, ...] = ()
    deals: tuple[Deal, ...] = ()

    def seen(self, facts: DealFacts) -> Lead:
        """With what the CRM holds of a deal now; the very same where a later look is known already."""
        key = key_of(facts)
        known = next((deal for deal in self.deals if deal.key == key), None)
        if known is not None and known.at > facts.at:
            return self
        deal = Deal(key, facts.stage, facts.created_at, facts.at, facts.reason, facts.first_touch_at, facts.closed_at)
        others = [each for each in self.deals if each.key != key]
        ordered = sorted((*others, deal), key=lambda each: (each.created_at, each.key))
        return msgspec.structs.replace(self, deals=tuple(ordered[-MOST_DEALS:]))

    def offered(self, handoff: str, qualified_at: int) -> Lead:
        """With a handoff; one that is known is as it was."""
        if any(each.id == handoff for each in self.handoffs):
            return self
        ordered = sorted(
            (*self.handoffs, Handoff(handoff, qualified_at)), key=lambda each: (each.qualified_at, each.id)
        )
        return msgspec.structs.replace(self, handoffs=tuple(ordered[-MOST_HANDOFFS:]))

    def withdrawn(self, handoff: str) -> Lead:
        """With a handoff taken back: nothing more is told of it."""
        return self.with_handoffs(
            msgspec.structs.replace(each, withdrawn=True) if each.id == handoff else each for each in self.handoffs
        )

    def with_handoffs(self, handoffs: Iterable[Handoff]) -> Lead:
        """With these handoffs in place of its own."""
        return msgspec.structs.replace(self, handoffs=tuple(handoffs))


def key_of(facts: DealFacts) -> str:
    """What names a deal among those of all sources."""
    return f"{facts.source}/{facts.deal}"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Lead)


def pack(lead: Lead) -> bytes:
    """The bytes of the state, first the layout's version."""
    return LAYOUT + _encoder.encode(lead)


def unpack(packed: bytes) -> Lead:
    """The reverse of `pack`. Raises ValueError for another layout."""
    if packed[:1] != LAYOUT:
        raise ValueError(f"Lead: state layout {packed[:1]!r}, this code reads {LAYOUT!r}")
    return _decoder.decode(memoryview(packed)[1:])
