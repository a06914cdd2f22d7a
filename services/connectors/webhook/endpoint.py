"""Whether a webhook's receiver is worth trying: when it takes nobody's messages all wait, and one at a time probes it.

Open: messages go out. Shut: it is away, or failed too often in a row; after a growing pause one message goes, each
time a different one, so one that the receiver can't stand never shuts the others out for long. Disabled: it said
that it is gone, or took nothing for long; then the pause is long, and a person should look. Whatever is taken opens it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from random import random
from typing import NamedTuple, Protocol

from services.connectors.errors import CrmError, Later, Unavailable

FIRST_PAUSE_S = 1.0
GONE = "gone"


class Rule(Protocol):
    """What of the settings counts here."""

    @property
    def shut_after(self) -> int: ...
    @property
    def disable_after_s(self) -> float: ...
    @property
    def probe_every_s(self) -> float: ...
    @property
    def longest_pause_s(self) -> float: ...


class Standing(NamedTuple):
    """How it stands with a receiver, in monotonic seconds: failures in a row, since when, shut until when (None: open),
    how often it was shut in a row, and why it is disabled."""

    failures: int = 0
    since: float = 0.0
    until: float | None = None
    shuts: int = 0
    disabled: str = ""


def failed(before: Standing, error: CrmError, *, now: float, rule: Rule, luck: float) -> Standing:
    """How it stands after one more failure. `luck` from 0 to 1 spreads the probes of several workers."""
    failures = before.failures + 1
    since = before.since if before.failures else now
    lasting = failures >= rule.shut_after and now - since >= rule.disable_after_s
    disabled = before.disabled or (error.code if error.code == GONE or lasting else "")
    if not disabled and not isinstance(error, Unavailable) and failures < rule.shut_after:
        return Standing(failures, since, before.until, before.shuts)
    pause_s = min(rule.longest_pause_s, FIRST_PAUSE_S * 2.0 ** min(before.shuts, 30)) * (1 + luck) / 2
    asked_s = (error.retry_after_s or 0.0) if isinstance(error, Later) else 0.0
    until = now + max(rule.probe_every_s if disabled else pause_s, asked_s)
    return Standing(failures, since, until, before.shuts + 1, disabled)


class Endpoint:
    """The gate to one receiver. `on_change` hears of each change of the standing but those that only count a failure.
    `monotonic` is the machine's, but for tests."""

    def __init__(
        self,
        rule: Rule,
        on_change: Callable[[Standing, CrmError | None], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rule = rule
        self._on_change = on_change
        self._monotonic = monotonic
        self._probing = False
        self._turn = 0
        self._changed = asyncio.Event()
        self.standing = Standing()
        self.served = 0
        """How many messages it has taken."""
        self.last_error: CrmError | None = None

    async def attempt(self, work: Callable[[], Awaitable[bool]]) -> None:
        """Waits for the gate, then does `work`, which says whether it called the receiver at all. Raises what it
        raises."""
        turn, probe = await self._through()
        try:
            called = await work()
        except CrmError as error:
            self._failed(error, turn)
            raise
        else:
            if called:
                self._taken()
        finally:
            if probe:
                self._probing = False
                self._wake()

    def enable(self) -> None:
        """A person says that it works again: the next message goes at once."""
        if self.standing.until is not None:
            self._stand(Standing(), None)

    async def _through(self) -> tuple[int, bool]:
        while True:
            until = self.standing.until
            if until is None:
                return self._turn, False
            left = until - self._monotonic()
            if left <= 0 and not self._probing:
                self._probing = True
                return self._turn, True
            changed = self._changed
            try:
                async with asyncio.timeout(left if left > 0 else None):
                    await changed.wait()
            except TimeoutError:
                continue

    def _taken(self) -> None:
        self.served += 1
        self.last_error = None
        if self.standing.until is not None:
            self._stand(Standing(), None)
        else:
            self.standing = Standing()

    def _failed(self, error: CrmError, turn: int) -> None:
        if turn != self._turn and error.code != GONE:
            return  # it set out before the gate was shut, and tells nothing new
        self.last_error = error
        before, after = self.standing, failed(
            self.standing, error, now=self._monotonic(), rule=self._rule, luck=random()
        )  # fmt: skip
        if after.until == before.until:
            self.standing = after
        else:
            self._stand(after, error)

    def _stand(self, standing: Standing, error: CrmError | None) -> None:
        self.standing = standing
        self._turn += 1
        self._on_change(standing, error)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
