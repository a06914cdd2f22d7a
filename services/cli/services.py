"""The services that make up Baton, by name: each has `services/<name>/main.py` with `processor(settings)`."""

from __future__ import annotations

from importlib import import_module

from pydantic import SecretStr

from services.runtime.errors import UserError
from services.runtime.processor import Processor
from services.runtime.settings import Settings

SERVICES = ("scorer", "router", "feedback")


def processor(name: str, settings: Settings) -> Processor:
    """The processor of a service, wired. Raises UserError for a name that is none."""
    if name not in SERVICES:
        raise UserError(f"{name}: no service", fix=f"one of {', '.join(SERVICES)}")
    made: Processor = import_module(f"services.{name}.main").processor(settings)
    return made


def processors(settings: Settings) -> list[Processor]:
    """All of them."""
    return [processor(name, settings) for name in SERVICES]


def journalled(settings: Settings) -> list[Processor]:
    """All of them, only to name their topics and journals: works without a person-key secret."""
    nameless = settings.model_copy(update={"person_key_secret": SecretStr("for naming only")})
    return processors(settings if settings.secret("person_key_secret") else nameless)
