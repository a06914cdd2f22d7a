"""Several who ask the same at the same time become one request: a CRM takes fifty records as fast as one."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from services.connectors.errors import CrmError, Failing, Unavailable

K = TypeVar("K")
V = TypeVar("V")
GATHER_S = 0.2
"""So long those who come one after the other gather: a CRM that makes ten records in one request works half as hard."""
_MOMENT_S = 0.01
MOST = 50


class Together(Generic[K, V]):
    """`ask` answers a list of questions in their order; each is told what became of it.

    When a list fails, one of it may be at fault. A question that only reads is asked again by itself at once. One that
    writes is not, for nobody knows what was carried out: it fails, and whoever asks it again (after a look) asks alone;
    `name` says what is the same question, None means that questions only read.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[K]], Awaitable[Sequence[V]]],
        *,
        name: Callable[[K], Hashable] | None = None,
        gather_s: float = GATHER_S,
    ) -> None:
        self._ask = ask
        self._name = name
        self._gather_s = gather_s
        self._alone: set[Hashable] = set()
        self._waiting: list[tuple[K, asyncio.Future[V]]] = []
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = -math.inf

    async def __call__(self, question: K) -> V:
        """The answer. Raises what `ask` raises."""
        if self._name is not None and (name := self._name(question)) in self._alone:
            [only] = await self._ask([question])
            self._alone.discard(name)
            return only
        answer: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_on())
        return await answer

    async def _ask_on(self) -> None:
        """One request at a time: who comes meanwhile is in the next one. After a quiet time nobody waits for others."""
        quiet = time.monotonic() - self._asked_at > self._gather_s
        try:
            while self._waiting:
                if len(self._waiting) < MOST:
                    await asyncio.sleep(_MOMENT_S if quiet else self._gather_s)
                quiet = False
                waiting, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._answer(waiting)
                self._asked_at = time.monotonic()
        finally:
            self._asking = None

    async def _answer(self, waiting: list[tuple[K, asyncio.Future[V]]]) -> None:
        still = [(question, answer) for question, answer in waiting if not answer.done()]  # some were cancelled
        if not still:
            return
        try:
            answers = await self._ask([question for question, _ in still])
        except CrmError as error:
            if len(still) == 1 or isinstance(error, Unavailable):
                _fail(still, error)
            elif self._name is not None:
                self._alone |= {self._name(question) for question, _ in still}
                _fail(still, Failing(error.code, "one of several"))
            else:
                for one in still:
                    await self._answer([one])
        except Exception as error:  # noqa: BLE001  whoever asked has to hear of it
            _fail(still, error)
        else:
            for (_, future), answer in zip(still, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _fail(waiting: Sequence[tuple[K, asyncio.Future[V]]], error: Exception) -> None:
    for _, answer in waiting:
        if not answer.done():
            answer.set_exception(error)
