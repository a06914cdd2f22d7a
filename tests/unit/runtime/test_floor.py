"""Lanes decide one after the other, and between two of them the loop hears what came in."""

from __future__ import annotations

import asyncio

from services.runtime.kafka.floor import Floor


def test_turns_are_taken_in_order_and_the_loop_goes_round_between_two() -> None:
    told: list[str] = []

    async def lane(floor: Floor, name: str) -> None:
        for _ in range(3):
            await floor.turn()
            told.append(name)

    async def answer() -> None:
        """What hangs on several futures in a row, as an acknowledgement does."""
        for _ in range(5):
            await asyncio.sleep(0)
        told.append("answer")

    async def run() -> None:
        floor = Floor(rounds=6)
        await floor.turn()  # all of them have to wait
        await asyncio.gather(lane(floor, "a"), lane(floor, "b"), lane(floor, "c"), answer())

    asyncio.run(run())
    assert [name for name in told if name != "answer"] == list("abcabcabc")
    assert told.index("answer") <= 1


def test_a_free_floor_is_taken_at_once() -> None:
    async def run() -> None:
        floor = Floor(rounds=6)
        turn = floor.turn()
        try:
            turn.send(None)
        except StopIteration:
            return
        raise AssertionError("it waited for nothing")

    asyncio.run(run())


def test_who_was_cancelled_while_it_waited_holds_nobody_up() -> None:
    async def run() -> None:
        floor = Floor(rounds=2)
        await floor.turn()
        gone, stays = asyncio.create_task(floor.turn()), asyncio.create_task(floor.turn())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait_for(stays, 5)
        for _ in range(5):
            await asyncio.sleep(0)
        await asyncio.wait_for(floor.turn(), 5)

    asyncio.run(run())
