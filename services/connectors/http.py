"""Requests to a CRM over HTTP: paced, bounded in time, and each way to fail turned into what happens next.

connection refused, DNS, 502, 503, 504     the CRM is away: everybody waits
401                                        our log-in is refused: once anew, then everybody waits
429                                        too fast: everybody waits as long as it asks for (Retry-After)
408, 500, a time-out, a broken answer      this request failed: again later
409, 412, 423                              somebody wrote in between: read again
403, 404, 422 and other 4xx                failed as well: rights and fields can be mended while it is tried again
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiolimiter import AsyncLimiter

from services.connectors.errors import Conflict, CrmError, Failing, Unavailable
from services.connectors.settings import CallSettings

LARGEST_ANSWER = 64 << 20
LONGEST_RETRY_AFTER_S = 3600.0
_AWAY = {502, 503, 504}
_WRITTEN_BETWEEN = {409, 412, 423}


class Http:
    """An async context manager. `skew_ms` is how far the other side's clock is ahead of ours, as its answers say.
    `judge` turns a status from 300 on into what happens next, `resolver` names into addresses."""

    def __init__(
        self,
        settings: CallSettings,
        *,
        judge: Callable[[int, Mapping[str, str], str], CrmError] | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._judge = judge or failure
        self._resolver = resolver
        self._limiter = AsyncLimiter(max(1.0, settings.requests_per_second), max(1.0, 1 / settings.requests_per_second))
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout_s)
        self._connections = settings.connections
        self._session: aiohttp.ClientSession | None = None
        self.skew_ms = 0

    async def __aenter__(self) -> Self:
        if self._session is not None:
            return self
        connector = aiohttp.TCPConnector(limit=self._connections, resolver=self._resolver)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, what: str, want_answer: bool = True
    ) -> bytes:
        """The answer's body, of which nothing is read unless it is wanted. `what` names the request in errors. Raises
        CrmError."""
        assert self._session is not None  # noqa: S101  used inside its context only
        async with self._limiter:
            try:
                async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                    self._read_clock(answer.headers)
                    if answer.status >= 300:
                        raise self._judge(answer.status, answer.headers, what)
                    return await _whole(answer.content, what) if want_answer else b""
            except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError, ConnectionError) as error:
                raise Unavailable("unreachable", f"{what}: {type(error).__name__}") from error
            except TimeoutError as error:
                raise Failing("timeout", what) from error
            except aiohttp.ClientError as error:
                raise Failing("broken_answer", f"{what}: {type(error).__name__}") from error

    def _read_clock(self, headers: Mapping[str, str]) -> None:
        """Their time, to a second: a skew below that is none."""
        stamp = headers.get("Date")
        if stamp is None:
            return
        try:
            theirs = email.utils.parsedate_to_datetime(stamp).timestamp()
        except ValueError:
            return
        ahead = theirs + 0.5 - time.time()
        self.skew_ms = 0 if abs(ahead) < 1.5 else round(ahead * 1000)


async def _whole(content: aiohttp.StreamReader, what: str) -> bytes:
    """All of a body, which may come in many pieces."""
    pieces, size = [], 0
    async for piece in content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise Failing("broken_answer", f"{what}: over {LARGEST_ANSWER >> 20} MiB")
    return b"".join(pieces)


def failure(status: int, headers: Mapping[str, str], what: str) -> CrmError:
    """What an answer's status means."""
    text = f"{what}: HTTP {status}"
    if status == 401:
        return Unavailable("unauthorized", text)
    if status == 429 or status in _AWAY:
        return Unavailable("too_many_requests" if status == 429 else "away", text, retry_after_s=retry_after(headers))
    if status in _WRITTEN_BETWEEN:
        return Conflict("conflict", text)
    codes = {403: "forbidden", 404: "not_found", 413: "too_large", 422: "unprocessable"}
    code = codes.get(status, "server_error" if status >= 500 else "rejected")
    return Failing(code, text, retry_after_s=retry_after(headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from a Retry-After header, which may be a number or a date; None when there is none that makes sense."""
    said = headers.get("Retry-After", "").strip()
    if not said:
        return None
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(said).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)
