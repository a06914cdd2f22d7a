"""Which batches of a log are worth unpacking for the sake of a few keys: a look at their bytes tells.

Kafka can't be asked for a key; but a record's key stands in its batch as plain bytes, once the batch is decompressed,
which is a small part of unpacking it. What was sent in a transaction that was given up was never said.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords

from services.runtime.kafka.reader import Fetched

_LENGTH = struct.Struct(">i")
_LENGTH_AT, _REST_AT, _RECORDS_AT = 8, 12, 61  # in a batch: how many bytes follow, those bytes, the records in them
_DECODERS: dict[int, Callable[[bytes], bytes]] = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}


class Sieve:
    """Lets batches through in which one of `needles` occurs; without needles, all.

    With `closes`, also what follows such a batch up to the first record of which it is true: where a record counts
    only with a later one.
    """

    def __init__(self, needles: Sequence[bytes], closes: Callable[[Any], bool] | None = None) -> None:
        self.unpacked = 0
        self._needles = needles
        self._closes = closes
        self._open = False

    def batches(self, fetched: Fetched) -> Iterator[tuple[Sequence[Any], int]]:
        """Batch by batch: its records, none of one that is held back, and the offset that follows it."""
        data, batches, at = fetched.data, MemoryRecords(fetched.data), 0
        begun = sorted(fetched.aborted, key=lambda each: each[1])
        given_up: set[int] = set()
        while batches.has_next():
            batch = batches.next_batch()
            start, at = at, at + _REST_AT + _LENGTH.unpack_from(data, at + _LENGTH_AT)[0]
            while begun and begun[0][1] <= batch.base_offset:
                given_up.add(begun.pop(0)[0])
            if batch.is_control_batch:
                if ControlRecord.parse(next(batch).key) == ABORT_MARKER:
                    given_up.discard(batch.producer_id)
                yield (), batch.next_offset
            elif batch.is_transactional and batch.producer_id in given_up:
                yield (), batch.next_offset
            else:
                yield self._unpacked(batch, data, start, at), batch.next_offset

    def _unpacked(self, batch: Any, data: bytes, start: int, end: int) -> Sequence[Any]:
        held = self._holds(batch.compression_type, data, start, end)
        if not held and not self._open:
            return ()
        self.unpacked += 1
        records = list(batch)
        if self._closes is not None and records:
            closed = self._closes(records[-1]) if held else any(map(self._closes, records))
            self._open = not closed
        return records

    def _holds(self, codec: int, data: bytes, start: int, end: int) -> bool:
        if not self._needles:
            return True
        if decode := _DECODERS.get(codec):
            plain = bytes(decode(data[start + _RECORDS_AT : end]))
            return any(needle in plain for needle in self._needles)
        return any(data.find(needle, start, end) >= 0 for needle in self._needles)
