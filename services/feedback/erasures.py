"""Whom we were asked to forget: an erasure wins over every record that is not younger than it (L8)."""

from __future__ import annotations

from pydantic import ValidationError

from baton_schemas.configuration import ErasureRequested
from services.runtime.processor import Globals

ERASURES_TOPIC = "privacy.erasures"


class Erasures:
    """The erasures that a snapshot of the topic holds, by lead."""

    def __init__(self, snapshot: Globals) -> None:
        self._requests = snapshot.table(ERASURES_TOPIC)

    def covers(self, lead: str, moment: int) -> bool:
        """Whether what the log took in at `moment` (Baton ms) about `lead` is to be forgotten."""
        packed = self._requests.get(lead.encode())
        if packed is None:
            return False
        try:
            return moment <= ErasureRequested.model_validate_json(packed).at
        except ValidationError:
            return True  # somebody asked, and we can't read since when: forget
