"""Which batches a search by key unpacks, and that it misses none that counts."""

from __future__ import annotations

import struct
from itertools import count

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from services.runtime.kafka.reader import Fetched
from services.runtime.kafka.sieve import Sieve


def log(*batches: list[bytes], codec: int = 0) -> bytes:
    """Batches of records that have these keys."""
    written, offset = b"", 0
    for keys in batches:
        builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 20)
        for place, key in zip(count(), keys, strict=False):
            builder.append(place, 0, key, b"value", [])
        packed = bytearray(builder.build())
        struct.pack_into(">q", packed, 0, offset)
        offset += len(keys)
        written += packed
    return written


def found(sieve: Sieve, data: bytes) -> list[bytes]:
    return [record.key for records, _ in sieve.batches(Fetched(data, 99, ())) for record in records]


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4], ids=["plain", "gzip", "snappy", "lz4", "zstd"])
def test_only_batches_that_can_hold_the_key_are_unpacked(codec: int) -> None:
    data = log([b"a", b"b"] * 30, [b"c", b"mine"] * 30, [b"d"] * 60, [b"mine"], codec=codec)
    sieve = Sieve([b"mine"])
    assert set(found(sieve, data)) == {b"c", b"mine"}
    assert sieve.unpacked == 2
    assert [following for _, following in Sieve([b"x"]).batches(Fetched(data, 99, ()))] == [60, 120, 180, 181]
    assert len(found(Sieve(()), data)) == 181


def test_what_counts_only_with_a_later_record_is_read_up_to_it() -> None:
    data = log([b"a", b"end"], [b"mine"], [b"b"], [b"c", b"end", b"d"], [b"e"], [b"end", b"mine"], [b"f", b"end"])
    wanted = [b"mine", b"b", b"c", b"end", b"d", b"end", b"mine", b"f", b"end"]
    assert found(Sieve([b"mine"], lambda record: record.key == b"end"), data) == wanted
