"""Whom we were asked to forget: an erasure wins over every handoff that is not younger than it (L8)."""

from __future__ import annotations

from pydantic import ValidationError

from baton_schemas.configuration import ErasureRequested
from services.runtime.processor import Globals

NEVER = -(1 << 62)
"""Before any time."""


def erased_at(snapshot: Globals, lead: str) -> int:
    """Up to when everything about `lead` is to be forgotten."""
    packed = snapshot.table("privacy.erasures").get(lead.encode())
    if packed is None:
        return NEVER
    try:
        return ErasureRequested.model_validate_json(packed).at
    except ValidationError:
        return NEVER
