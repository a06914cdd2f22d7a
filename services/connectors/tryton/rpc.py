"""Tryton's JSON-RPC: a session for our user, a context with each call, and its ways to say no as the kit's errors.

An answer's status is 200 even when it says no; the first word of `error` tells the kind. What it says in full may hold
names of customers, so only the kind goes into our errors.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from services.connectors.errors import Conflict, CrmError, Failing, Refused, Unavailable
from services.connectors.http import Http
from services.connectors.tryton.values import plain

LOCKED_OUT_S = 330.0
"""Each wrong password makes Tryton slower to answer, and it forgets them after five minutes: we ask more seldom."""
_JSON = {"Content-Type": "application/json"}
_KINDS: Mapping[str, tuple[type[CrmError], str]] = {
    "ConcurrencyException": (Conflict, "conflict"),
    "UserError": (Failing, "user_error"),
    "UserWarning": (Failing, "user_warning"),
    "LoginException": (Unavailable, "unauthorized"),
}


class Rpc:
    """Calls as one user of one database. Logs in anew, once, when the session has ended."""

    def __init__(self, http: Http, url: str, database: str, user: str, password: str) -> None:
        self._http = http
        self._url = f"{url.rstrip('/')}/{database}/rpc/"
        self._name = user
        self._password = password
        self._authorization: str | None = None
        self.context: dict[str, Any] = {"language": "en"}
        self.user = 0

    async def login(self) -> None:
        """Begins a session. Raises Unavailable when user or password are refused, or nobody answers."""
        try:
            result = await self._post("common.db.login", [self._name, {"password": self._password}, "en"], {})
        except Unavailable as error:
            if error.code == "unauthorized":
                raise Unavailable("unauthorized", "log-in refused", retry_after_s=LOCKED_OUT_S) from error
            raise
        self.user, key = int(result[0]), str(result[1])
        packed = base64.b64encode(f"{self._name}:{self.user}:{key}".encode()).decode()
        self._authorization = f"Session {packed}"

    async def logout(self) -> None:
        """Ends the session; that it has ended already is no error."""
        if self._authorization is not None:
            authorization, self._authorization = self._authorization, None
            try:
                await self._post("common.db.logout", [], {"Authorization": authorization})
            except CrmError:
                return

    async def call(self, model: str, method: str, *arguments: Any, **context: Any) -> Any:
        """The result of a method of a model; `context` comes on top of our own."""
        name, parameters = f"model.{model}.{method}", [*arguments, {**self.context, **context}]
        if self._authorization is None:
            await self.login()
        try:
            return await self._post(name, parameters, {"Authorization": self._authorization or ""})
        except Unavailable as error:
            if error.code != "unauthorized":
                raise
        await self.login()
        return await self._post(name, parameters, {"Authorization": self._authorization or ""})

    async def search_read(
        self,
        model: str,
        domain: list[Any],
        fields: list[str],
        *,
        order: Any = None,
        limit: int | None = None,
        **context: Any,
    ) -> list[dict[str, Any]]:
        """Records as dictionaries; sorted by id where no order is given."""
        found = await self.call(model, "search_read", domain, 0, limit, order or [["id", "ASC"]], fields, **context)
        return list(found)

    async def _post(self, method: str, parameters: list[Any], headers: Mapping[str, str]) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": parameters}, separators=(",", ":")).encode()
        text = await self._http.post(self._url, body, {**_JSON, **headers}, what=method)
        try:
            answer = json.loads(text, object_hook=plain)
        except ValueError as error:
            raise Failing("broken_answer", method) from error
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise Failing("broken_answer", method)
        if answer.get("error"):
            raise _failure(answer["error"], method)
        return answer.get("result")


def _failure(said: Any, method: str) -> CrmError:
    word = str(said[0]) if isinstance(said, list) and said else ""
    if word in _KINDS:
        kind, code = _KINDS[word]
        return kind(code, method)
    if "locked" in word:
        return Failing("database_locked", method)
    if "KeyError" in word or "has no attribute" in word:
        return Refused("unknown_method", field=method, fix="is sale_opportunity installed?")
    return Failing("server_error", method)
