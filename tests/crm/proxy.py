"""Stands between a connector and the CRM, passes everything on, and goes wrong when a test says so."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web


@dataclass
class Fault:
    """What happens to one request. `status` is answered instead of passing on; `cut` passes it on and then cuts the
    connection, so that the answer is lost; `hang` passes it on and never answers; `before` and `after` are awaited;
    `rewrite` is what becomes of the body."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hang: bool = False
    before: Callable[[], Any] | None = None
    after: Callable[[], Any] | None = None
    rewrite: Callable[[bytes], bytes] | None = None


Rule = Callable[[str, int], Fault | None]
"""By method of the JSON-RPC and number of the request (from 1): what goes wrong."""


class Proxy:
    """An async context manager; `url` is where it listens, `target` the CRM's own address; `ahead_s` is how far the
    CRM's clock seems to be ahead."""

    def __init__(self, target: str) -> None:
        self._target = target.rstrip("/")
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self.rule: Rule = lambda _method, _number: None
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.url = ""
        self.ahead_s = 0.0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._session.close()
        await self._runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        method = str(json.loads(body).get("method", ""))
        self.requests.append(method)
        self.bodies.append(body)
        fault = self.rule(method, len(self.requests)) or Fault()
        await _maybe(fault.before)
        body = body if fault.rewrite is None else fault.rewrite(body)
        if fault.status is not None:
            return web.Response(status=fault.status, headers=fault.headers)
        headers = {name: request.headers[name] for name in ("Content-Type", "Authorization") if name in request.headers}
        assert self._session is not None
        try:
            async with self._session.post(f"{self._target}{request.path}", data=body, headers=headers) as answer:
                content, status = await answer.read(), answer.status
                kept = {name: answer.headers[name] for name in ("Content-Type", "Date") if name in answer.headers}
        except aiohttp.ClientError:
            if request.transport is not None:
                request.transport.close()
            return web.Response(status=502)
        if self.ahead_s:
            kept["Date"] = email.utils.formatdate(time.time() + self.ahead_s, usegmt=True)
        await _maybe(fault.after)
        if fault.hang:
            await asyncio.Event().wait()
        if fault.cut and request.transport is not None:
            request.transport.close()
        return web.Response(status=status, body=content, headers=kept)


async def _maybe(act: Callable[[], Any] | None) -> None:
    found = None if act is None else act()
    if asyncio.iscoroutine(found):
        await found
