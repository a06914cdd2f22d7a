"""Lanes decide one after the other, and between two of them the loop hears what came in."""

from __future__ import annotations

import asyncio

from services.runtime.kafka.floor import BRIEF_S, Floor


def test_turns_are_taken_in_order_and_the_loop_goes_round_between_two() -> None:
    told: list[str] = []

    async def lane(floor: Floor, name: str) -> None:
        for _ in range(3):
            await floor.turn()
            told.append(name)
            floor.spent(BRIEF_S)

    async def answer() -> None:
        """What hangs on several futures in a row, as an acknowledgement does."""
        for _ in range(5):
            await asyncio.sleep(0)
        told.append("answer")

    async def run() -> None:
        floor = Floor(rounds=6)
        floor.spent(BRIEF_S)  # all of them have to wait
        await asyncio.gather(lane(floor, "a"), lane(floor, "b"), lane(floor, "c"), answer())

    asyncio.run(run())
    assert [name for name in told if name != "answer"] == list("abcabcabc")
    assert told.index("answer") <= 1


def waits(floor: Floor) -> bool:
    turn = floor.turn()
    try:
        turn.send(None)
    except StopIteration:
        return False
    turn.close()
    return True


def test_brief_decisions_hold_nobody_up_until_they_are_long_together() -> None:
    async def run() -> None:
        floor = Floor(rounds=6)
        for _ in range(4):
            assert not waits(floor)
            floor.spent(BRIEF_S / 4)
        assert waits(floor)
        for _ in range(20):
            await asyncio.sleep(0)
        floor.spent(BRIEF_S / 2)  # counted anew once the loop went round
        assert not waits(floor)

    asyncio.run(run())


def test_who_was_cancelled_while_it_waited_holds_nobody_up() -> None:
    async def run() -> None:
        floor = Floor(rounds=2)
        floor.spent(BRIEF_S)
        gone, stays = asyncio.create_task(floor.turn()), asyncio.create_task(floor.turn())
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait_for(stays, 5)
        for _ in range(5):
            await asyncio.sleep(0)
        await asyncio.wait_for(floor.turn(), 5)

    asyncio.run(run())


def test_who_waits_with_little_to_decide_shares_a_round_with_the_next() -> None:
    async def run() -> list[int]:
        floor, rounds, told = Floor(rounds=6), 0, list[int]()

        async def count() -> None:
            nonlocal rounds
            while True:
                await asyncio.sleep(0)
                rounds += 1

        async def lane() -> None:
            await floor.turn()
            told.append(rounds)
            floor.spent(BRIEF_S / 8)

        floor.spent(BRIEF_S)
        counting = asyncio.create_task(count())
        await asyncio.gather(*(lane() for _ in range(6)))
        counting.cancel()
        return told

    told = asyncio.run(run())
    assert told[-1] - told[0] <= 6  # a round each, and not six


def test_decisions_far_apart_are_not_added_up() -> None:
    async def run() -> None:
        floor = Floor(rounds=6)
        for _ in range(4):
            floor.spent(BRIEF_S / 2)
            assert not waits(floor)
            await asyncio.sleep(2 * BRIEF_S)  # what the promise is about: time in which nobody decides

    asyncio.run(run())
