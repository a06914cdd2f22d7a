"""The operating side of a worker: health, metrics and the watchdog, on a thread and an event loop of their own.

A lane decides in plain synchronous code, and a restore makes millions of objects: the worker's loop may be busy for a
second. Prometheus and the orchestrator must get an answer then as well, and the watchdog must bark most of all when
that loop hangs. So nothing here runs on it but a ping, once a second, whose answer is the heartbeat.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import structlog
from aiohttp import web

from services.runtime import log_events
from services.runtime.errors import UserError
from services.runtime.exit_codes import ExitCode
from services.runtime.vitals import Vitals
from services.runtime.watchdog import Watchdog

log = structlog.get_logger(__name__)

_PING_S = 1.0
_STOP_S = 5.0
_LAST_LINE_S = 2.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a worker answers: announced in the log and, for `baton up`, in a file."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The base of /livez, /readyz and /metrics."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104  compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def end_process(code: ExitCode, last_line: str) -> NoReturn:
    """The last line, then the end, at once and from any thread: what is not committed will be read again."""

    def say() -> None:
        log.critical(log_events.EXITING, code=int(code), why=code.name.lower(), reason=last_line)
        sys.stdout.flush()

    speaker = threading.Thread(target=say, daemon=True)  # whoever reads our log may be what hangs
    speaker.start()
    speaker.join(_LAST_LINE_S)
    os._exit(int(code))


class Operations:
    """`start` and `stop` on the worker's loop. `app` answers on `host:port` (0: a free one); `look` is called on the
    worker's loop with every heartbeat, to keep the vitals and gauges up to date."""

    def __init__(
        self,
        app: web.Application,
        vitals: Vitals,
        *,
        host: str,
        port: int,
        watchdog: Watchdog | None = None,
        look: Callable[[], None] = lambda: None,
        announce: Path | None = None,
    ) -> None:
        self._app = app
        self._vitals = vitals
        self._host = host
        self._port = port
        self._watchdog = watchdog
        self._look = look
        self._announce = announce
        self._listening: concurrent.futures.Future[Address] = concurrent.futures.Future()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None

    def start(self) -> Address:
        """Answers from now on. Raises UserError when the port can't be had."""
        worker_loop = asyncio.get_running_loop()
        self._vitals.beat_at = time.monotonic()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(worker_loop)), name="operations", daemon=True
        )
        self._thread.start()
        address = self._listening.result()
        log.info(log_events.HTTP_LISTENING, url=address.url)
        self._announce_at(address)
        return address

    def stop(self) -> None:
        """Answers no more; the announcement goes."""
        if self._announce is not None:
            with contextlib.suppress(OSError):
                self._announce.unlink()
        if self._loop is not None and self._ending is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._ending.set)
        if self._thread is not None:
            self._thread.join(_STOP_S)

    async def _serve(self, worker_loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(self._app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            where = f"BATON_HTTP_HOST, BATON_HTTP_PORT: {self._host}:{self._port}"
            self._listening.set_exception(UserError(f"{where}: {error.strerror or error}", fix="choose a free port"))
            return
        rounds = [asyncio.create_task(self._ping(worker_loop))]
        if self._watchdog is not None:
            rounds.append(asyncio.create_task(_survive(self._watchdog.run)))
        self._listening.set_result(Address(self._host, runner.addresses[0][1]))
        try:
            await self._ending.wait()
        finally:
            for task in rounds:
                task.cancel()
            await asyncio.gather(*rounds, return_exceptions=True)
            await runner.cleanup()

    async def _ping(self, worker_loop: asyncio.AbstractEventLoop) -> None:
        while not worker_loop.is_closed():
            with contextlib.suppress(RuntimeError):  # closed in between
                worker_loop.call_soon_threadsafe(self._beat)
            await asyncio.sleep(_PING_S)

    def _beat(self) -> None:
        self._vitals.beat_at = time.monotonic()
        self._look()

    def _announce_at(self, address: Address) -> None:
        if self._announce is None:
            return
        content = {"pid": os.getpid(), "host": address.host, "port": address.port, "url": address.url}
        try:
            self._announce.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._announce.with_suffix(f".{os.getpid()}.new")
            fresh.write_text(json.dumps(content) + "\n")
            fresh.replace(self._announce)
        except OSError as error:  # a read-only container has a port that is known anyway
            log.warning(log_events.HTTP_NOT_ANNOUNCED, file=str(self._announce), error=error.strerror)


async def _survive(run: Callable[[], object]) -> None:
    """A watchdog that dies of a bug is worse than none that ever was: it ends the process and says so."""
    try:
        await run()  # type: ignore[misc]
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("watchdog.failed")
        end_process(ExitCode.BUG, "the watchdog failed: see the line before")
