"""Runs one worker process: settings, logs, engine, signals, exit code."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from aiokafka.errors import KafkaError

from baton_schemas.catalogue import TOPICS, Topic
from services.runtime import collector
from services.runtime.clock import Clock
from services.runtime.effects import Observation
from services.runtime.errors import Transient
from services.runtime.exit_codes import ExitCode, exit_code
from services.runtime.kafka.aiokafka_engine import AiokafkaMember
from services.runtime.kafka.core import Core
from services.runtime.kafka.faust_engine import FaustMember
from services.runtime.processor import Processor
from services.runtime.settings import Settings
from services.runtime.tracebacks import message

_LEFT_OVER_S = 1.0

Beside = Callable[[Core], AbstractAsyncContextManager[object]]


async def start_engine(
    service: str,
    processors: Sequence[Processor],
    settings: Settings,
    *,
    clock: Clock | None = None,
    observe: Callable[[Sequence[Observation]], None] = lambda _: None,
    topics: Mapping[str, Topic] = TOPICS,
) -> Core:
    """A started engine of the kind that `settings.engine` names. Whoever starts it stops it."""
    core = Core(service, processors, settings, clock=clock, observe=observe, topics=topics)
    try:
        await core.start(_member(settings))
    except BaseException:
        await core.stop()
        raise
    return core


def run(
    service: str,
    processors: Sequence[Processor],
    settings: Settings,
    *,
    clock: Clock | None = None,
    observe: Callable[[Sequence[Observation]], None] = lambda _: None,
    topics: Mapping[str, Topic] = TOPICS,
    beside: Beside | None = None,
) -> ExitCode:
    """Works until SIGTERM or SIGINT (drain, commit, OK) or until something ends it; returns the exit code.

    `beside` is what runs next to the engine (health, watchdog: see `operating`), from before it starts until after it
    stopped. The last line on stderr says why the worker ended, when it did not end in good order.
    """
    error: BaseException | None
    try:
        with collector.tuned():
            error = _run(_work(service, processors, settings, clock, observe, topics, beside or _nothing))
    except Exception as problem:  # noqa: BLE001  the one place where a worker's end becomes an exit code
        error = problem
    if isinstance(error, KafkaError):
        error = Transient(f"Kafka: {error}")
    code = exit_code(error)
    if error is not None:
        sys.stderr.write(f"baton {service}: exit {code.value} ({code.name}): {message(error)}\n")
    return code


def _run(work: Coroutine[Any, Any, BaseException | None]) -> BaseException | None:
    """Runs `work` and leaves, whatever is still on the loop: Faust's tasks may survive their cancellation for ever."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        loop.set_exception_handler(lambda *_: None)  # the last line of a worker is its own
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_LEFT_OVER_S))
        asyncio.set_event_loop(None)
        loop.close()


async def _work(
    service: str,
    processors: Sequence[Processor],
    settings: Settings,
    clock: Clock | None,
    observe: Callable[[Sequence[Observation]], None],
    topics: Mapping[str, Topic],
    beside: Beside,
) -> BaseException | None:
    loop = asyncio.get_running_loop()
    core = Core(service, processors, settings, clock=clock, observe=observe, topics=topics)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, core.ask_to_stop)
    async with beside(core):
        try:
            await core.start(_member(settings))
            await core.stopped.wait()
        finally:
            # a task of its own: without a broker, what is awaited in there may swallow a cancellation and wait on
            stopping = asyncio.create_task(core.stop())
            await asyncio.wait([stopping], timeout=settings.session_timeout_ms / 1000)
            problem = stopping.exception() if stopping.done() and not stopping.cancelled() else None
            if problem is not None and core.error is None:
                raise problem
    return core.error


def _member(settings: Settings) -> type[FaustMember] | type[AiokafkaMember]:
    return FaustMember if settings.engine == "faust" else AiokafkaMember


@asynccontextmanager
async def _nothing(_: Core) -> AsyncIterator[None]:
    yield
