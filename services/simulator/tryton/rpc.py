"""Tryton's JSON-RPC as its own clients speak it: a session per user, a context with every call, errors by kind."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from services.simulator.tryton.values import packed, unpacked

_TIMEOUT = aiohttp.ClientTimeout(total=90)


class TrytonError(Exception):
    """The call failed, and Tryton undid what it had begun."""


class Refused(TrytonError):
    """An answer that is no answer of the API: 401 for who is not known (any more), 429, 403, 503, ..."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class Fault(TrytonError):
    """What the API itself says. `kind` is Tryton's own word, UserError above all; for a bug of the caller or of the
    server there is no word, and `kind` is empty."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}" if kind else message)
        self.kind = kind
        self.message = message


@dataclass(slots=True)
class Session:
    """A user at work. `context` goes with every call: who they are, which company they work for."""

    http: aiohttp.ClientSession
    url: str
    authorization: str
    user: int
    context: dict[str, Any]

    async def call(self, model: str, method: str, *arguments: object, context: Mapping[str, object] = {}) -> Any:
        """Calls a method of a model. Raises `Fault` or `Refused`."""
        parameters = [*arguments, {**self.context, **context}]
        return await _post(self.http, self.url, f"model.{model}.{method}", parameters, self.authorization)

    async def create(self, model: str, *records: Mapping[str, object]) -> list[int]:
        """Makes the records in one transaction; gives their ids."""
        ids: list[int] = await self.call(model, "create", list(records))
        return ids

    async def search(self, model: str, *domain: object, limit: int | None = None) -> list[int]:
        """The ids of the records that meet every clause."""
        ids: list[int] = await self.call(model, "search", list(domain), 0, limit, None)
        return ids

    async def read(self, model: str, id: int, *fields: str) -> dict[str, Any]:
        """These fields of one record."""
        records: list[dict[str, Any]] = await self.call(model, "read", [id], list(fields))
        return records[0]

    async def write(self, model: str, id: int, **values: object) -> None:
        """Changes these fields of one record."""
        await self.call(model, "write", [id], values)

    async def press(self, model: str, button: str, id: int) -> None:
        """Presses a button on one record."""
        await self.call(model, button, [id])

    async def logout(self) -> None:
        """Ends the session on the server."""
        await _post(self.http, self.url, "common.db.logout", [], self.authorization)


async def login(http: aiohttp.ClientSession, url: str, database: str, name: str, password: str) -> Session:
    """Begins a session. Raises `Refused`: 401 if name or password are wrong, 429 after too many tries."""
    url = f"{url}/{database}/rpc/"
    user, token, _ = await _post(http, url, "common.db.login", [name, {"password": password}, "en"], None)
    authorization = "Session " + base64.b64encode(f"{name}:{user}:{token}".encode()).decode()
    session = Session(http, url, authorization, user, {})
    session.context = await session.call("res.user", "get_preferences", True)
    return session


async def _post(
    http: aiohttp.ClientSession, url: str, method: str, parameters: list[object], authorization: str | None
) -> Any:
    body = json.dumps({"id": 0, "method": method, "params": parameters}, default=packed)
    headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
    async with http.post(url, data=body, headers=headers, timeout=_TIMEOUT) as response:
        if response.status != HTTPStatus.OK:
            raise Refused(response.status)
        answer = json.loads(await response.read(), object_hook=unpacked)
    if "error" in answer:
        raise _fault(answer["error"])
    return answer.get("result")


def _fault(error: list[Any]) -> Fault:
    """Tryton's own errors begin with their kind; any other is [text, traceback]."""
    match error:
        case ["UserError" as kind, [message, *_]]:
            return Fault(kind, str(message))
        case ["UserWarning" | "LoginException" as kind, [_, message, *_]]:
            return Fault(kind, str(message))
        case ["ConcurrencyException" as kind, message]:
            return Fault(kind, str(message))
        case [text, *_]:
            return Fault("", str(text))
    return Fault("", "")
