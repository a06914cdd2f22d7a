"""RecordBatches to fill: compressed when that pays.

A group of a quiet lane is a state or two. To compress it costs the worker, the broker (which opens each batch to check
it) and every reader more than the bytes are worth; a backlog's groups are a third of their size afterwards.
"""

from __future__ import annotations

from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder

SMALL_BYTES = 4096
"""Up to here a batch goes as it is."""
_UNCOMPRESSED = 0


def new_batch(producer: Any, content_bytes: int) -> Any:
    """A batch for `producer.send_batch` that is going to hold about `content_bytes` of keys and values."""
    if content_bytes > SMALL_BYTES:
        return producer.create_batch()
    return BatchBuilder(producer._message_accumulator._batch_size, _UNCOMPRESSED)
