"""Wires the router: it needs no secret, everything it knows comes from the log."""

from __future__ import annotations

from services.router.processors import RouterProcessor
from services.runtime.processor import Processor
from services.runtime.settings import Settings


def processor(settings: Settings) -> Processor:  # noqa: ARG001  every service is wired in the same way
    """The router's processor."""
    return RouterProcessor()
