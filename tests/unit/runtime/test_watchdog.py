"""A round of the watchdog: what it reads, tells the metrics, and does."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest
from prometheus_client import CollectorRegistry

from services.runtime.broker_offsets import Unreachable
from services.runtime.exit_codes import ExitCode
from services.runtime.metrics import Metrics
from services.runtime.progress_rule import Reading
from services.runtime.vitals import TopicPartition, Vitals, readiness
from services.runtime.watchdog import Watchdog

EVENTS = TopicPartition("stage.engagement.events", 0)
FACTS = TopicPartition("stage.crm.facts", 0)
BULK = TopicPartition("stage.engagement.bulk", 0)
TOPICS = {
    "stage.engagement.events": "engagement.events",
    "stage.engagement.bulk": "engagement.bulk",
    "stage.crm.facts": "crm.facts",
}


class Script:
    """Offsets as a broker would tell them, from a script; None is a broker that does not answer."""

    def __init__(self, *, records: bool = True) -> None:
        self.now = 0.0
        self.readings: Mapping[TopicPartition, Reading] | None = {}
        self.records = records
        self.asked: list[Collection[TopicPartition] | None] = []
        self.looked_at: list[TopicPartition] = []

    async def read(
        self,
        partitions: Collection[TopicPartition] | None,
        topics: Collection[str],  # noqa: ARG002  the port's shape
    ) -> Mapping[TopicPartition, Reading]:
        self.asked.append(partitions)
        if self.readings is None:
            raise Unreachable("KafkaConnectionError: no broker")
        return self.readings

    async def holds_record(self, partition: TopicPartition, offset: int) -> bool:  # noqa: ARG002
        self.looked_at.append(partition)
        return self.records

    async def close(self) -> None:
        pass


class Rig:
    def __init__(self, *, records: bool = True) -> None:
        self.script = Script(records=records)
        self.vitals = Vitals(assigned=frozenset({EVENTS}), globals_read=True, producer_connected=True)
        self.metrics = Metrics(CollectorRegistry(), strict=True)
        self.ends: list[tuple[ExitCode, str]] = []
        self.watchdog = Watchdog(
            self.script,
            self.vitals,
            self.metrics,
            TOPICS,
            patience_s=120.0,
            monotonic=lambda: self.script.now,
            end=lambda code, line: self.ends.append((code, line)),
        )

    async def rounds(self, number: int) -> None:
        for _ in range(number):
            await self.watchdog.round()
            self.script.now += self.watchdog.interval_s


@pytest.mark.asyncio
async def test_a_stuck_worker_ends_with_its_own_code_and_a_line_that_says_where() -> None:
    rig = Rig()
    rig.script.readings = {EVENTS: Reading(41, 50)}
    await rig.rounds(12)
    assert rig.ends == []
    await rig.rounds(1)
    ((code, line),) = rig.ends
    assert code is ExitCode.STUCK
    assert line == "no progress: stage.engagement.events/0 stands at offset 41 for 120 s with 9 records to read"
    assert rig.vitals.stalled_s == 120


@pytest.mark.asyncio
async def test_a_broker_that_stays_away_ends_it_too_and_before_makes_it_not_ready() -> None:
    rig = Rig()
    rig.script.readings = None
    await rig.rounds(12)
    assert rig.ends == []
    assert not readiness(rig.vitals).ok
    await rig.rounds(1)
    assert rig.ends == [(ExitCode.UNAVAILABLE, "no answer from the broker for 120 s")]
    assert rig.metrics.value("baton_watchdog_readings_total", "failed") == 13


@pytest.mark.asyncio
async def test_a_broker_that_comes_back_makes_it_ready_again() -> None:
    rig = Rig()
    rig.script.readings = None
    await rig.rounds(3)
    rig.script.readings = {EVENTS: Reading(9, 9)}
    await rig.rounds(1)
    assert readiness(rig.vitals).ok


@pytest.mark.asyncio
async def test_what_is_no_record_is_no_lag() -> None:
    rig = Rig(records=False)
    rig.script.readings = {EVENTS: Reading(41, 42)}
    await rig.rounds(2)
    assert rig.metrics.value("baton_lag_records", "engagement.events") == 0
    assert rig.metrics.value("baton_stalled_seconds") == 0
    await rig.rounds(40)
    assert rig.ends == []
    assert rig.script.looked_at == [EVENTS], "one question while nothing changes"
    rig.script.readings = {EVENTS: Reading(41, 44)}
    rig.script.records = True
    await rig.rounds(2)
    assert rig.metrics.value("baton_lag_records", "engagement.events") == 3


@pytest.mark.asyncio
async def test_few_are_looked_at_in_a_round_and_none_that_moves() -> None:
    rig = Rig(records=False)
    many = [TopicPartition(EVENTS.topic, number) for number in range(6)]
    rig.vitals.assigned = frozenset(many)
    rig.script.readings = {tp: Reading(1, 2) for tp in many}
    await rig.rounds(1)
    assert rig.script.looked_at == []
    await rig.rounds(1)
    assert rig.script.looked_at == many[:4]
    await rig.rounds(1)
    assert rig.script.looked_at == many
    assert rig.metrics.value("baton_lag_records", "engagement.events") == 0


@pytest.mark.asyncio
async def test_lag_is_shown_by_catalogue_name_and_summed_over_partitions() -> None:
    rig = Rig()
    rig.vitals.assigned = frozenset({EVENTS, FACTS})
    rig.script.readings = {EVENTS: Reading(1, 5), TopicPartition(EVENTS.topic, 1): Reading(0, 3), FACTS: Reading(2, 2)}
    await rig.rounds(1)
    assert rig.metrics.value("baton_lag_records", "engagement.events") == 7
    assert rig.metrics.value("baton_lag_records", "crm.facts") == 0


@pytest.mark.asyncio
async def test_a_worker_without_partitions_watches_the_whole_group_but_owns_no_lag() -> None:
    rig = Rig()
    rig.vitals.assigned = frozenset()
    rig.script.readings = {EVENTS: Reading(41, 50)}
    await rig.rounds(13)
    assert rig.script.asked[0] is None
    assert rig.metrics.value("baton_lag_records", "engagement.events") == 0
    assert rig.ends[0][0] is ExitCode.STUCK


@pytest.mark.asyncio
async def test_a_bulk_topic_may_stand_still_and_its_lag_is_shown() -> None:
    rig = Rig()
    rig.script.readings = {EVENTS: Reading(5, 5), BULK: Reading(0, 1_000_000)}
    await rig.rounds(40)
    assert rig.ends == []
    assert rig.metrics.value("baton_lag_records", "engagement.bulk") == 1_000_000
