"""Questions to a broker that is fresh, loading or just back: asked again until it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaException

from tests.faults.waiting import PATIENCE_S

T = TypeVar("T")
ASK_S = 3.0
_BACKOFF_S = 0.1
_ASK_AGAIN = {
    "COORDINATOR_LOAD_IN_PROGRESS",
    "COORDINATOR_NOT_AVAILABLE",
    "NOT_COORDINATOR",
    "FENCED_LEADER_EPOCH",
    "UNKNOWN_LEADER_EPOCH",
    "NOT_LEADER_FOR_PARTITION",
    "LEADER_NOT_AVAILABLE",
    "OFFSET_NOT_AVAILABLE",
    "REQUEST_TIMED_OUT",
    "_TIMED_OUT",
    "_TRANSPORT",
    "_ALL_BROKERS_DOWN",
    "_WAIT_COORD",
}


def patiently(ask: Callable[[], T]) -> T:
    """The answer to `ask()`, as soon as there is one."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].name() not in _ASK_AGAIN or time.monotonic() > deadline:
                raise
            time.sleep(_BACKOFF_S)


def done(answers: Mapping[Any, Future[Any]]) -> list[Any]:
    """The answers to one call of an admin client, which must not go away before it has them all."""
    return [answer.result(2 * PATIENCE_S) for answer in answers.values()]
