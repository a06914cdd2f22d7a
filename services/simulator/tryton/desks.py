"""The simulated sales team at its screens: finds what lies on its desks in Tryton, and does with it what people do.

It knows nothing but what the screen shows: whose record it is, whom it is about, and the story that came with it. A
plan is a function of the seed, the record and its owner; people look again before they act, and let go of what is not
theirs any more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, NamedTuple

import aiohttp

from baton_schemas.contract import parse_time
from services.runtime.clock import Clock
from services.simulator.odds import truth
from services.simulator.people import Person
from services.simulator.tryton.reps import OPPORTUNITY, RepAtWork
from services.simulator.tryton.rpc import Fault, Session
from services.simulator.tryton.server import TrytonServer

MINUTE_MS = 60_000
_LOOK_S = 0.5
_AT_ONCE = 2
_DUE = re.compile(r"First touch due (\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC")
_ACTED = re.compile(r"^  \d{4}-\d\d-\d\d  (\w+(?: \w+)*?)(?: /|\s*$)", re.MULTILINE)
_REJECTED = ("wrong industry", "no say in it", "not interested", "next quarter", "student", "wrong number")
_LOST = ("not interested", "next year", "no budget", "too expensive", "bought from a competitor")
_FORGETS, _LATE, _PASSES_ON, _RELEASES, _NO_ANSWER = 0.10, 0.12, 0.03, 0.02, 0.05
_FIELDS = ["reference", "state", "comment", "employee.party.code", "contact.value", "last_modified_at"]


class Act(NamedTuple):
    """What somebody will do with a record at `at` (Baton ms): a method of `RepAtWork` and what it is given."""

    at: int
    record: int
    rep: str
    method: str
    arguments: tuple[Any, ...] = ()


def plan(
    row: dict[str, Any], rep: str, person: Person | None, colleagues: Sequence[str], now: int, seed: int, turn: int = 1
) -> list[Act]:
    """What `rep` will do with a record that lies on the desk since `now`; nothing when it is forgotten. The story's
    protagonist (number 0) is forgotten by the first who has her; whoever gets her then calls soon, and wins."""
    random = Random(f"{seed}/{row['reference']}/{rep}")
    record, window = int(row["id"]), max(_due(row, now) - now, 5 * MINUTE_MS)

    def act(at: int, method: str, *arguments: Any) -> Act:
        return Act(at, record, rep, method, arguments)

    if person is not None and person.number == 0:
        soon = now + 20 * MINUTE_MS
        called = [act(soon, "note", "called, wants an offer"), act(soon + 10 * MINUTE_MS, "qualify")]
        return [] if turn == 1 else [*called, act(soon + 120 * MINUTE_MS, "win")]
    others = [each for each in colleagues if each != rep]
    if others and random.random() < _PASSES_ON:
        return [act(now + window // 3, "hand_to", random.choice(others))]
    if random.random() < _RELEASES:
        return [act(now + window // 3, "let_go")]
    if random.random() < _FORGETS:
        return []
    late = random.random() < _LATE
    touched = now + int(window * (random.uniform(1.02, 1.3) if late else random.uniform(0.08, 0.85)))
    acts = [act(touched, "note", random.choice(("called, left a message", "called and talked", "mailed the brochure")))]
    if random.random() < 0.1:
        acts.append(act(touched + MINUTE_MS, "note", "called us back, asks about prices"))
    return [*acts, *_after_touch(act, random, row, person, touched)]


def _after_touch(
    act: Callable[..., Act], random: Random, row: dict[str, Any], person: Person | None, touched: int
) -> list[Act]:
    """Silence, a rejection, or a deal that is won or lost."""
    if random.random() < _NO_ANSWER:
        return []
    odds = truth(person, {each.replace(" ", "_") for each in _ACTED.findall(row["comment"] or "")})
    heard = touched + random.randint(5, 40) * MINUTE_MS
    if random.random() > odds.accepted:
        return [act(heard, "lose", random.choice(_REJECTED))]
    acts = [act(heard, "qualify")]
    if random.random() < 0.4:
        acts.append(act(heard, "note", "pain: leads wait for days"))
    closed = heard + random.randint(60, 240) * MINUTE_MS
    won = random.random() < odds.won
    return [*acts, act(closed, "win") if won else act(closed, "lose", random.choice(_LOST))]


class SalesFloor:
    """Everybody in sales. `people` are those whom the simulated leads are; `reps` the ids of who may have a record."""

    def __init__(self, people: Iterable[Person], reps: Sequence[str], *, seed: int) -> None:
        self._people = {person.email.casefold(): person for person in people}
        self._reps = reps
        self._seed = seed
        self._owners: dict[int, str | None] = {}
        self._turns: dict[int, int] = {}
        self._due: list[tuple[int, int, Act]] = []
        self._serial = 0
        self._at_work: dict[str, RepAtWork] = {}
        self._since: Any = None
        self.acts = 0

    async def work(self, http: aiohttp.ClientSession, server: TrytonServer, boss: str, clock: Clock) -> None:
        """Until it is cancelled."""
        overseer = (await RepAtWork.login(http, server, boss)).session
        at_once = asyncio.Semaphore(_AT_ONCE)
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self._look(overseer, clock.now())
                while self._due and self._due[0][0] <= clock.now():
                    task = asyncio.create_task(self._do(heappop(self._due)[2], http, server, at_once))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                    await asyncio.sleep(0)
                await asyncio.sleep(_LOOK_S)
        finally:
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _look(self, overseer: Session, now: int) -> None:
        """Plans for what is new on a desk; whoever had it before lets go of it."""
        domain: list[object] = [["reference", "like", "h%"], ["state", "in", ["lead", "opportunity"]]]
        if self._since is not None:
            domain.append(["last_modified_at", ">=", self._since])
        order = [["last_modified_at", "ASC"]]
        rows = await overseer.call(OPPORTUNITY, "search_read", domain, 0, None, order, list(_FIELDS))
        for row in rows:
            self._since = row["last_modified_at"]
            owner = ((row.get("employee.") or {}).get("party.") or {}).get("code")
            if self._owners.get(row["id"], "") == owner:
                continue
            self._owners[row["id"]] = owner
            self._turns[row["id"]] = turn = self._turns.get(row["id"], 0) + 1
            if owner is not None and owner in self._reps and row["state"] == "lead":
                email = str((row.get("contact.") or {}).get("value") or "").casefold()
                for act in plan(row, owner, self._people.get(email), self._reps, now, self._seed, turn):
                    self._serial += 1
                    heappush(self._due, (act.at, self._serial, act))

    async def _do(
        self, act: Act, http: aiohttp.ClientSession, server: TrytonServer, at_once: asyncio.Semaphore
    ) -> None:
        async with at_once:
            if self._owners.get(act.record) != act.rep:
                return
            if act.rep not in self._at_work:
                self._at_work[act.rep] = await RepAtWork.login(http, server, act.rep)
            try:
                await getattr(self._at_work[act.rep], act.method)(act.record, *act.arguments)
            except Fault:  # somebody else was quicker: the screen shows why, and the rep shrugs
                return
            self.acts += 1


def _due(row: dict[str, Any], now: int) -> int:
    found = _DUE.search(row["comment"] or "")
    return parse_time(f"{found[1]}T{found[2]}:00Z") if found else now + 60 * MINUTE_MS
