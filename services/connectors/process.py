"""A connector as a process: signals, health, metrics, and an exit code that says why it ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable

from prometheus_client import GCCollector, ProcessCollector

from services.connectors.errors import CrmError
from services.connectors.member import Member
from services.runtime.errors import Transient
from services.runtime.exit_codes import ExitCode, exit_code
from services.runtime.health import application
from services.runtime.operating import ANNOUNCED
from services.runtime.operations import Operations
from services.runtime.settings import Settings
from services.runtime.tracebacks import message

_PATIENCE_S = 120.0


def run(settings: Settings, name: str, make: Callable[[], Member]) -> ExitCode:
    """Works until SIGTERM or SIGINT; the last line on stderr says why it ended before."""
    error: BaseException | None = None
    try:
        asyncio.run(_work(settings, make))
    except Exception as problem:  # noqa: BLE001  the one place where its end becomes an exit code
        error = Transient(str(problem)) if isinstance(problem, CrmError) else problem
    code = exit_code(error)
    if error is not None:
        sys.stderr.write(f"baton connector {name}: exit {code.value} ({code.name}): {message(error)}\n")
    return code


async def _work(settings: Settings, make: Callable[[], Member]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    member = make()
    if member.on_hangup is not None:
        loop.add_signal_handler(signal.SIGHUP, member.on_hangup)
    ProcessCollector(registry=member.registry)
    GCCollector(registry=member.registry)
    operations = Operations(
        application(member.vitals, member.metrics, member.registry, patience_s=_PATIENCE_S, monotonic=time.monotonic),
        member.vitals,
        host=settings.http_host,
        port=settings.http_port,
        look=member.look,
        announce=settings.data_dir / ANNOUNCED / f"connector-{member.name}-{os.getpid()}.json",
    )
    operations.start()
    try:
        await member.run(stop)
    finally:
        operations.stop()
