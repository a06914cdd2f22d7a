"""Fetches that name only what changed since the last one (Kafka's incremental fetch sessions, KIP-227).

A worker reads some forty partitions, of which one or two have something at a time. Without a session each fetch names
all of them and each answer lists all of them: the greatest single cost of a quiet second, on both sides of the wire.
aiokafka knows the protocol's fields and never uses them; here they are filled in between it and its client.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.fetch import FetchRequest

_SINCE_VERSION = 7
_LAST_EPOCH = 2**31 - 1
Wanted = Mapping[tuple[str, int], tuple[int, int]]
"""Offset and most bytes, by topic and partition."""


class FetchSession:
    """What one broker remembers of our last fetch. Whatever is not certain makes the next fetch a whole one."""

    def __init__(self) -> None:
        self.id = 0
        self.epoch = 0
        self.known: Wanted = {}

    def changed(self, wanted: Wanted) -> Wanted:
        """What the next fetch has to name."""
        known = self.known
        return {tp: what for tp, what in wanted.items() if known.get(tp) != what}

    def forgotten(self, wanted: Wanted) -> list[tuple[str, int]]:
        """What the broker is to take off its list."""
        return [tp for tp in self.known if tp not in wanted]

    def answered(self, response: Any, wanted: Wanted) -> None:
        """Takes note of an answer. One with an error (the broker restarted, or made room) carries no records: what
        was wanted is asked for anew."""
        if response.error_code or not response.session_id:
            self.lost()
            return
        self.id, self.known = response.session_id, wanted
        self.epoch = self.epoch + 1 if self.epoch < _LAST_EPOCH else 1

    def lost(self) -> None:
        """Nobody knows what the broker knows: epoch 0 makes it forget the session and begin another."""
        self.epoch, self.known = 0, {}


class _SessionFetch(FetchRequest):  # type: ignore[misc]
    """A fetch of aiokafka's, as the next one of a session."""

    def __init__(self, whole: FetchRequest, session: FetchSession, wanted: Wanted) -> None:
        self.__dict__.update(whole.__dict__)
        self._session = session
        self._wanted = wanted

    def build(self, request_struct_class: Any) -> Any:
        if request_struct_class.API_VERSION < _SINCE_VERSION:
            return super().build(request_struct_class)
        session = self._session
        by_topic = defaultdict(list)
        for (topic, partition), (offset, most) in session.changed(self._wanted).items():
            by_topic[topic].append((partition, offset, most))
        self._topics = list(by_topic.items())
        request = super().build(request_struct_class)
        off_the_list = defaultdict(list)
        for topic, partition in session.forgotten(self._wanted):
            off_the_list[topic].append(partition)
        request.session_id, request.session_epoch = session.id, session.epoch
        request.forgotten_topics_data = list(off_the_list.items())
        return request


def with_fetch_sessions(consumer: AIOKafkaConsumer, most_bytes: Mapping[str, int] | None = None) -> AIOKafkaConsumer:
    """`consumer`, whose fetches are incremental, with a session for each broker. To be called before it starts.
    `most_bytes` says for topics how much of a partition is fetched at a time, where that is less than of others."""
    less = most_bytes or {}
    send, sessions = consumer._client.send, defaultdict[int, FetchSession](FetchSession)

    async def send_in_session(node_id: int, request: Any, **options: Any) -> Any:
        if not isinstance(request, FetchRequest):
            return await send(node_id, request, **options)
        session = sessions[node_id]
        wanted = {
            (topic, partition): (offset, min(most, less.get(topic, most)))
            for topic, partitions in request.topics
            for partition, offset, most in partitions
        }
        try:
            response = await send(node_id, _SessionFetch(request, session, wanted), **options)
        except BaseException:  # a cancelled fetch may have arrived all the same
            session.lost()
            raise
        if response.API_VERSION >= _SINCE_VERSION:
            session.answered(response, wanted)
        return response

    consumer._client.send = send_in_session
    return consumer
