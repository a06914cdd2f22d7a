"""Who decides next: the lanes of a worker take turns on its loop, and the loop goes round between two of them.

Left to themselves all lanes that have something decide in one and the same round of the loop. With many partitions on
a backlog that is seconds in which nothing is sent and no acknowledgement is heard, and the client's patience runs out
over answers that came long ago. Brief decisions hold nobody up, since rounds cost time, too.
"""

from __future__ import annotations

import asyncio
from collections import deque

_ROUNDS = 6
"""An answer takes as many rounds from the socket to the lane that waits for it."""
BRIEF_S = 0.005
"""Lanes may decide as long as this together before the loop has to go round."""
_PAUSE_S = 0.002
"""Who decides later than this after another hardly holds up the same round. (Time of day: on a machine that is busy
with other things it errs on the side of going on, by at most BRIEF_S for each lane.)"""


class Floor:
    """One for all lanes of a loop. First come, first served."""

    def __init__(self, rounds: int = _ROUNDS) -> None:
        self._rounds = rounds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False
        self._spent_s = 0.0
        self._last = 0.0

    async def turn(self) -> None:
        """Returns when it is the caller's turn, which lasts until it awaits something."""
        if self._taken:
            mine = asyncio.get_running_loop().create_future()
            self._waiting.append(mine)
            await mine

    def spent(self, seconds: float) -> None:
        """Takes note of how long somebody decided; after BRIEF_S in one go the loop goes round before the next turn."""
        now = asyncio.get_running_loop().time()
        if now - self._last - seconds > _PAUSE_S:
            self._spent_s = 0.0  # the loop did other things in between
        self._last = now
        self._spent_s += seconds
        if self._spent_s >= BRIEF_S and not self._taken:
            self._taken = True
            self._go_round()

    def _go_round(self) -> None:
        self._spent_s = 0.0
        self._pass_on(self._rounds)

    def _pass_on(self, rounds: int) -> None:
        loop = asyncio.get_running_loop()
        if rounds:
            loop.call_soon(self._pass_on, rounds - 1)
            return
        while self._waiting:
            following = self._waiting.popleft()
            if not following.done():  # who was cancelled while it waited does not want it any more
                following.set_result(None)
                loop.call_soon(self._had_its_turn)  # it decides just before this is called
                return
        self._taken = False

    def _had_its_turn(self) -> None:
        if self._spent_s < BRIEF_S:
            self._pass_on(0)
        else:
            self._go_round()
