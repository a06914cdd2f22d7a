"""What the other side answers, on a real server: whole however it comes, and no redirect followed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from services.connectors.errors import Failing
from services.connectors.http import Http
from services.connectors.settings import CallSettings

pytestmark = pytest.mark.asyncio
SETTINGS = CallSettings.model_validate({"name": "x"})


@asynccontextmanager
async def serving(answer: web.StreamResponse | None, pieces: list[bytes]) -> AsyncIterator[str]:
    """A server that writes its answer piece by piece, each flushed."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = answer or web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_an_answer_is_whole_however_many_pieces_it_comes_in() -> None:
    pieces = [bytes([65 + number]) * 300_000 for number in range(5)]
    async with serving(None, pieces) as url, Http(SETTINGS) as http:
        assert await http.post(url, b"", {}, what="x") == b"".join(pieces)


async def test_what_is_not_wanted_is_not_read() -> None:
    async with serving(None, [b"x" * 100]) as url, Http(SETTINGS) as http:
        assert await http.post(url, b"", {}, what="x", want_answer=False) == b""


async def test_no_redirect_is_followed() -> None:
    away = web.StreamResponse(status=302, headers={"Location": "http://127.0.0.1:1/"})
    async with serving(away, []) as url, Http(SETTINGS) as http:
        with pytest.raises(Failing, match="302"):
            await http.post(url, b"", {}, what="x")
