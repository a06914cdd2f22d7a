"""The people in sales: they call, take on, pass on, release, forget, delete, win and lose, all of it in their CRM."""

from __future__ import annotations

from random import Random

from services.connectors.deal import Deal
from tests.month.company import MANAGERS, REPS, TEAMS
from tests.month.crm import DIALLER, MonthCrm, records_of

_ON_OFFER = {
    "nothing": 30, "call": 12, "robot": 3, "called in": 2, "accept": 12, "reject": 6, "pass on": 6, "give": 6,
    "release": 5, "give, then call": 2, "delete": 1, "win at once": 1, "call and accept": 6,
}  # fmt: skip
_ACCEPTED = {"nothing": 30, "call": 8, "quote": 10, "lose": 5, "pass on": 2, "give": 2, "release": 2, "back to lead": 1}
_QUOTED = {"nothing": 30, "win": 2, "lose": 6, "call": 2}
_CLOSED = {"nothing": 60, "reopen": 2, "call": 1}
_ACTS = {
    "lead": _ON_OFFER, "opportunity": _ACCEPTED, "converted": _QUOTED, "won": _CLOSED, "lost": _CLOSED,
    "cancelled": _CLOSED,
}  # fmt: skip
_LOST = ("too small", "next quarter", "too expensive")


class Sales:
    """Everybody who works in the CRM. `hour` is an hour or so of it."""

    def __init__(self, crm: MonthCrm, random: Random) -> None:
        self._crm = crm
        self._random = random

    def hour(self) -> None:
        """Each record may be worked on by its owner, or by a manager."""
        for deal in records_of(self._crm):
            if self._random.random() < 0.5:
                self._work_on(deal)

    def _work_on(self, deal: Deal) -> None:
        acts = _ACTS[deal.stage]
        act = self._random.choices(list(acts), list(acts.values()))[0]
        if deal.owner is None and act not in ("nothing", "reopen"):
            act = "give" if self._random.random() < 0.1 else "nothing"
        owner = "u-" + (deal.owner or "e-boss").removeprefix("e-")
        if act != "nothing":
            getattr(self, "_" + act.replace(", ", "_").replace(" ", "_"))(deal, owner)

    def _call(self, deal: Deal, owner: str) -> None:
        self._crm.note(deal.id, self._random.choice(["called, left a message", "mailed the price list"]), owner)

    def _robot(self, deal: Deal, _owner: str) -> None:
        self._crm.note(deal.id, "called automatically", DIALLER)

    def _called_in(self, deal: Deal, owner: str) -> None:
        self._crm.note(deal.id, "called us about an invoice", owner)

    def _accept(self, deal: Deal, owner: str) -> None:
        self._crm.act(deal.id, owner, stage="opportunity")

    def _call_and_accept(self, deal: Deal, owner: str) -> None:
        self._call(deal, owner)
        self._accept(deal, owner)

    def _reject(self, deal: Deal, owner: str) -> None:
        self._crm.act(deal.id, owner, stage="cancelled", reason=self._random.choice(["too small", "next quarter", ""]))

    def _pass_on(self, deal: Deal, owner: str) -> None:
        team = next((reps for reps in TEAMS.values() if f"e-{owner[2:]}" in {f"e-{rep}" for rep in reps}), REPS)
        others = [rep for rep in (team if self._random.random() < 0.8 else REPS) if rep != owner[2:]]
        self._crm.act(deal.id, owner, owner=f"e-{self._random.choice(others)}")

    def _give(self, deal: Deal, _owner: str) -> None:
        boss = self._random.choice(list(MANAGERS.values()))
        self._crm.act(deal.id, f"u-{boss}", owner=f"e-{self._random.choice(REPS)}")

    def _give_then_call(self, deal: Deal, owner: str) -> None:
        self._give(deal, owner)
        now = self._crm.deals[deal.id]
        self._call(now, "u-" + (now.owner or "").removeprefix("e-"))

    def _release(self, deal: Deal, owner: str) -> None:
        self._crm.act(deal.id, owner, owner=None)

    def _delete(self, deal: Deal, _owner: str) -> None:
        self._crm.delete(deal.id)

    def _quote(self, deal: Deal, owner: str) -> None:
        self._crm.act(deal.id, owner, stage="converted")

    def _win(self, deal: Deal, owner: str) -> None:
        self._crm.act(deal.id, owner, stage="won")

    _win_at_once = _win

    def _lose(self, deal: Deal, owner: str) -> None:
        self._crm.act(deal.id, owner, stage="lost", reason=self._random.choice(_LOST))

    def _back_to_lead(self, deal: Deal, owner: str) -> None:
        self._crm.act(deal.id, owner, stage="lead")

    def _reopen(self, deal: Deal, owner: str) -> None:
        self._crm.act(deal.id, owner, stage=self._random.choice(["lead", "opportunity"]))
