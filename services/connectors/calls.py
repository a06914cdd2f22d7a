"""Every call to the CRM goes through here: when it is away everybody waits at one door, and one knocks until it opens.

A CRM that is down for a weekend must cost nobody his turn: waiting at the door counts neither as an attempt nor towards
giving up. What one record alone runs into is tried again with growing pauses (full jitter), and given up in the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from services.connectors.errors import Conflict, CrmError, Failing, Later, Unavailable
from services.connectors.settings import CallSettings
from services.runtime import log_events
from services.runtime.metrics import Metrics

log = structlog.get_logger(__name__)
T = TypeVar("T")
FIRST_PAUSE_S = 0.25
MOST_CONFLICTS = 20


class Door:
    """Open while the CRM answers. `ping` is what the one who knocks calls, `pauses` how long he waits in between
    (growing, up to the longest of the settings, where nothing else is said). `monotonic` and `sleep` are the
    machine's, but for tests."""

    def __init__(
        self,
        ping: Callable[[], Awaitable[None]],
        settings: CallSettings,
        metrics: Metrics,
        *,
        pauses: Callable[[RetryCallState], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ping = ping
        self._pauses = pauses or wait_random_exponential(multiplier=FIRST_PAUSE_S, max=settings.longest_pause_s)
        self._name = settings.name
        self._metrics = metrics
        self.monotonic = monotonic
        self.sleep = sleep
        self._open = asyncio.Event()
        self._open.set()
        self._knocking: asyncio.Task[None] | None = None
        self.shut_because: CrmError | None = None
        self.answered_at = monotonic()

    async def through(self) -> None:
        """Returns while the CRM is taken to answer."""
        await self._open.wait()

    def shut(self, error: Unavailable) -> None:
        """The CRM does not serve anybody; from now on one knocks."""
        if self._open.is_set():
            self._open.clear()
            self.shut_because = error
            self._metrics.set("baton_crm_available", 0, self._name)
            log.warning(log_events.CRM_AWAY, connector=self._name, code=error.code, error=str(error))
            self._knocking = asyncio.create_task(self._knock(error))

    def answered(self) -> None:
        """A request was served just now."""
        self.answered_at = self.monotonic()

    async def close(self) -> None:
        """Stops knocking."""
        if self._knocking is not None:
            self._knocking.cancel()
            await asyncio.gather(self._knocking, return_exceptions=True)

    async def _knock(self, error: Unavailable) -> None:
        await self.sleep(max(FIRST_PAUSE_S, error.retry_after_s or 0.0))
        retrying = AsyncRetrying(sleep=self.sleep, wait=self._pause, retry=retry_if_exception_type(CrmError))
        await retrying(self._ping)
        self.shut_because = None
        self.answered()
        self._metrics.set("baton_crm_available", 1, self._name)
        log.info(log_events.CRM_BACK, connector=self._name)
        self._open.set()

    def _pause(self, state: RetryCallState) -> float:
        """Growing pauses, never shorter than what the CRM asks for."""
        error = _error(state)
        self.shut_because = error if isinstance(error, CrmError) else self.shut_because
        return max(float(self._pauses(state)), _asked(error))


class Calls:
    """Carries out pieces of work that call the CRM, again and again until they are done or given up."""

    def __init__(self, door: Door, settings: CallSettings, metrics: Metrics) -> None:
        self._door = door
        self._settings = settings
        self._metrics = metrics
        self._pauses = wait_random_exponential(multiplier=FIRST_PAUSE_S, max=settings.longest_pause_s)

    async def __call__(self, work: Callable[[], Awaitable[T]], *, give_up: bool = True) -> T:
        """The result of `work`. Raises Refused, and Failing when the CRM kept failing at this while it took others.

        Conflicts are tried again at once: `work` reads anew. Without `give_up` it is tried for ever.
        """
        failures = _Failures()

        def stop(state: RetryCallState) -> bool:
            return give_up and self._hopeless(failures, _error(state))

        again = retry_if_exception_type((Failing, Conflict))
        retrying = AsyncRetrying(sleep=self._door.sleep, wait=self._pause, stop=stop, retry=again, reraise=True)
        return await retrying(self._served, work)

    async def _served(self, work: Callable[[], Awaitable[T]]) -> T:
        """One attempt that counts: waits at the door as often as it takes."""
        while True:
            await self._door.through()
            try:
                result = await work()
            except Unavailable as error:
                self._count(error)
                self._door.shut(error)
            except CrmError as error:
                self._count(error)
                raise
            else:
                self._door.answered()
                return result

    def _pause(self, state: RetryCallState) -> float:
        error = _error(state)
        return 0.0 if isinstance(error, Conflict) else max(float(self._pauses(state)), _asked(error))

    def _hopeless(self, failures: _Failures, error: BaseException | None) -> bool:
        """Whether to give up: too many conflicts, or a failure that lasted while others were served. Before any other
        was, nobody was served: such a time does not count."""
        if isinstance(error, Conflict):
            failures.conflicts += 1
            return failures.conflicts > MOST_CONFLICTS
        now = self._door.monotonic()
        failures.since = now if failures.since is None else failures.since
        if failures.alone_since is None and self._door.answered_at > failures.since:
            failures.alone_since = now
        return failures.alone_since is not None and now - failures.alone_since > self._settings.give_up_after_s

    def _count(self, error: CrmError) -> None:
        self._metrics.add("baton_crm_failures_total", 1, self._settings.name, error.code)


class _Failures:
    """What one piece of work ran into so far."""

    def __init__(self) -> None:
        self.since: float | None = None
        self.alone_since: float | None = None
        """Since when it is seen to fail while others are served."""
        self.conflicts = 0


def _error(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()


def _asked(error: BaseException | None) -> float:
    """For how long the other side wants to be left alone."""
    return (error.retry_after_s or 0.0) if isinstance(error, Later) else 0.0
