"""Several who ask the same at the same time become one request: a CRM takes fifty records as fast as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from services.connectors.errors import CrmError, Failing, Unavailable

K = TypeVar("K")
V = TypeVar("V")
GATHER_S = 0.01
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
        self._gathering: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def __call__(self, question: K) -> V:
        """The answer. Raises what `ask` raises."""
        if self._name is not None and (name := self._name(question)) in self._alone:
            [only] = await self._ask([question])
            self._alone.discard(name)
            return only
        answer: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if len(self._waiting) >= MOST:
            self._go()
        elif self._gathering is None:
            self._gathering = asyncio.create_task(self._gather())
        return await answer

    async def _gather(self) -> None:
        await asyncio.sleep(self._gather_s)
        self._gathering = None
        self._go()

    def _go(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            task = asyncio.create_task(self._answer(waiting))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

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
