"""State as bytes: a version byte, then MessagePack with sorted keys, so that equal states are equal bytes (L1)."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

STATE_VERSION = 1


class Packing(Generic[T]):
    """Packs and unpacks one kind of state."""

    __slots__ = ("_decoder", "_encoder")

    def __init__(self, kind: type[T]) -> None:
        self._encoder = msgspec.msgpack.Encoder(order="deterministic")
        self._decoder = msgspec.msgpack.Decoder(kind)

    def pack(self, state: T) -> bytes:
        """The state's bytes."""
        return bytes((STATE_VERSION,)) + self._encoder.encode(state)

    def unpack(self, packed: bytes) -> T:
        """The state of `pack`'s bytes. Raises ValueError for a layout of another version."""
        if packed[0] != STATE_VERSION:
            raise ValueError(f"state of layout {packed[0]}, this code reads {STATE_VERSION}")
        return self._decoder.decode(packed[1:])
