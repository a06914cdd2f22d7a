"""A key's partition is the one that Kafka's clients choose."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner, murmur2
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import partitioner


@given(st.binary(max_size=70), st.integers(1, 100))
def test_as_aiokafka_does(key: bytes, partitions: int) -> None:
    assert partitioner.murmur2(key) == murmur2(key)
    everywhere = list(range(partitions))
    assert partitioner.partition_of(key, partitions) == DefaultPartitioner()(key, everywhere, everywhere)


def test_as_the_java_client_does() -> None:
    """Values of Kafka's own unit test, there as signed numbers."""
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    assert {key: partitioner.murmur2(key) for key in known} == {key: value % 2**32 for key, value in known.items()}
