"""The truth that nobody is told: how likely a lead is to buy, so that learning has something to find.

It differs from any hand-set score on purpose: webinars and prices mean more than marketing thinks, downloads and
opened mails less, and manufacturers need the product most.
"""

from __future__ import annotations

from collections.abc import Collection
from math import exp
from typing import NamedTuple

from services.simulator.people import Person

_BASE = -2.4
_ACTS = {
    "webinar_attended": 1.3,
    "pricing_viewed": 0.9,
    "demo_requested": 0.6,
    "form_submitted": 0.1,
    "content_downloaded": -0.9,
    "email_clicked": -0.2,
}


class Truth(NamedTuple):
    """Chances, each from 0 to 1: that the rep finds the lead worth taking, and that it is then won."""

    accepted: float
    won: float


def truth(person: Person | None, actions: Collection[str]) -> Truth:
    """The lead's odds out of its hidden intent and of what it did. A person nobody knows is no good lead."""
    if person is None:
        return Truth(0.2, 0.05)
    acts = sum(weight for action, weight in _ACTS.items() if action in actions)
    score = _BASE + 0.9 * person.intent + acts
    return Truth(accepted=_share(score + 1.6), won=_share(score))


def _share(log_odds: float) -> float:
    return 1 / (1 + exp(-log_odds))
