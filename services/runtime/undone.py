"""How far a partition is done when its records are done in any order: up to the oldest that is not."""

from __future__ import annotations


class Undone:
    """Offsets that began and did not end. Offsets begin in rising order.

    >>> undone = Undone()
    >>> undone.began(4), undone.began(7), undone.ended(7), undone.position
    (None, None, None, 4)
    >>> undone.ended(4), undone.position
    (None, 8)
    """

    __slots__ = ("_next", "_open")

    def __init__(self) -> None:
        self._open: dict[int, None] = {}
        self._next: int | None = None

    def __len__(self) -> int:
        return len(self._open)

    @property
    def position(self) -> int | None:
        """The offset to read from after a restart; None when nothing began."""
        return next(iter(self._open), self._next)

    def began(self, offset: int) -> None:
        """A record is under way."""
        self._open[offset] = None
        self._next = offset + 1

    def ended(self, offset: int) -> None:
        """It is done. Ending twice changes nothing."""
        self._open.pop(offset, None)
