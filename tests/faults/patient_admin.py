"""Librdkafka's admin client, asked again while a coordinator loads, moves or a broker is away."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.faults.waiting import PATIENCE_S

_ASK_AGAIN = {
    "COORDINATOR_LOAD_IN_PROGRESS",
    "COORDINATOR_NOT_AVAILABLE",
    "NOT_COORDINATOR",
    "_TIMED_OUT",
    "_TRANSPORT",
    "_ALL_BROKERS_DOWN",
    "REQUEST_TIMED_OUT",
    "FENCED_LEADER_EPOCH",
    "UNKNOWN_LEADER_EPOCH",
    "NOT_LEADER_FOR_PARTITION",
    "LEADER_NOT_AVAILABLE",
    "OFFSET_NOT_AVAILABLE",
}
_ASK_S = 2.0
_BACKOFF_S = 0.1


class PatientAdmin:
    """`ask` calls a method of the client by name."""

    def __init__(self, servers: dict[str, Any]) -> None:
        self._servers = servers
        self._client: Any = AdminClient(servers)

    def ask(self, method: str, *arguments: Any) -> dict[Any, Any]:
        """The answers. A question without one goes to a new client: the old one's connections may be half dead."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answers = getattr(self._client, method)(*arguments, request_timeout=_ASK_S)
                return {asked: answer.result(PATIENCE_S) for asked, answer in answers.items()}
            except KafkaException as error:
                if error.args[0].name() not in _ASK_AGAIN or time.monotonic() > deadline:
                    raise
                time.sleep(_BACKOFF_S)
                self._client = AdminClient(self._servers)

    def ask_one(self, method: str, *arguments: Any) -> Any:
        """The answer to a question about one thing."""
        (answer,) = self.ask(method, *arguments).values()
        return answer
