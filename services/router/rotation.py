"""Fair turns: each rep has a place in virtual time, whoever stands lowest is next, and a turn moves him by 1/weight.

All numbers are integers, so equal logs give equal turns. Of two reps who are there all the time, each gets his share
within one turn: |turns_a / weight_a - turns_b / weight_b| <= max(1 / weight_a, 1 / weight_b).

Who could not be served (new, away, full) does not catch up: he comes back at the level of the pool. What a person or a
withdrawal gives back is a credit: it moves him forward by exactly the turn that it cost, and no absence eats it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

TURN = 10**9
"""What one turn costs at weight 1."""


class Seat(msgspec.Struct, array_like=True):
    """A rep's place in a pool. `passed` is what his turns have cost, `credit` what is to be given back."""

    passed: int
    credit: int = 0
    away: bool = False

    @property
    def place(self) -> int:
        """Where he stands: the lowest is next."""
        return self.passed - self.credit


class Rotation(msgspec.Struct, array_like=True):
    """The turns of one pool. `level` never falls: it is where somebody who comes in starts."""

    level: int = 0
    seats: dict[str, Seat] = {}


def cost_of(weight: int) -> int:
    """What a turn costs at a weight."""
    return TURN // weight


def admit(rotation: Rotation, members: Collection[str], unavailable: Collection[str]) -> None:
    """Brings the seats in line with who is in the pool and who can be served now.

    Call it before every choice: it raises the level to the lowest of those who were there all along, seats new reps
    there and brings back who was away.
    """
    seats = rotation.seats
    for rep in [rep for rep in seats if rep not in members]:
        del seats[rep]
    there = [seats[rep].passed for rep in members if rep in seats and not seats[rep].away and rep not in unavailable]
    if there:
        rotation.level = max(rotation.level, min(there))
    for rep in members:
        seat = seats.get(rep)
        if seat is None:
            seat = seats[rep] = Seat(rotation.level)
        elif seat.away and rep not in unavailable:
            seat.passed = max(seat.passed, rotation.level)
        seat.away = rep in unavailable


def next_of(rotation: Rotation, candidates: Collection[str]) -> str | None:
    """Whose turn it is among `candidates` (in the pool's order, which decides ties), or None when there is none."""
    return min(candidates, key=lambda rep: rotation.seats[rep].place, default=None)


def charge(rotation: Rotation, rep: str, weight: int) -> int:
    """Takes a turn from a rep and answers with what it cost: credit is used up first. 0 when he is not in the pool."""
    seat = rotation.seats.get(rep)
    if seat is None:
        return 0
    cost = cost_of(weight)
    used = min(cost, seat.credit)
    seat.credit -= used
    seat.passed += cost - used
    return cost


def refund(rotation: Rotation, rep: str, cost: int) -> None:
    """Gives a turn back, exactly what it cost."""
    seat = rotation.seats.get(rep)
    if seat is not None:
        seat.credit += cost


def standing(rotation: Rotation) -> dict[str, float]:
    """Each rep's place relative to the pool's level, in turns of weight 1, for the decision record."""
    places: Mapping[str, Seat] = rotation.seats
    return {rep: round((seat.place - rotation.level) / TURN, 6) for rep, seat in sorted(places.items())}
