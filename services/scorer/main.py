"""Wires the scorer: reads its secret and hands the engine its processor."""

from __future__ import annotations

from services.runtime.processor import Processor
from services.runtime.settings import Settings
from services.scorer.identity import Keyring
from services.scorer.processors import ScorerProcessor


def processor(settings: Settings) -> Processor:
    """The scorer's processor. Raises UserError when the person-key secret is not set."""
    return ScorerProcessor(Keyring(settings.required_secret("person_key_secret"), settings.person_key_id))
