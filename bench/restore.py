"""A worker is killed: how long its replacement needs, with a million people in the journal, and how much memory.

The journal is written by the journal's own code. Then, run by run: SIGKILL, and a new process at once, while events go
on arriving. The broker's stamps say when the replacement had claimed its partitions and when it wrote its first group;
how long a lane read its journal the worker says itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import msgspec
from aiokafka import AIOKafkaProducer

from bench.children import Child, child
from bench.contenders.engine import RESTORED
from bench.decay import EVENTS, Decay, Event, Person, pack
from bench.lab import Lab
from bench.log import PARTITIONS, Watcher, bench_settings, create, signals_topic
from bench.report import Row, Section, Verdict
from services.runtime.errors import UserError
from services.runtime.kafka import admin
from services.runtime.kafka.connection import connection
from services.runtime.kafka.group import CLAIM, COMMIT, EPOCH_BYTES, Group, read_commit
from services.runtime.kafka.journal import Journal, JournalTools
from services.runtime.partitioner import partition_of
from services.runtime.settings import Settings

GOAL_S = 6.0
STATES, TIMERS = "restore, states alone", "restore, with a timer each"
LIVE_SHARE = 0.8
_NO_STATE = 4  # numbers of journals
_EVENTS_PER_S = 200
_PER_GROUP = 1000
_PATIENCE_S = 120.0
_POLL_S = 0.1
_YEAR_MS = 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class Takeover:
    """Seconds from SIGKILL until the lanes were assigned, claimed, and at work: the first of them, and all."""

    restore: float
    claimed: float
    first_record: float
    all_at_work: float
    memory_mb: float


def restore(lab: Lab) -> Section:
    """Fills the journals, then kills and replaces `runs` times; restarts with timers; and once without any state."""
    settings = bench_settings(lab.bootstrap)
    plain, timed, empty = (Decay(number, signals_topic(number)) for number in (1, 2, _NO_STATE))
    names = [signals_topic(each.state_version) for each in (plain, timed, empty)]
    asyncio.run(create(settings, EVENTS, *names, processors=[plain, timed, empty]))
    size = 0
    for each in (plain, timed):
        size = asyncio.run(_fill(settings, each, lab.sizes.restore_people, timers=each is timed))
        lab.say(f"a journal of {lab.sizes.restore_people:,} people is written")
    began = _now()
    with child(_arguments(lab, empty), lab.folder / "empty.log") as worker:
        asyncio.run(_ready(settings, worker, empty, since=began))
        base = worker.memory_mb()
    takeovers = asyncio.run(_killed(lab, settings, plain))
    timers = [_restarted(lab, settings, timed, run) for run in range(1, lab.sizes.runs + 1)]
    return _section(lab, settings, takeovers, timers, base, size)


async def _fill(settings: Settings, processor: Decay, people: int, *, timers: bool) -> int:
    """Writes the journal by its own code, 1 / LIVE_SHARE records a person; returns the bytes of one state."""
    topic, size = admin.journal_topic(processor), 0
    producer = AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=settings.journal_batch_bytes,
        max_request_size=8 << 20,
        **connection(settings),
    )
    await producer.start()
    async with Watcher(settings) as watcher:
        journals = []
        for tp in watcher.partitions(topic):
            journals.append(Journal(tp, 1, JournalTools(producer, watcher.reader, "bench", 30.0)))
            await journals[-1].open()
        due = _now() + _YEAR_MS
        for partition, keys in _groups(people):
            states: dict[bytes, bytes | None] = {key: _state(key) for key in keys}
            size = len(states[keys[0]] or b"")
            rung: dict[tuple[bytes, str], int | None] = {(key, "grade"): due for key in keys} if timers else {}
            await journals[partition].append(Group(states=states, timers=rung, positions={EVENTS: 0}))
    await producer.stop()
    return size


def _groups(people: int) -> Iterator[tuple[int, list[bytes]]]:
    """Keys by partition, a group at a time; some people more than once, as in a journal that is not compacted yet."""
    waiting: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    again = round(people * (1 / LIVE_SHARE - 1))
    for index in (*range(again), *range(people)):
        key = _key(index)
        group = waiting[partition_of(key, PARTITIONS)]
        group.append(key)
        if len(group) == _PER_GROUP:
            yield partition_of(key, PARTITIONS), list(group)
            group.clear()
    yield from ((partition, group) for partition, group in enumerate(waiting) if group)


def _key(index: int) -> bytes:
    return b"k1.%032x" % (index * 0x9E3779B97F4A7C15F39CC0605CEDC834 % (1 << 128))


def _state(key: bytes) -> bytes:
    """410 bytes that a compressor can halve, as it can a real state."""
    return pack(Person(1.0, 0, 1, padding=random.Random(key).randbytes(200) + b"p" * 194))


def _arguments(lab: Lab, processor: Decay) -> list[str]:
    return ["-m", "bench.contenders.engine", lab.bootstrap, str(processor.state_version), "faust"]


async def _killed(lab: Lab, settings: Settings, processor: Decay) -> list[Takeover]:
    found: list[Takeover] = []
    began = _now()
    with contextlib.ExitStack() as children:
        worker = children.enter_context(child(_arguments(lab, processor), lab.folder / "killed-0.log"))
        await _ready(settings, worker, processor, since=began)
        async with _traffic(settings, lab.sizes.restore_people):
            for run in range(1, lab.sizes.runs + 1):
                await _first_groups(settings, worker, processor, since=began)
                worker.kill()
                began = killed_at = _now()
                log = lab.folder / f"killed-{run}.log"
                worker = children.enter_context(child(_arguments(lab, processor), log))
                claimed = await _ready(settings, worker, processor, since=killed_at)
                first, last = await _first_groups(settings, worker, processor, since=claimed)
                found.append(
                    Takeover(
                        restore=await _told(worker),
                        claimed=(claimed - killed_at) / 1000,
                        first_record=(first - killed_at) / 1000,
                        all_at_work=(last - killed_at) / 1000,
                        memory_mb=worker.memory_mb(),
                    )
                )
                lab.say(
                    f"run {run}  {STATES}: {found[-1].restore:.1f} s; "
                    f"first record {found[-1].first_record:.1f} s after SIGKILL"
                )
    return found


def _restarted(lab: Lab, settings: Settings, processor: Decay, run: int) -> float:
    started_at = _now()
    with child(_arguments(lab, processor), lab.folder / f"timers-{run}.log") as worker:
        asyncio.run(_ready(settings, worker, processor, since=started_at))
        seconds = asyncio.run(_told(worker))
    lab.say(f"run {run}  {TIMERS}: {seconds:.1f} s")
    return seconds


async def _told(worker: Child) -> float:
    """Seconds of the slowest lane; all begin together. Waits until every lane has told."""
    while True:
        told = [line for line in worker.log.read_text().splitlines() if line.startswith(RESTORED)]
        if len(told) == PARTITIONS:
            return max(float(line.removeprefix(RESTORED)) for line in told)
        if worker.ended() is not None:
            raise UserError(f"the worker ended with {worker.ended()}\n{worker.last_words()}")
        await asyncio.sleep(_POLL_S)


def _now() -> int:
    return time.time_ns() // 1_000_000


async def _ready(settings: Settings, worker: Child, processor: Decay, *, since: int) -> int:
    """Waits until every partition is claimed anew, and its lane at work; the broker's stamp of the last claim."""
    return max((await _records(settings, worker, processor, CLAIM, since)).values())


async def _first_groups(settings: Settings, worker: Child, processor: Decay, *, since: int) -> tuple[int, int]:
    """Waits for a group of every partition in which records were processed; the stamps of the first and the last."""
    stamps = (await _records(settings, worker, processor, COMMIT, since)).values()
    return min(stamps), max(stamps)


async def _records(settings: Settings, worker: Child, processor: Decay, kind: bytes, since: int) -> dict[int, int]:
    """By partition, the stamp of its first record of `kind` from `since` on; of commits, the first with input."""
    found: dict[int, int] = {}
    deadline = time.monotonic() + _PATIENCE_S
    async with Watcher(settings) as watcher:
        partitions = watcher.partitions(admin.journal_topic(processor))
        ends = await watcher.ends(admin.journal_topic(processor))
        starts = {tp: max(end - 200, 0) for tp, end in ends.items()}
        while len(found) < len(partitions):
            if worker.ended() is not None or time.monotonic() > deadline:
                raise UserError(f"the worker ended with {worker.ended()}, or is stuck\n{worker.last_words()}")
            ends = await watcher.ends(admin.journal_topic(processor))
            for tp in partitions:
                async for part in watcher.reader.read(tp, starts[tp], ends[tp]):
                    for record in part.records:
                        if record.key[:1] == kind and record.timestamp >= since and _moved(kind, record.value):
                            found.setdefault(tp.partition, record.timestamp)
                starts[tp] = ends[tp]
            await asyncio.sleep(_POLL_S)
    return found


def _moved(kind: bytes, value: bytes | None) -> bool:
    """The first commit of an owner repeats what it found; those that follow are its own."""
    if value is None:
        return False
    return kind != COMMIT or (len(value) > EPOCH_BYTES and read_commit(value).number > 1)


@contextlib.asynccontextmanager
async def _traffic(settings: Settings, people: int) -> AsyncIterator[None]:
    """Events of people in the journal, at a steady rate."""
    producer = AIOKafkaProducer(acks="all", **connection(settings))
    await producer.start()

    async def publish() -> None:
        draw, number = random.Random(2), 0
        while True:
            key = _key(draw.randrange(people))
            event = Event(f"e{number}", key.decode(), "bench", time.time_ns() // 1_000_000, 1, "/pricing")
            await producer.send(EVENTS, key=key, value=msgspec.json.encode(event))
            number += 1
            await asyncio.sleep(1 / _EVENTS_PER_S)

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await producer.stop()


def _section(
    lab: Lab, settings: Settings, takeovers: list[Takeover], timers: list[float], base: float, size: int
) -> Section:
    people, session = lab.sizes.restore_people, settings.session_timeout_ms / 1000
    memory = [(each.memory_mb - base) * 1e6 / people for each in takeovers]
    section = Section(
        "restore",
        "Restore after SIGKILL",
        f"A journal of {people:,} people in 8 partitions, {size} bytes of state each (half of it compressible), "
        f"{LIVE_SHARE:.0%} of its states live; acks=all, zstd. The worker is killed and a new process started at once, "
        f"while {_EVENTS_PER_S} events/s arrive. Session timeout {session:g} s, heartbeat "
        f"{settings.heartbeat_ms / 1000:g} s (production's defaults): so long the group waits for the dead one.",
        [
            Row(STATES, "s", [each.restore for each in takeovers], "the slowest of 8 lanes; all read at once"),
            Row(TIMERS, "s", timers, "one timer a person besides"),
            Row(
                "SIGKILL to lanes assigned",
                "s",
                [each.claimed - each.restore for each in takeovers],
                "start of the process and the dead one's session, whichever is longer",
            ),
            Row("SIGKILL to the first record processed", "s", [each.first_record for each in takeovers]),
            Row("SIGKILL to all partitions at work", "s", [each.all_at_work for each in takeovers]),
            Row("memory per million people", "MB", memory, f"resident, above {base:.0f} MB of a worker without state"),
        ],
    )
    goal = f"restore of {people:,} people, s"
    section.verdicts.append(Verdict(goal, GOAL_S, section.row(STATES).median, at_least=False))
    return section
