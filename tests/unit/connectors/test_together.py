"""Many questions become one request; a failing one fails alone, and no write is repeated without a look."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.connectors.errors import CrmError, Failing, Refused, Unavailable
from services.connectors.together import MOST, Together

pytestmark = pytest.mark.asyncio


class Crm:
    """Doubles numbers; fails at odd ones of its list as told."""

    def __init__(self, error: CrmError | None = None, at: int | None = None) -> None:
        self.asked: list[list[int]] = []
        self._error = error
        self._at = at

    async def __call__(self, questions: Sequence[int]) -> list[int]:
        self.asked.append(list(questions))
        if self._error is not None and (self._at is None or self._at in questions):
            raise self._error
        return [2 * each for each in questions]


async def every(together: Together[int, int], *questions: int) -> list[int | BaseException]:
    return list(await asyncio.gather(*(together(each) for each in questions), return_exceptions=True))


async def test_those_who_ask_together_are_one_request_and_each_gets_his_own_answer() -> None:
    crm = Crm()
    assert await every(Together(crm), 1, 2, 3) == [2, 4, 6]
    assert crm.asked == [[1, 2, 3]]


async def test_a_full_list_goes_at_once() -> None:
    crm = Crm()
    together = Together(crm, gather_s=3600.0)
    assert await every(together, *range(MOST)) == [2 * each for each in range(MOST)]


async def test_a_reading_question_at_fault_fails_alone() -> None:
    crm = Crm(Failing("bad"), at=2)
    one, two, three = await every(Together(crm), 1, 2, 3)
    assert (one, three) == (2, 6)
    assert isinstance(two, Failing)


@pytest.mark.parametrize("error", [Failing("timeout"), Refused("too_long", field="title", fix="shorten it")])
async def test_a_write_is_not_repeated_for_others_and_asked_alone_afterwards(error: CrmError) -> None:
    crm = Crm(error, at=2)
    together = Together(crm, name=lambda question: question)
    assert [type(each) for each in await every(together, 1, 2, 3)] == [Failing] * 3, "nobody knows what was carried out"
    assert crm.asked == [[1, 2, 3]]
    one, two, three = await every(together, 1, 2, 3)
    assert (one, three) == (2, 6)
    assert two is error
    assert sorted(crm.asked[1:]) == [[1], [2], [3]]
    assert await every(together, 1, 3) == [2, 6]
    assert crm.asked[-1] == [1, 3], "who was served is one of many again"


async def test_who_is_away_is_away_for_all_and_asked_once() -> None:
    crm = Crm(Unavailable("away"))
    assert [type(each) for each in await every(Together(crm), 1, 2)] == [Unavailable] * 2
    assert crm.asked == [[1, 2]]


async def test_who_gave_up_waiting_is_not_asked_for() -> None:
    crm = Crm()
    together = Together(crm)
    gone = asyncio.create_task(together(1))
    await asyncio.sleep(0)
    gone.cancel()
    assert await together(2) == 4
    assert crm.asked == [[2]]
