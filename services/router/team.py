"""The team's side: one writer for the turns, the capacity and the queue of a team (L5).

Reps who are away or at capacity are passed over by name and reason. When nobody can take a lead it waits, the most
urgent tier first, then in order of arrival; the queue is looked at whenever something may have changed: a release, a
request, the end of an absence, or every few business minutes.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from baton_schemas.routing import AssignRequest, PassedOver, ReleaseRequest, RoutingReply
from services.router.decisions import Absent, Choice, choose
from services.router.occasion import TEAM, Occasion
from services.router.rotation import Rotation, admit, charge, refund, standing
from services.router.rules import Crew
from services.router.where import urgency_of

QUEUE = "queue"
MOST_WAITING = 1500
"""Longer queues are not kept: whoever comes then is refused, and people are told."""


class Claim(msgspec.Struct, array_like=True):
    """What one version of a handoff holds: a rep's capacity, and the turn that it cost in its pool."""

    pool: str
    rep: str
    cost: int


class Waiting(msgspec.Struct, array_like=True):
    """A request that waits. Sorted by (urgency, number): number counts arrivals at this team."""

    urgency: int
    number: int
    handoff: str
    version: int
    lead: str
    pool: str
    territory: str
    preferred: str | None
    excluded: list[str]


class TeamState(msgspec.Struct, array_like=True):
    """A team's claims by `handoff/version`, its rotations by pool, its queue, the last events."""

    claims: dict[str, Claim] = {}
    rotations: dict[str, Rotation] = {}
    queue: list[Waiting] = []
    arrivals: int = 0
    marks: list[bytes] = []


class Desk:
    """One team on one occasion."""

    def __init__(self, occasion: Occasion, team: str, state: TeamState) -> None:
        self.team = team
        self.state = state
        self.occasion = occasion
        self.crew: Crew | None = occasion.rules.crews.get(team)
        self._open = Counter(claim.rep for claim in state.claims.values())
        self._absent = {} if self.crew is None else _absent(self.crew, occasion.at)

    def assign(self, request: AssignRequest) -> None:
        """Answers a request: with a rep, with a place in the queue, or with why nobody ever can. A repeat of a request
        that holds or waits changes nothing."""
        key = _key(request.handoff, request.version)
        if key in self.state.claims or any(_key(w.handoff, w.version) == key for w in self.state.queue):
            return
        self.serve_queue()
        self.state.arrivals += 1
        waiting = Waiting(
            urgency_of(self.occasion, request.territory, request.tier),
            self.state.arrivals,
            request.handoff,
            request.version,
            request.lead,
            request.pool,
            request.territory,
            request.preferred,
            list(request.excluded),
        )
        if request.charged is not None:
            self._take(waiting, Choice(request.charged, "charged", ()))
        elif not self._try(waiting, new=True):
            self.state.queue.append(waiting)
        self.set_timer()

    def release(self, request: ReleaseRequest) -> None:
        """Frees what a version holds, or its place in the queue; gives the turn back when asked to."""
        state = self.state
        state.queue = [w for w in state.queue if (w.handoff, w.version) != (request.handoff, request.version)]
        claim = state.claims.pop(_key(request.handoff, request.version), None)
        if claim is not None:
            self._open[claim.rep] -= 1
            if request.refund and claim.pool in state.rotations:
                refund(state.rotations[claim.pool], claim.rep, claim.cost)
        self.serve_queue()
        self.set_timer()

    def serve_queue(self) -> None:
        """Gives waiting leads to whoever can take them by now, in their order."""
        self.state.queue.sort(key=lambda waiting: (waiting.urgency, waiting.number))
        left: list[Waiting] = []
        stuck = self._stuck_pools()
        for waiting in self.state.queue:
            if waiting.preferred is None and waiting.pool in stuck:
                left.append(waiting)
            elif self._try(waiting, new=False):
                stuck = self._stuck_pools()
            else:
                left.append(waiting)
        self.state.queue = left

    def set_timer(self) -> None:
        """Looks at the queue again when the next absence ends, or after some business minutes."""
        key, crew, at = TEAM + self.team.encode(), self.crew, self.occasion.at
        if not self.state.queue or crew is None:
            self.occasion.timer(key, QUEUE, None)
            return
        looks = [crew.calendar.deadline(at, crew.team.retry_minutes * 60)]
        for pool in sorted({waiting.pool for waiting in self.state.queue}):
            back = (crew.away_until(rep, at) for rep in crew.pools.get(pool, ()))
            looks.extend(until for until in back if until is not None)
        self.occasion.timer(key, QUEUE, min(looks))

    def _stuck_pools(self) -> set[str]:
        """Pools in which nobody can take anything now: spares a full look at every lead of a long queue."""
        crew = self.crew
        if crew is None or not self.state.queue:
            return set()
        return {pool for pool in crew.pools if len(self._unavailable(crew, pool)) == len(crew.pools[pool])}

    def _try(self, waiting: Waiting, *, new: bool) -> bool:
        """Decides on a lead now. False when it waits (on)."""
        crew = self.crew
        if crew is None or waiting.pool not in crew.pools:
            self._reply(waiting, "refused", Choice(None, "unknown_pool", ()))
            return True
        rotation = self._admitted(crew, waiting.pool)
        choice = choose(
            crew,
            waiting.pool,
            rotation,
            open_claims=self._open,
            absent=self._absent,
            preferred=waiting.preferred,
            only_preferred=self._foreign(waiting),
            excluded=waiting.excluded,
        )
        if choice.rep is not None:
            self._take(waiting, choice)
            return True
        if choice.final or (new and len(self.state.queue) >= MOST_WAITING):
            reason = choice.reason if choice.final else "queue_full"
            self._reply(waiting, "refused", Choice(None, reason, choice.passed_over))
            return True
        if new:
            self._reply(waiting, "waiting", choice)
        return False

    def _take(self, waiting: Waiting, choice: Choice) -> None:
        rep = choice.rep
        assert rep is not None  # noqa: S101  the caller has checked
        crew = self.crew
        cost, turn = 0, {}
        if crew is not None and waiting.pool in crew.pools:
            rotation = self._admitted(crew, waiting.pool)
            turn = standing(rotation)
            cost = charge(rotation, rep, crew.pools[waiting.pool].get(rep, 1))
        self.state.claims[_key(waiting.handoff, waiting.version)] = Claim(waiting.pool, rep, cost)
        self._open[rep] += 1
        self._reply(waiting, "assigned", choice, turn)

    def _reply(
        self,
        waiting: Waiting,
        status: Literal["assigned", "waiting", "refused"],
        choice: Choice,
        turn: dict[str, float] | None = None,
    ) -> None:
        message = RoutingReply(
            handoff=waiting.handoff,
            version=waiting.version,
            lead=waiting.lead,
            team=self.team,
            pool=waiting.pool,
            status=status,
            rep=choice.rep,
            reason=choice.reason,
            passed_over=[PassedOver(rep=p.rep, reason=p.reason, detail=p.detail) for p in choice.passed_over],
            turn=turn or {},
            at=self.occasion.at,
        )
        self.occasion.send("routing.replies", waiting.lead, message, f"{waiting.handoff}/{waiting.version}/{status}")

    def _admitted(self, crew: Crew, pool: str) -> Rotation:
        rotation = self.state.rotations.setdefault(pool, Rotation())
        admit(rotation, crew.pools[pool], self._unavailable(crew, pool))
        return rotation

    def _unavailable(self, crew: Crew, pool: str) -> set[str]:
        """Members who are away or at capacity."""
        return {r for r in crew.pools[pool] if r in self._absent or self._open[r] >= crew.reps[r].capacity}

    def _foreign(self, waiting: Waiting) -> bool:
        """Whether the lead's territory belongs to another team: then only the preferred owner is meant (H2)."""
        territory = self.occasion.rules.territories.get(waiting.territory)
        return waiting.preferred is not None and territory is not None and territory.team != self.team


def _absent(crew: Crew, at: int) -> Absent:
    away = ((rep, crew.away_until(rep, at)) for rep in crew.reps)
    return {rep: until for rep, until in away if until is not None}


def _key(handoff: str, version: int) -> str:
    return f"{handoff}/{version}"
