"""The account's side: one writer for how many of a company's people were given to sales lately (L5).

A place counts for the days of the limit, from when it was granted. Who finds no room waits here, the most urgent tier
first, then in order of arrival; the queue is looked at with every request, whenever a place runs out, and once a day
for the sake of a changed limit. A place carries handoff and version, so it is given back exactly once.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from baton_schemas.documents.sla import PressureLimit
from baton_schemas.routing import PressureReply, PressureRequest
from services.router.occasion import ACCOUNT, Occasion
from services.router.pressure import DAY_MS, LOOK_MS, free_again
from services.router.where import urgency_of

PLACES = "places"
MOST_WAITING = 1500
"""Longer queues are not kept: whoever comes then is refused, and asks again."""

LONGEST_MS = 90 * DAY_MS
"""How long places are kept while no limit says how long they count."""

REPEATS_MS = 7 * DAY_MS
"""How long requests stay on their topic, so that one may come again: so long the last ones are remembered."""


class Waiter(msgspec.Struct, array_like=True):
    """A handoff that waits for a place. Sorted by (urgency, number): number counts arrivals at this account."""

    urgency: int
    number: int
    handoff: str
    version: int
    lead: str


class AccountState(msgspec.Struct, array_like=True):
    """When each place (`handoff/version`) was taken, who waits, how many came, the last events and when the last."""

    places: dict[str, int] = {}
    queue: list[Waiter] = []
    arrivals: int = 0
    marks: list[bytes] = []
    heard_at: int = 0

    def over(self, at: int) -> bool:
        """Whether there is nothing left to remember."""
        return not self.places and not self.queue and at >= self.heard_at + REPEATS_MS


class Gate:
    """One account on one occasion."""

    def __init__(self, occasion: Occasion, account: str, state: AccountState) -> None:
        self.account = account
        self.state = state
        self.occasion = occasion
        limits = occasion.rules.pressure
        self._limit: PressureLimit | None = None if limits is None else limits.per_account
        window = LONGEST_MS if self._limit is None else self._limit.days * DAY_MS
        self.state.places = {key: at for key, at in state.places.items() if at > occasion.at - window}
        self._window = window

    @property
    def over(self) -> bool:
        """Whether the account may be forgotten."""
        return self.state.over(self.occasion.at)

    def hear(self, request: PressureRequest) -> None:
        """Grants a place or a wait, counts what a person opened, or takes a place back."""
        key = _key(request.handoff, request.version)
        self.state.heard_at = self.occasion.at
        if request.kind == "take":
            self.serve()
            self._take(request, key)
        else:
            self.state.queue = [waiter for waiter in self.state.queue if _key(waiter.handoff, waiter.version) != key]
            if request.kind == "count":
                self.state.places.setdefault(key, request.at)
                self._reply(request.handoff, request.version, request.lead, "granted")
            else:
                self.state.places.pop(key, None)
            self.serve()

    def serve(self) -> None:
        """Gives places to those who wait, in their order, as far as there is room."""
        self.state.queue.sort(key=lambda waiter: (waiter.urgency, waiter.number))
        while self.state.queue and self._full_until() is None:
            waiter = self.state.queue.pop(0)
            self._grant(waiter.handoff, waiter.version, waiter.lead)

    def set_timer(self) -> None:
        """Sets the next look: when a place runs out, at the latest after a day; without a queue, when all is over."""
        state, now = self.state, self.occasion.at
        due: int | None
        if state.queue:
            due = min(self._full_until() or now, now + LOOK_MS)
        elif state.over(now):
            due = None
        else:
            due = max([state.heard_at + REPEATS_MS, *(at + self._window for at in state.places.values())])
        self.occasion.timer(ACCOUNT + self.account.encode(), PLACES, due)

    def _take(self, request: PressureRequest, key: str) -> None:
        state = self.state
        if key in state.places:
            self._reply(request.handoff, request.version, request.lead, "granted")
            return
        if any(_key(waiter.handoff, waiter.version) == key for waiter in state.queue):
            return
        until = self._full_until()
        if until is None:
            self._grant(request.handoff, request.version, request.lead)
        elif len(state.queue) >= MOST_WAITING:
            self._reply(request.handoff, request.version, request.lead, "refused", until)
        else:
            state.arrivals += 1
            rank = urgency_of(self.occasion, request.territory, request.tier)
            state.queue.append(Waiter(rank, state.arrivals, request.handoff, request.version, request.lead))
            self._reply(request.handoff, request.version, request.lead, "waiting", until)

    def _grant(self, handoff: str, version: int, lead: str) -> None:
        self.state.places[_key(handoff, version)] = self.occasion.at
        self._reply(handoff, version, lead, "granted")

    def _full_until(self) -> int | None:
        """When there is room again, None when there is now."""
        if self._limit is None:
            return None
        return free_again(self._limit, self.state.places.values(), self.occasion.at)

    def _reply(
        self,
        handoff: str,
        version: int,
        lead: str,
        status: Literal["granted", "waiting", "refused"],
        until: int | None = None,
    ) -> None:
        message = PressureReply(
            account=self.account,
            handoff=handoff,
            version=version,
            lead=lead,
            status=status,
            until=until,
            at=self.occasion.at,
        )
        self.occasion.send("routing.replies", lead, message, f"{handoff}/{version}/{status}")


def _key(handoff: str, version: int) -> str:
    return f"{handoff}/{version}"
