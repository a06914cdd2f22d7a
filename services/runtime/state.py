"""State as processors see it: bytes by key, read-only; changes are effects (L5: one lane owns it, nothing races)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class State(Protocol):
    """The committed state of one lane."""

    def get(self, key: bytes, /) -> bytes | None:
        """The packed bytes under `key` (first byte = version), or None."""
        ...


class Working(Generic[T]):
    """A batch's decoded view of the state: each key is decoded once, changed freely, and encoded once at the end.

    The objects are the batch's own: committed state is bytes and can't be mutated through it.
    """

    __slots__ = ("_changed", "_decode", "_encode", "_loaded", "_prefix", "_state")

    def __init__(
        self, state: State, *, decode: Callable[[bytes], T], encode: Callable[[T], bytes], prefix: bytes = b""
    ) -> None:
        self._state = state
        self._decode = decode
        self._encode = encode
        self._prefix = prefix
        self._loaded: dict[bytes, T | None] = {}
        self._changed: dict[bytes, None] = {}

    def get(self, key: bytes) -> T | None:
        """The value under `key`, including changes made in this batch."""
        if key in self._loaded:
            return self._loaded[key]
        packed = self._state.get(self._prefix + key)
        value = None if packed is None else self._decode(packed)
        self._loaded[key] = value
        return value

    def put(self, key: bytes, value: T | None) -> None:
        """Sets `key` (None deletes). Call it also after changing an object that `get` returned."""
        self._loaded[key] = value
        self._changed[key] = None

    def changes(self) -> dict[bytes, bytes | None]:
        """Encoded changes for `Effects.states`, in the order of first change."""
        result: dict[bytes, bytes | None] = {}
        for key in self._changed:
            value = self._loaded[key]
            result[self._prefix + key] = None if value is None else self._encode(value)
        return result


class Overlay:
    """Committed state with changes on top that are decided but not committed; None in `changes` is a deletion."""

    __slots__ = ("_base", "changes")

    def __init__(self, base: State, changes: dict[bytes, bytes | None] | None = None) -> None:
        self._base = base
        self.changes: dict[bytes, bytes | None] = {} if changes is None else changes

    def get(self, key: bytes, /) -> bytes | None:
        if key in self.changes:
            return self.changes[key]
        return self._base.get(key)
