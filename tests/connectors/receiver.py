"""A webhook's receiver that tests command: verifies with a library of others, remembers, answers as it is told."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes.").decode()
NEXT_SECRET = "whsec_" + base64.b64encode(b"the secret that follows it, too.").decode()


class Received(NamedTuple):
    """A genuine message, and the answer that it got."""

    id: str
    body: bytes
    document: dict[str, Any]
    status: int

    @property
    def handoff(self) -> str:
        return str(self.document["data"].get("handoff"))


Answer = Callable[[dict[str, Any]], web.Response | Awaitable[web.Response] | None]


class Receiver:
    """`answer` is asked for each genuine message; None means 204."""

    def __init__(self) -> None:
        self.secrets = [SECRET]
        self.answer: Answer = lambda _: None
        self.received: list[Received] = []
        self.most_at_once = 0
        self.url = ""
        self._at_once = 0
        self._runner: web.AppRunner | None = None

    async def serve(self, port: int = 0) -> None:
        """Listens; on a free port where none is named."""
        app = web.Application()
        app.router.add_post("/hook", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self.port}/hook"

    @property
    def port(self) -> int:
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Listens no more."""
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def taken(self) -> list[Received]:
        return [each for each in self.received if each.status < 300]

    def ids(self, number: int) -> list[str]:
        """The ids that were taken for a handoff, in order."""
        return [each.id for each in self.taken if each.handoff == f"h{number:024x}"]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        document: dict[str, Any] = {}
        for secret in self.secrets:  # every secret that we know has signed it
            document = Webhook(secret).verify(body, dict(request.headers))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            answer = self.answer(document)
            if isinstance(answer, Awaitable):
                answer = await answer
        finally:
            self._at_once -= 1
        answer = answer or web.Response(status=204)
        self.received.append(Received(request.headers["webhook-id"], body, document, answer.status))
        return answer


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    await receiver.serve()
    try:
        yield receiver
    finally:
        await receiver.close()


def settings_document(url: str, folder: Path, **fields: Any) -> dict[str, Any]:
    """Settings in a hurry; the secret's file is in `folder`."""
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "secret").chmod(0o600)
    known: dict[str, Any] = {
        "name": "hooks", "connector": "webhook", "url": url, "private_addresses": True,
        "secret_files": [str(folder / "secret")], "timeout_s": 0.3, "longest_pause_s": 0.1,
        "retries_s": [0.05, 0.05, 0.05], "disable_after_s": 3600.0, "requests_per_second": 1000.0,
    }  # fmt: skip
    return json.loads(json.dumps(known | fields, default=str))  # type: ignore[no-any-return]


async def never(_: dict[str, Any]) -> web.Response:
    """Hangs."""
    await asyncio.sleep(3600)
    raise AssertionError
