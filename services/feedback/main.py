"""Wires feedback: it needs no secret and no setting of its own, the agreement of both teams is on the log."""

from __future__ import annotations

from services.feedback.processors import FeedbackProcessor
from services.runtime.processor import Processor
from services.runtime.settings import Settings


def processor(settings: Settings) -> Processor:  # noqa: ARG001  every service is wired through the same signature
    """The processor that `baton worker feedback` runs."""
    return FeedbackProcessor()
