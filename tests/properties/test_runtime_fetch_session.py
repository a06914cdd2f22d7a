"""Whatever a consumer wants and whatever goes wrong: a broker that accepts a fetch knows exactly what is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v4, FetchRequest_v11
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.kafka.fetch_session import FetchSession, Wanted, _SessionFetch

INVALID_EPOCH = 71
PARTITIONS = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 2))
WANTED = st.dictionaries(PARTITIONS, st.tuples(st.integers(0, 3), st.just(1000)), min_size=1)


@dataclass
class SessionOfABroker:
    """KIP-227 as far as a fetch that names changes needs it."""

    id: int = 0
    epoch: int = 0
    partitions: dict[tuple[str, int], int] = field(default_factory=dict)

    def takes(self, request: Any) -> Any:
        named = {(topic, each[0]): each[2] for topic, those in request.topics for each in those}
        if request.session_epoch == 0:
            self.id, self.epoch, self.partitions = self.id + 1, 1, named
        elif (request.session_id, request.session_epoch) == (self.id, self.epoch):
            self.epoch += 1
            self.partitions.update(named)
            for topic, those in request.forgotten_topics_data:
                for partition in those:
                    del self.partitions[topic, partition]
        else:
            return SimpleNamespace(error_code=INVALID_EPOCH, session_id=0)
        return SimpleNamespace(error_code=0, session_id=self.id)


def fetch(wanted: Wanted) -> FetchRequest:
    by_topic: dict[str, list[tuple[int, int, int]]] = {}
    for (topic, partition), (offset, most) in wanted.items():
        by_topic.setdefault(topic, []).append((partition, offset, most))
    return FetchRequest(100, 1, 1 << 20, 1, list(by_topic.items()))


@given(st.lists(st.tuples(WANTED, st.sampled_from(["answered", "answered", "lost before", "lost after", "restart"]))))
def test_a_broker_that_accepts_knows_what_is_wanted(story: list[tuple[Wanted, str]]) -> None:
    broker, session = SessionOfABroker(), FetchSession()
    for wanted, fate in story:
        request = _SessionFetch(fetch(wanted), session, wanted).build(FetchRequest_v11)
        if fate == "lost before":
            session.lost()
            continue
        if fate == "restart":
            broker = SessionOfABroker(id=broker.id + 100)
        answer = broker.takes(request)
        if fate == "lost after":
            session.lost()
            continue
        session.answered(answer, wanted)
        if answer.error_code:
            assert fate == "restart"
        else:
            assert broker.partitions == {tp: offset for tp, (offset, _) in wanted.items()}


def test_a_fetch_names_only_what_moved() -> None:
    session = FetchSession()
    before: Wanted = {("a", 0): (5, 1), ("a", 1): (7, 1), ("b", 0): (0, 1)}
    whole = _SessionFetch(fetch(before), session, before).build(FetchRequest_v11)
    assert (whole.session_id, whole.session_epoch) == (0, 0)
    assert sum(len(those) for _, those in whole.topics) == 3
    session.answered(SimpleNamespace(error_code=0, session_id=9), before)
    after: Wanted = {("a", 0): (5, 1), ("a", 1): (8, 1)}
    next_one = _SessionFetch(fetch(after), session, after).build(FetchRequest_v11)
    assert (next_one.session_id, next_one.session_epoch) == (9, 1)
    assert [(topic, [(each[0], each[2]) for each in those]) for topic, those in next_one.topics] == [("a", [(1, 8)])]
    assert next_one.forgotten_topics_data == [("b", [0])]


def test_an_old_broker_gets_whole_fetches() -> None:
    wanted: Wanted = {("a", 0): (5, 1), ("a", 1): (7, 1)}
    session = FetchSession()
    session.answered(SimpleNamespace(error_code=0, session_id=9), wanted)
    request = _SessionFetch(fetch(wanted), session, wanted).build(FetchRequest_v4)
    assert [len(those) for _, those in request.topics] == [2]
    assert "session_id" not in request.SCHEMA.names
