"""Where a handoff stands in sales' two stages, and what its rep wrote of the lead meanwhile.

A BDR qualifies, an AE sells: the `qualify` handoff ends when its rep reports an opportunity, and a `sell` handoff with
an id of its own goes on with the lead. What was noted on the first goes along, within bounds.
"""

from __future__ import annotations

from bisect import insort
from typing import Literal

import msgspec

from baton_schemas.feedback import InsightReported, OutcomeReported
from baton_schemas.leads import SalesNote

MOST_NOTES = 12
"""The newest ones are kept; the others are counted."""
LONGEST_NOTE = 1_000
INSIGHTS = ("pains", "objections", "competitors", "budget", "authority", "need", "timeline")
_CUT = " ..."


class Note(msgspec.Struct, array_like=True):
    """What a rep wrote with an outcome, or found out (`kind` says about what). Those of a chain stand in the order of
    `at`, then of arrival."""

    at: int
    kind: str
    text: str
    rep: str = ""
    channel: str = ""


class Chain(msgspec.Struct, array_like=True):
    """A handoff's stage, and `other`: the handoff that followed (qualify; None while there is none), or the one before
    (sell). For `sell`, `rep` is who qualified the lead, `since` when the lead was his to give (Baton ms)."""

    stage: Literal["qualify", "sell"]
    other: str | None = None
    rep: str | None = None
    since: int = 0
    notes: list[Note] = []
    notes_cut: int = 0


def note(chain: Chain | None, outcome: OutcomeReported, moment: int) -> None:
    """Keeps what a person wrote with an outcome of a `qualify` handoff, for who goes on with the lead."""
    text = (outcome.note or "").strip()
    if chain is None or chain.stage != "qualify" or not text or outcome.automated:
        return
    _keep(chain, Note(moment, outcome.kind, _bounded(text), outcome.rep or "", outcome.channel or ""))


def learn(chain: Chain | None, insight: InsightReported, moment: int) -> None:
    """Keeps what the rep of a `qualify` handoff found out, each word of it a note. What is known already, word for word
    and of the same moment, is a repeat."""
    if chain is None or chain.stage != "qualify":
        return
    found: list[tuple[str, str]] = []
    for kind in INSIGHTS:
        said = getattr(insight, kind)
        texts = [said] if isinstance(said, str) else said or []
        found += [(kind, _bounded(text.strip())) for text in texts if text.strip()]
    for kind, text in found:
        told = Note(moment, kind, text)
        if told not in chain.notes:
            _keep(chain, told)


def _keep(chain: Chain, note: Note) -> None:
    insort(chain.notes, note, key=lambda each: each.at)
    if len(chain.notes) > MOST_NOTES:
        chain.notes = chain.notes[-MOST_NOTES:]
        chain.notes_cut += 1


def _bounded(text: str) -> str:
    return text if len(text) <= LONGEST_NOTE else text[: LONGEST_NOTE - len(_CUT)] + _CUT


def as_told(notes: list[Note]) -> list[SalesNote]:
    """The notes as a dossier carries them."""
    return [
        SalesNote(at=each.at, kind=each.kind, rep=each.rep or None, channel=each.channel or None, text=each.text)
        for each in notes
    ]
