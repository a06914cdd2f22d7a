"""Ends a worker that makes no progress while there is lag, or that has no broker, so that somebody starts a new one.

It reads offsets by clients of its own, and lives on the operating thread: a blocked event loop can't silence it.
The rule is `progress_rule`; this is the round: read, judge, tell the metrics, end the process.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import structlog

from baton_schemas.catalogue import TOPICS
from services.runtime import log_events
from services.runtime.broker_offsets import Unreachable
from services.runtime.exit_codes import ExitCode
from services.runtime.metrics import Metrics
from services.runtime.progress_rule import ProgressRule, Reading, Verdict
from services.runtime.vitals import TopicPartition, Vitals

log = structlog.get_logger(__name__)

End = Callable[[ExitCode, str], None]
"""Ends the process with a code and a last line; does not return, outside of tests."""

_QUESTIONS = 4


class Offsets(Protocol):
    """Where readings come from: see `broker_offsets.BrokerOffsets`."""

    async def read(
        self, partitions: Collection[TopicPartition] | None, topics: Collection[str]
    ) -> Mapping[TopicPartition, Reading]: ...

    async def holds_record(self, partition: TopicPartition, offset: int) -> bool: ...

    async def close(self) -> None: ...


class Watchdog:
    """Watches the partitions that the worker was assigned, or all of `topics` while it has none: a group that gives
    this worker nothing and moves nothing is stuck as well.

    `topics` maps the broker's names of the inputs to the catalogue's, which the metrics show. Bulk topics may stand
    still for as long as others have something: they are shown and not judged.
    """

    def __init__(
        self,
        offsets: Offsets,
        vitals: Vitals,
        metrics: Metrics,
        topics: Mapping[str, str],
        *,
        patience_s: float,
        monotonic: Callable[[], float],
        end: End,
    ) -> None:
        self._offsets = offsets
        self._vitals = vitals
        self._metrics = metrics
        self._topics = topics
        self._patient = frozenset(name for name, topic in topics.items() if topic in TOPICS and TOPICS[topic].bulk)
        self._rule = ProgressRule(patience_s=patience_s)
        self._monotonic = monotonic
        self._end = end
        self._patience_s = patience_s
        self._standing: dict[TopicPartition, tuple[Reading, bool | None]] = {}

    @property
    def interval_s(self) -> float:
        """Between two rounds: a tenth of the patience, at most ten seconds."""
        return min(10.0, self._patience_s / 10)

    async def run(self) -> None:
        """Round after round, until cancelled or the process ends."""
        try:
            while True:
                await self.round()
                await asyncio.sleep(self.interval_s)
        finally:
            await self._offsets.close()

    async def round(self) -> Verdict:
        """Reads, judges, and acts on the verdict."""
        readings = await self._read()
        if readings is not None:
            readings = await self._without_markers(readings)
        judged = readings and {tp: reading for tp, reading in readings.items() if tp.topic not in self._patient}
        verdict = self._rule.judge(self._monotonic(), judged)
        if verdict.state == "stuck" and not await self._is_real(verdict):
            verdict = Verdict("moving", 0.0)
        self._tell(readings, verdict)
        if verdict.state == "stuck" and verdict.partition is not None and verdict.reading is not None:
            topic, partition = verdict.partition
            self._end(
                ExitCode.STUCK,
                f"no progress: {topic}/{partition} stands at offset {verdict.reading.committed} for "
                f"{verdict.seconds:.0f} s with {verdict.reading.lag} records to read",
            )
        elif verdict.state == "unreachable":
            self._end(ExitCode.UNAVAILABLE, f"no answer from the broker for {verdict.seconds:.0f} s")
        return verdict

    async def _read(self) -> Mapping[TopicPartition, Reading] | None:
        try:
            readings = await self._offsets.read(self._vitals.assigned or None, self._topics)
        except Unreachable as error:
            self._metrics.add("baton_watchdog_readings_total", 1.0, "failed")
            log.warning(log_events.WATCHDOG_READ_FAILED, error=str(error))
            return None
        self._metrics.add("baton_watchdog_readings_total", 1.0, "ok")
        return readings

    async def _without_markers(self, readings: Mapping[TopicPartition, Reading]) -> dict[TopicPartition, Reading]:
        """`readings`, without lag where no record lies ahead: what the gauges show is then what the rule judges.

        An answer costs a connection. So it is asked for once, where a partition stands as it stood a round ago, and
        for few partitions in a round.
        """
        found: dict[TopicPartition, Reading] = {}
        standing: dict[TopicPartition, tuple[Reading, bool | None]] = {}
        questions = _QUESTIONS
        for tp, reading in readings.items():
            before, holds = self._standing.get(tp, (None, None))
            if before != reading:
                holds = None
            elif holds is None and reading.lag and questions:
                questions -= 1
                holds = await self._holds_record(tp, reading)
            standing[tp] = (reading, holds)
            found[tp] = Reading(reading.end, reading.end) if holds is False else reading
        self._standing = standing
        return found

    async def _is_real(self, verdict: Verdict) -> bool:
        if verdict.partition is None or verdict.reading is None:
            return False
        if await self._holds_record(verdict.partition, verdict.reading):
            return True
        self._rule.excuse(verdict.partition, self._monotonic())
        return False

    async def _holds_record(self, tp: TopicPartition, reading: Reading) -> bool:
        if await self._offsets.holds_record(tp, reading.committed):
            return True
        log.info(log_events.WATCHDOG_NOT_LAG, topic=tp.topic, partition=tp.partition, offset=reading.committed)
        return False

    def _tell(self, readings: Mapping[TopicPartition, Reading] | None, verdict: Verdict) -> None:
        silent = readings is None
        self._vitals.broker_silent_s = max(verdict.seconds, 0.001) if silent else 0.0
        if readings is None:
            return
        self._vitals.stalled_s = verdict.seconds
        self._metrics.set("baton_stalled_seconds", verdict.seconds)
        lag: Counter[str] = Counter(dict.fromkeys(self._topics.values(), 0))
        if self._vitals.assigned:  # a worker without partitions has no lag of its own
            for tp, reading in readings.items():
                lag[self._topics.get(tp.topic, tp.topic)] += reading.lag
        for topic, records in lag.items():
            self._metrics.set("baton_lag_records", records, topic)
