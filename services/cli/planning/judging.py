"""A turn of the scorer that never ends, and in which everybody is judged by each side of a plan.

What people do, who they are and whom they work for is the same on all sides and taken in once; of a lead each side has
its own (`Lead`), and its own timers. The rules are the scorer's: this says only under which definitions they are asked.

A plan tells who qualifies, not how grades move on the way there, so grades are one here: then the scorer looks at a
person only when it may cross a threshold, which is what most of the time was spent on. The grade with which somebody
qualifies is read from the judgement, by the definition as it is. Nothing that depends on a grade decides on who
qualifies: colleagues' stories and alerts are told to people, and by nobody read here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from services.runtime.effects import Send
from services.runtime.processor import Context
from services.runtime.timers import Timers
from services.scorer.definition import Rules
from services.scorer.engagement import Change
from services.scorer.hops import Signal, Stopped
from services.scorer.identity import Keyring
from services.scorer.person import Lead, Person
from services.scorer.qualification import Judgement
from services.scorer.scope import Definitions
from services.scorer.turn import Turn

HOPS = ("engagement.linked", "accounts.members", "accounts.signals")
_STOPPED = Stopped.TYPE.encode()
NEVER = 1 << 62
_BELOW_ALL = (-(1 << 62),) * 3
Qualified = Callable[[str, Judgement, str, int], None]
"""Is told of a qualification: the person's key, the judgement, the handoff, when (Baton ms)."""


class Judge:
    """One side: its definitions, and what became of everybody's lead under them."""

    def __init__(self, definitions: Definitions, qualified: Qualified) -> None:
        rules = tuple(
            replace(each, fit_bounds=_BELOW_ALL, engagement_bounds=_BELOW_ALL, alerts=None)
            for each in definitions.rules
        )
        self.definitions = Definitions(rules, {each.judged: each for each in rules})
        self.qualified = qualified
        self.leads: dict[str, Lead] = {}
        self.timers = Timers()


class Judges(Turn):
    """Takes whatever the scorer decides on to each judge. `hops` is what the scorer tells itself: to be worked off."""

    def __init__(self, judges: Sequence[Judge], counting: Rules, keyring: Keyring, context: Context) -> None:
        super().__init__(judges[0].definitions, keyring, {}, context)
        self.hops: deque[Send] = deque()
        self.asked: Sequence[Judge] = judges
        """Those that decide at present: all of them, or the one whose timer rings."""
        self.soonest = NEVER
        """No timer of any judge is due before."""
        self._judges = judges
        self._counting = counting
        self._judge: Judge | None = None

    def counting(self, one: Person) -> Rules:  # noqa: ARG002
        return self._counting

    def send(self, *sends: Send) -> None:
        """Keeps what the scorer tells itself. That a linked identity's handoff is void decides on nobody."""
        for send in sends:
            if send.topic in HOPS and dict(send.headers)["ce_type"] != _STOPPED:
                self.hops.append(send)

    def after_event(self, key: str, one: Person, change: Change) -> None:
        if one.root is not None:
            super().after_event(key, one, change)
            return
        for judge in self.asked:
            self._under(judge, key, one)
            super().after_event(key, one, change)
            self._noted()

    def decide(self, key: str, one: Person, **how: object) -> None:
        if self._judge is not None:
            super().decide(key, one, **how)  # type: ignore[arg-type]
            return
        for judge in self.asked:
            self._under(judge, key, one)
            super().decide(key, one, **how)  # type: ignore[arg-type]
            self._noted()

    def hear(self, key: str, one: Person, signal: Signal) -> None:
        """Whoever waits for the account's answer on any side is decided on."""
        waiting = (judge.leads[key] for judge in self._judges if key in judge.leads)
        one.lead = next((lead for lead in waiting if lead.held_at), one.lead)
        super().hear(key, one, signal)

    def withdraw_all(self, key: str, one: Person, reason: str) -> None:
        for judge in self._judges:
            self._under(judge, key, one)
            super().withdraw_all(key, one, reason)
            self._noted()

    def resign(self, key: str, one: Person) -> None:
        for judge in self._judges:
            self._under(judge, key, one)
            super().resign(key, one)
            self._noted()

    def forget(self, key: str, one: Person, at: int) -> None:
        super().forget(key, one, at)
        for judge in self._judges:
            judge.timers.apply(self.effects.timers)
            judge.leads.pop(key, None)
        self.effects.timers.clear()

    def tell_scored(self, key: str, one: Person, judgement: Judgement, now: int) -> None:
        """Nobody reads it here."""

    def tell_qualified(
        self,
        key: str,
        one: Person,
        judgement: Judgement,
        now: int,
        event_at: int,  # noqa: ARG002
        cause: str,  # noqa: ARG002
    ) -> None:
        if self._judge is not None:
            self._judge.qualified(key, judgement, one.lead.handoff or "", now)

    def _under(self, judge: Judge, key: str, one: Person) -> None:
        """From here on this judge decides, on its own lead of the person; until `_noted`."""
        self._judge = judge
        self.definitions = judge.definitions
        lead = judge.leads.get(key)
        if lead is None:
            lead = judge.leads[key] = Lead()
        one.lead = lead

    def _noted(self) -> None:
        judge, self._judge = self._judge, None
        timers = self.effects.timers
        if timers and judge is not None:
            judge.timers.apply(timers)
            for due in timers.values():
                if due is not None and due < self.soonest:
                    self.soonest = due
            timers.clear()
