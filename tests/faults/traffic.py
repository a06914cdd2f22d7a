"""What goes into a fault test: every kind of event over all keys, both outer inputs and all partitions."""

from __future__ import annotations

from tests.contract.toy import ALPHA, BETA
from tests.faults.outer_log import OuterLog

KEYS = tuple(b"key-%d" % number for number in range(12))
KINDS = (b"plain", b"plain", b"!wide 2", b"!letter", b"plain", b"!permanent", b"plain", b"!forget", None, b"\xff\xfe")


def mixed(log: OuterLog, count: int) -> None:
    """`count` events of harmless and of poisonous kinds."""
    for index in range(count):
        log.put((ALPHA, BETA)[index % 2], KEYS[index % len(KEYS)], KINDS[index * 7 % len(KINDS)])
    log.flush()


def plain(log: OuterLog, count: int, *, topic: str = ALPHA) -> None:
    """`count` plain events, spread over all partitions."""
    for index in range(count):
        log.put(topic, KEYS[index % len(KEYS)], b"plain", partition=index % log.partitions)
    log.flush()
