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

from services.connectors.errors import Conflict, CrmError, Failing, Unavailable
from services.connectors.settings import ConnectorSettings
from services.runtime import log_events
from services.runtime.metrics import Metrics

log = structlog.get_logger(__name__)
T = TypeVar("T")
FIRST_PAUSE_S = 0.25
MOST_CONFLICTS = 20


class Door:
    """Open while the CRM answers. `ping` is what the one who knocks calls."""

    def __init__(self, ping: Callable[[], Awaitable[None]], settings: ConnectorSettings, metrics: Metrics) -> None:
        self._ping = ping
        self._pauses = wait_random_exponential(multiplier=FIRST_PAUSE_S, max=settings.longest_pause_s)
        self._name = settings.name
        self._metrics = metrics
        self._open = asyncio.Event()
        self._open.set()
        self._knocking: asyncio.Task[None] | None = None
        self.shut_because: CrmError | None = None
        self.answered_at = time.monotonic()

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
        self.answered_at = time.monotonic()

    async def close(self) -> None:
        """Stops knocking."""
        if self._knocking is not None:
            self._knocking.cancel()
            await asyncio.gather(self._knocking, return_exceptions=True)

    async def _knock(self, error: Unavailable) -> None:
        await asyncio.sleep(max(FIRST_PAUSE_S, error.retry_after_s or 0.0))
        await AsyncRetrying(wait=self._pause, retry=retry_if_exception_type(CrmError))(self._ping)
        self.shut_because = None
        self.answered()
        self._metrics.set("baton_crm_available", 1, self._name)
        log.info(log_events.CRM_BACK, connector=self._name)
        self._open.set()

    def _pause(self, state: RetryCallState) -> float:
        """Growing pauses, never shorter than what the CRM asks for."""
        error = _error(state)
        self.shut_because = error if isinstance(error, CrmError) else self.shut_because
        asked = error.retry_after_s if isinstance(error, Unavailable) else None
        return max(float(self._pauses(state)), asked or 0.0)


class Calls:
    """Carries out pieces of work that call the CRM, again and again until they are done or given up."""

    def __init__(self, door: Door, settings: ConnectorSettings, metrics: Metrics) -> None:
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

        retrying = AsyncRetrying(
            wait=self._pause, stop=stop, retry=retry_if_exception_type((Failing, Conflict)), reraise=True
        )  # fmt: skip
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
        return 0.0 if isinstance(_error(state), Conflict) else float(self._pauses(state))

    def _hopeless(self, failures: _Failures, error: BaseException | None) -> bool:
        """Whether to give up: too many conflicts, or a failure that lasted while others were served."""
        if isinstance(error, Conflict):
            failures.conflicts += 1
            return failures.conflicts > MOST_CONFLICTS
        now = time.monotonic()
        failures.since = now if failures.since is None else failures.since
        others_served = self._door.answered_at > failures.since
        return others_served and now - failures.since > self._settings.give_up_after_s

    def _count(self, error: CrmError) -> None:
        self._metrics.add("baton_crm_failures_total", 1, self._settings.name, error.code)


class _Failures:
    """What one piece of work ran into so far."""

    def __init__(self) -> None:
        self.since: float | None = None
        self.conflicts = 0


def _error(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()
