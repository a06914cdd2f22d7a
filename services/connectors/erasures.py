"""Whom we were asked to forget, as the log says now: for connectors that send what is older to somebody else (L8)."""

from __future__ import annotations

import asyncio
from functools import partial

from pydantic import ValidationError

from baton_schemas.configuration import ErasureRequested
from services.runtime.kafka.connection import broker_name, connection
from services.runtime.kafka.globals_reader import GlobalsReader
from services.runtime.settings import Settings

TOPIC = "privacy.erasures"
_PATIENCE_S = 60.0


class Erasures:
    """An async context manager: everything that the topic holds is known on entry, and what comes is followed."""

    def __init__(self, settings: Settings) -> None:
        self._reader = GlobalsReader(connection(settings), (TOPIC,), partial(broker_name, settings))
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Erasures:
        try:
            await self._reader.start(_PATIENCE_S)
        except BaseException:
            await self._reader.stop()
            raise
        self._following = asyncio.create_task(self._reader.follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._reader.stop()

    def cover(self, lead: str, moment: int) -> bool:
        """Whether what was decided of a lead at `moment` (Baton ms) is to be forgotten."""
        packed = self._reader.snapshot.table(TOPIC).get(lead.encode())
        if packed is None:
            return False
        try:
            return moment <= ErasureRequested.model_validate_json(packed).at
        except ValidationError:
            return True  # somebody asked, and we can't read since when: forget
