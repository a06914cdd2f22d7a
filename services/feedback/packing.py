"""State as bytes: one version byte, then msgpack. Dictionaries are packed in their own order, so whoever builds one
keeps it sorted, and equal states are equal bytes (L1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

T = TypeVar("T")
LAYOUT = b"\x01"

_encoder = msgspec.msgpack.Encoder()


def pack(value: msgspec.Struct) -> bytes:
    """The bytes of `value`, first the layout's version."""
    return LAYOUT + _encoder.encode(value)


def unpacker(kind: type[T]) -> Callable[[bytes], T]:
    """The reverse of `pack` for one type. Raises ValueError for another layout: a journal of a foreign version."""
    decoder = msgspec.msgpack.Decoder(kind)

    def unpack(packed: bytes) -> T:
        if packed[:1] != LAYOUT:
            raise ValueError(f"{kind.__name__}: state layout {packed[:1]!r}, this code reads {LAYOUT!r}")
        return decoder.decode(memoryview(packed)[1:])

    return unpack
