"""The services that make up Baton, by name: each has `services/<name>/main.py` with `processor(settings)`."""

from __future__ import annotations

from importlib import import_module

from pydantic import SecretStr

from services.runtime.errors import UserError
from services.runtime.processor import Processor
from services.runtime.settings import Settings

SERVICES = ("scorer", "router", "feedback")
SHADOW = "shadow"
"""Runs beside them in shadow: what people did in the CRM, as answers to handoffs that nobody was given."""


def processor(name: str, settings: Settings) -> Processor:
    """The processor of a service, wired. Raises UserError for a name that is none, or not of this installation."""
    if name == SHADOW and not settings.shadow:
        raise UserError(
            f"{SHADOW}: there is nothing for it to do outside of shadow", fix=f"baton worker {name} --shadow"
        )
    if name not in names(settings):
        raise UserError(f"{name}: no service", fix=f"one of {', '.join(names(settings))}")
    made: Processor = import_module(f"services.{name}.main").processor(settings)
    return made


def names(settings: Settings) -> tuple[str, ...]:
    """The services of this installation."""
    return (*SERVICES, SHADOW) if settings.shadow else SERVICES


def processors(settings: Settings) -> list[Processor]:
    """All of them."""
    return [processor(name, settings) for name in names(settings)]


def journalled(settings: Settings) -> list[Processor]:
    """All of them, only to name their topics and journals: works without a person-key secret."""
    nameless = settings.model_copy(update={"person_key_secret": SecretStr("for naming only")})
    return processors(settings if settings.secret("person_key_secret") else nameless)
