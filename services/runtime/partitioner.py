"""Which partition a key belongs to: Kafka's own murmur2 rule, so that every client and every engine agree."""

from __future__ import annotations

import struct
from functools import lru_cache

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit hash of `data` that Kafka's Java client uses, as an unsigned number."""
    length = len(data)
    whole = length // 4
    digest = _SEED ^ length
    for word in struct.unpack_from(f"<{whole}I", data):
        mixed = word * _MULTIPLIER & _MASK
        mixed = (mixed ^ mixed >> 24) * _MULTIPLIER & _MASK
        digest = digest * _MULTIPLIER & _MASK ^ mixed
    if rest := data[whole * 4 :]:
        digest = (digest ^ int.from_bytes(rest, "little")) * _MULTIPLIER & _MASK
    digest = (digest ^ digest >> 13) * _MULTIPLIER & _MASK
    return digest ^ digest >> 15


@lru_cache(maxsize=1 << 17)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of `key` among `partitions`. Records without key have none: producers spread them.

    >>> partition_of(b"a lead", 24) == partition_of(b"a lead", 24) < 24
    True
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions
