"""Which deal of a person belongs to which handoff of the same person: one rule, for what is learnt and what is shown.

Nobody told the CRM of the handoff, so nothing in it names one: all that both sides know is the person and the time.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

K = TypeVar("K")


class Span(NamedTuple):
    """A deal in time (ms): when it was made, and when it ended, if it has."""

    created_at: int
    closed_at: int | None


def handoff_of(deal: Span, handoffs: Sequence[tuple[str, int]]) -> str | None:
    """The handoff (id, with when it qualified; in that order) that a deal answers, or None.

    It answers the latest that was there when it was made; one that people had begun before the first answers the first,
    unless it was over by then.

    >>> handoff_of(Span(50, None), [("h1", 10), ("h2", 90)]), handoff_of(Span(5, 8), [("h1", 10)])
    ('h1', None)
    """
    if not handoffs:
        return None
    before = [handoff for handoff, at in handoffs if at <= deal.created_at]
    if before:
        return before[-1]
    first, at = handoffs[0]
    return first if deal.closed_at is None or deal.closed_at > at else None


def paired(handoffs: Iterable[tuple[str, int]], deals: Iterable[tuple[K, Span]]) -> tuple[dict[str, list[K]], list[K]]:
    """All deals of one person, oldest first, by the handoff that each answers; and those that answer none."""
    ordered = sorted(handoffs, key=lambda handoff: (handoff[1], handoff[0]))
    answers: dict[str, list[K]] = {handoff: [] for handoff, _ in ordered}
    apart: list[K] = []
    for key, span in sorted(deals, key=lambda deal: (deal[1].created_at, str(deal[0]))):
        found = handoff_of(span, ordered)
        (apart if found is None else answers[found]).append(key)
    return answers, apart
