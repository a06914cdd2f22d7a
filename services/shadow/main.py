"""Wires shadow: it needs no secret, both sides come with keys."""

from __future__ import annotations

from services.runtime.processor import Processor
from services.runtime.settings import Settings
from services.shadow.processors import ShadowProcessor


def processor(settings: Settings) -> Processor:  # noqa: ARG001  every service is wired through the same signature
    """The processor that `baton worker shadow` runs."""
    return ShadowProcessor()
