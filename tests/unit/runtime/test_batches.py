"""A batch is compressed when there is something to compress."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer

from services.runtime.kafka.batches import SMALL_BYTES, new_batch

ATTRIBUTES = slice(21, 23)
ZSTD = 4


def codec(size: int) -> tuple[int, int]:
    """The codec and the length of a batch with a value of so many bytes."""

    async def build() -> bytes:
        producer = AIOKafkaProducer(compression_type="zstd", max_batch_size=1 << 20)
        try:
            batch = new_batch(producer, size)
            assert batch.append(timestamp=None, key=b"k", value=b"v" * size) is not None
            return bytes(batch._build())
        finally:
            producer._closed = True  # it never started

    built = asyncio.run(build())
    return int.from_bytes(built[ATTRIBUTES], "big") & 7, len(built)


def test_small_batches_go_as_they_are() -> None:
    kind, length = codec(SMALL_BYTES)
    assert kind == 0
    assert length > SMALL_BYTES


def test_large_batches_are_compressed() -> None:
    kind, length = codec(SMALL_BYTES + 1)
    assert kind == ZSTD
    assert length < SMALL_BYTES / 4
